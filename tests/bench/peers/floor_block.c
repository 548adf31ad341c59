#include "tests/bench/peers/floor_block.h"

#include <stdlib.h>

#include "tests/bench/peers/bench.h"

static size_t usual = 256 << 10;
static struct block *usual_pool, *small_pool;

void block_set_usual(size_t size)
{
    usual = size;
}

size_t block_usual(void)
{
    return usual;
}

/* Where blocks of a size wait for their next use; NULL: they do not. */
static struct block **pool_of(size_t room)
{
    if (room == usual)
        return &usual_pool;
    return room == BLOCK_SMALL ? &small_pool : NULL;
}

struct block *block_new(size_t room)
{
    struct block **pool = pool_of(room);
    struct block *block = pool ? *pool : NULL;

    if (block) {
        *pool = block->next;
    } else {
        block = malloc(sizeof(*block) + room);
        if (!block)
            bench_die("no memory for a block of %zu bytes", room);
        block->room = room;
    }
    block->n_refs = 1;
    block->used = 0;
    return block;
}

void block_free(struct block *block)
{
    struct block **pool = pool_of(block->room);

    if (!pool) {
        free(block);
        return;
    }
    block->next = *pool;
    *pool = block;
}
