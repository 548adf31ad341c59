#include "broker/net/block.h"

#include <stdlib.h>

enum { LARGE_SPARE = 4 }; /* times what was asked for */

struct block *block_new(size_t cap)
{
    struct block *block = malloc(sizeof *block + cap);
    if (block)
        *block = (struct block){ .refs = 1, .cap = (uint32_t)cap, .size = (uint32_t)cap };
    return block;
}

static void push(struct block **list, struct block *block)
{
    block->next_free = *list;
    *list = block;
}

/* Those that were given back longest ago go, until no more than `most` bytes are kept. */
static void drop_old_large(struct block_pool *pool, size_t most)
{
    while (pool->n_large_bytes > most) {
        struct block **link = &pool->large;
        while ((*link)->next_free)
            link = &(*link)->next_free;
        pool->n_large_bytes -= (*link)->size;
        free(*link);
        *link = NULL;
    }
}

void block_release(struct block *block)
{
    struct block_pool *pool = block->pool;
    bool is_large = block->size >= LARGE_BLOCK_MIN && block->size <= LARGE_BYTES_MAX;
    if (pool)
        pool->n_bytes -= block->size;
    if (pool && block->shared && pool->n_free < POOLED_BLOCKS_MAX) {
        push(&pool->free, block);
        pool->n_free++;
    } else if (pool && !block->shared && is_large) {
        drop_old_large(pool, LARGE_BYTES_MAX - block->size);
        push(&pool->large, block);
        pool->n_large_bytes += block->size;
    } else {
        free(block);
    }
}

/* ---- large blocks -------------------------------------------------------- */

/* Where one of that size hangs, or a larger one: what begins a frame may grow to all of it. */
static struct block **large_find(struct block_pool *pool, size_t size)
{
    struct block **link = &pool->large;
    while (*link && ((*link)->size < size || (*link)->size > LARGE_SPARE * size))
        link = &(*link)->next_free;
    return link;
}

static struct block *large_take(struct block_pool *pool, size_t size)
{
    struct block **link = large_find(pool, size);
    struct block *block = *link;
    if (block) {
        *link = block->next_free;
        pool->n_large_bytes -= block->size;
    }
    return block;
}

static size_t size_for(size_t cap)
{
    if (cap < LARGE_BLOCK_MIN)
        return cap;
    return (cap + LARGE_BLOCK_STEP - 1) & ~(size_t)(LARGE_BLOCK_STEP - 1);
}

struct block *block_pool_new(struct block_pool *pool, size_t cap)
{
    size_t size = size_for(cap);
    struct block *block = cap >= LARGE_BLOCK_MIN ? large_take(pool, size) : NULL;
    if (!block)
        block = block_new(size);
    if (!block)
        return NULL;
    size = block->size;
    *block = (struct block){
        .refs = 1, .cap = (uint32_t)cap, .size = (uint32_t)size, .pool = pool };
    pool->n_bytes += size;
    return block;
}

bool block_pool_keeps(struct block_pool *pool, size_t cap)
{
    return cap >= LARGE_BLOCK_MIN && *large_find(pool, size_for(cap));
}

struct block *block_grow(struct block *block, size_t cap)
{
    size_t size = size_for(cap);
    uint32_t before = block->size;
    if (size <= before) { /* it was kept, and is larger than was asked for */
        block->cap = (uint32_t)cap;
        return block;
    }
    block = realloc(block, sizeof *block + size);
    if (!block)
        return NULL;
    block->cap = (uint32_t)cap;
    block->size = (uint32_t)size;
    block->pool->n_bytes += size - before;
    return block;
}

/* ---- read blocks --------------------------------------------------------- */

static struct block *pool_take(struct block_pool *pool)
{
    struct block *block = pool->free;
    if (block) {
        pool->free = block->next_free;
        pool->n_free--;
        block->refs = 1;
        block->used = 0;
    } else {
        block = block_new(READ_BLOCK);
        if (!block)
            return NULL;
        block->pool = pool;
        block->shared = true;
    }
    pool->n_bytes += READ_BLOCK;
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

static void free_all(struct block *list)
{
    while (list) {
        struct block *block = list;
        list = block->next_free;
        free(block);
    }
}

void block_pool_deinit(struct block_pool *pool)
{
    block_unref(pool->current);
    free_all(pool->free);
    free_all(pool->large);
    *pool = (struct block_pool){ 0 };
}
