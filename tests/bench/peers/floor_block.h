/*
 * Blocks of bytes that were read, shared by all receivers of what stands in them, and counted.
 *
 * Blocks of the usual size and small ones go back into pools, which are no thread's but the broker's only one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BLOCK_SMALL (16 << 10)

struct block {
    unsigned n_refs;
    size_t room;
    size_t used; /* bytes at the front that hold something */
    struct block *next;
    uint8_t bytes[];
};

/** The size of a block that is pooled; call it before the first block_new(). */
void block_set_usual(size_t size);
size_t block_usual(void);

/** A block with one reference. Never NULL. @param room  at least; less than usual is taken as it is */
struct block *block_new(size_t room);
/** The last reference is gone. */
void block_free(struct block *block);

static inline void block_put(struct block *block)
{
    if (--block->n_refs == 0)
        block_free(block);
}
