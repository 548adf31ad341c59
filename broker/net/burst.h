/* A burst: what the connections of a round have sent and nobody has got yet.
 *
 * A stretch of messages goes to many queues. It stands here once, and each queue
 * has a share of 16 bytes in it. Requests and replies go to one queue each, and
 * those that lie behind each other are one stretch as well (outq_share_one). As a
 * rule a share is sent straight from here when the round writes (outq_send.c): for
 * what the kernel takes at once no entry is made and no lane's books are kept. What
 * the kernel does not take, and what stands in front of anything else that is
 * queued, ages first: it becomes entries (outq_age). So who wants to know a queue's
 * or a lane's books lets it age.
 *
 * Shares borrow their audiences: before one may be freed, all have aged
 * (net_settle). Nothing is allocated; a burst that is full is written before its
 * round is over (net_write_burst).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/net/block.h"

struct audience;
struct outq;

enum {
    BURST_STRETCHES = 4096,
    BURST_SHARES = 1 << 16,
    BURST_SHARES_CACHED = 1 << 14, /* more fall out of the caches … */
    BURST_STRETCHES_FEW = 64,      /* … but a few messages a write cost more than that */
    BURST_BYTES = 1 << 20,
};

/* A run of whole frames that lie together in a block. */
struct stretch {
    struct block *block;
    uint32_t off;
    uint32_t len;
    uint32_t n; /* messages */
};

struct share {
    struct audience *to;
    uint32_t stretch;
    uint32_t next; /* of the same queue: 1 + its place; 0: the last */
};

struct burst {
    struct outq *first;  /* queues with a share; some may have aged since */
    uint64_t era;        /* raised when books that a room was measured by may have changed */
    uint64_t n_gone;     /* shares of all bursts before this one */
    uint64_t n_bytes;    /* of all stretches: no queue has more than that in its shares */
    uint32_t n_messages;
    uint32_t n_stretches;
    uint32_t n_shares;
    struct stretch stretches[BURST_STRETCHES];
    struct share shares[BURST_SHARES];
};

/* Whether a stretch for so many queues can be added. */
static inline bool burst_has_room(const struct burst *burst, uint32_t n_queues)
{
    return burst->n_stretches < BURST_STRETCHES && n_queues <= BURST_SHARES - burst->n_shares;
}

/* Whether it should be written now. */
static inline bool burst_is_full(const struct burst *burst)
{
    return burst->n_bytes >= BURST_BYTES || burst->n_stretches == BURST_STRETCHES ||
           (burst->n_shares >= BURST_SHARES_CACHED &&
            burst->n_stretches >= BURST_STRETCHES_FEW);
}

/* Opens a stretch of the block, with a reference to it. Its number. */
static inline uint32_t burst_open(struct burst *burst, struct block *block, uint32_t off)
{
    struct stretch *stretch = &burst->stretches[burst->n_stretches];
    stretch->block = block_ref(block);
    stretch->off = off;
    return burst->n_stretches++;
}

/* Says how long the newest one has become. Until then nothing is written and nothing ages. */
static inline void burst_close(struct burst *burst, uint32_t len, uint32_t n)
{
    struct stretch *stretch = &burst->stretches[burst->n_stretches - 1];
    stretch->len = len;
    stretch->n = n;
    burst->n_bytes += len;
    burst->n_messages += n;
}

/* An empty one; NULL: no memory. */
struct burst *burst_new(void);
/* Takes NULL and returns NULL. */
struct burst *burst_free(struct burst *burst);

/* Takes the next queue off the list; NULL: that was all. */
struct outq *burst_pop(struct burst *burst);
/* Lets go of all stretches: no queue has a share any more. */
void burst_clear(struct burst *burst);
