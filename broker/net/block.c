#include "broker/net/block.h"

#include <stdlib.h>

struct block *block_new(size_t cap)
{
    struct block *block = malloc(sizeof *block + cap);
    if (block)
        *block = (struct block){ .refs = 1, .cap = (uint32_t)cap };
    return block;
}

void block_release(struct block *block)
{
    struct block_pool *pool = block->pool;
    if (!pool || pool->n_free == POOLED_BLOCKS_MAX) {
        free(block);
        return;
    }
    block->next_free = pool->free;
    pool->free = block;
    pool->n_free++;
}

static struct block *pool_take(struct block_pool *pool)
{
    struct block *block = pool->free;
    if (!block) {
        block = block_new(READ_BLOCK);
        if (block)
            block->pool = pool;
        return block;
    }
    pool->free = block->next_free;
    pool->n_free--;
    block->refs = 1;
    block->used = 0;
    return block;
}

struct block *block_pool_current(struct block_pool *pool)
{
    struct block *block = pool->current;
    if (block && block->refs == 1)
        block->used = 0; /* everything that was in it has been sent */
    if (block && block->cap - block->used >= READ_ROOM_MIN)
        return block;

    struct block *next = pool_take(pool);
    if (next) {
        block_unref(block);
        pool->current = next;
    }
    return next;
}

void block_pool_deinit(struct block_pool *pool)
{
    block_unref(pool->current);
    while (pool->free) {
        struct block *block = pool->free;
        pool->free = block->next_free;
        free(block);
    }
    *pool = (struct block_pool){ 0 };
}
