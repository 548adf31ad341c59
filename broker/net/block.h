/* Blocks: reference-counted bytes that queues point into.
 *
 * A read block is large and shared: all connections of a round are read into
 * it, and a published frame is sent to every receiver straight out of it. A
 * plain block belongs to what it was made for (a partial frame, the copies of
 * one slow receiver); up to 4 MiB of large ones are kept when they are free, since new
 * ones cost a page fault every 4 KiB. Whoever keeps a pointer into a block holds a reference;
 * bytes below `used` are never written again while somebody else does, but for
 * the id and token of a frame that is in no queue yet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    READ_BLOCK = 256 << 10,   /* one read's worth; 64 KiB reads were 40 % slower */
    READ_ROOM_MIN = 64 << 10, /* less room than that: take the next block */
    POOLED_BLOCKS_MAX = 16,   /* free read blocks kept: 4 MiB */
    LARGE_BLOCK_MIN = 64 << 10,
    LARGE_BLOCK_STEP = 64 << 10, /* so that a little more or less finds one that is kept */
    LARGE_BYTES_MAX = 4 << 20,   /* free large blocks kept */
};

struct block_pool;

struct block {
    uint32_t refs;
    uint32_t cap;
    uint32_t used;
    uint32_t size;           /* that it has in memory: cap or more */
    bool shared;             /* a read block */
    struct block_pool *pool; /* that counts it, and may keep it; NULL: none does */
    struct block *next_free;
    uint8_t data[];
};

struct block_pool {
    struct block *free;
    struct block *current; /* what the next read goes into; the pool's reference */
    unsigned n_free;
    struct block *large; /* free plain ones, the latest first */
    size_t n_large_bytes;
    size_t n_bytes; /* of all blocks that somebody holds */
};

void block_pool_deinit(struct block_pool *pool);

/* The block that the next read goes into, with at least READ_ROOM_MIN bytes
 * behind `used`. Borrowed. NULL: no memory. */
struct block *block_pool_current(struct block_pool *pool);

/* A plain block of `cap` bytes with one reference; NULL: no memory. */
struct block *block_new(size_t cap);
/* The same, counted by the pool; a large one may be one that it has kept. */
struct block *block_pool_new(struct block_pool *pool, size_t cap);

/* Whether the pool has kept a large block for that: no page of it need be made anew. */
bool block_pool_keeps(struct block_pool *pool, size_t cap);

/* Makes a plain block of a pool larger; nobody else may hold it. Returns it, where it is now, with
 * what is in it. NULL: no memory, and the block is as it was. A large one is not copied
 * (mremap(2)). */
struct block *block_grow(struct block *block, size_t cap);

static inline struct block *block_ref(struct block *block)
{
    block->refs++;
    return block;
}

void block_release(struct block *block);

/* Takes NULL. */
static inline void block_unref(struct block *block)
{
    if (block && --block->refs == 0)
        block_release(block);
}
