/* The output FIFO of one connection.
 *
 * Its newest part may be shares in the burst of the round (burst.h); all else is
 * entries. An entry is a run of whole frames that lie together in one block, of one
 * sender, for one audience; or a gap: losses of one lane, announced where they
 * stand. What differs between receivers is not in the block: SELECT, PEER and
 * GAP are written when bytes go to the socket (outq_send.c), and what the
 * kernel does not take of them waits in `pending`.
 *
 * Policies are not made here (route/overflow.c makes them); this is how room is
 * counted and made. A run is dropped at message boundaries, one lane at a time;
 * its bytes go when nobody is left to get them. Bytes of which some are sent
 * are never dropped.
 *
 * What it costs: an entry is 72 bytes; a block is held as long as an entry
 * points into it, so runs shorter than a quarter of their block are copied out
 * of it as soon as the connection blocks (outq_settle).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/guard/card.h"
#include "broker/net/block.h"
#include "broker/net/burst.h"
#include "broker/net/lane.h"
#include "proto/opcode.h"

struct entry;

/* Told once, when the first byte of an entry goes to the kernel (`sent`) or
 * the entry is dropped. Embedded in who wants to know. */
struct entry_hook {
    void (*left)(struct entry_hook *hook, bool sent);
    struct lane *lane; /* dropped for this lane is dropped for the hook */
    struct entry_hook *next;
};

struct entry {
    struct entry *next;
    struct entry *prev;
    struct block *block;    /* NULL: a gap */
    struct audience *to;    /* NULL: frames that are for no lane (control, replies) */
    struct card *card;      /* set if the audience wants the sender's credentials */
    struct entry_hook *hooks;
    uint32_t off;
    uint32_t len;
    uint64_t n;             /* messages; of a gap: how many are missing */
    uint8_t reason;         /* of a gap: enum gap */
};

struct entry_pool {
    struct entry *free;
    uint32_t n_free;
    struct burst *burst; /* of those whose entries these are; NULL: nothing is shared */
    /* A request that was shared for a service's lane has to wait: it is this entry now. */
    void (*request_queued)(struct outq *outq, struct entry *entry);
    struct block_pool *blocks; /* that counts what is copied for them; NULL: none does */
};

struct outq {
    struct entry *head;
    struct outq *next_in_burst;
    uint32_t first_share;      /* 1 + its place in the burst; 0: none */
    uint32_t last_share;
    struct audience *selected; /* what the last SELECT named */
    uint32_t n_bytes;          /* frames queued, each counted once; shares are not */
    uint32_t n_messages;       /* the same in frames */
    uint64_t n_sent;           /* frames that have left */
    uint32_t head_sent;        /* bytes of the first message of `head` that are gone */
    uint32_t n_dropped;        /* bytes taken out since the rest was last moved together */
    uint16_t pending_len;
    bool blocked;              /* the kernel takes no more for now */
    bool in_burst;
    bool broken;               /* there was no memory for a share: nothing more is sent */
    struct entry *tail;
    struct entry_pool *pool;
    struct entry *settled;     /* up to here runs are out of the read blocks */
    struct block *own;         /* where settled copies go */
    uint64_t *peers;           /* ids of the last PEERs, by id mod PEER_CACHE; or NULL */
    uint8_t *pending;          /* the rest of a preamble that is half sent */
};

void entry_pool_deinit(struct entry_pool *pool);

void outq_init(struct outq *outq, struct entry_pool *pool);
/* Drops everything, and it may be used again; idempotent. */
void outq_deinit(struct outq *outq);

static inline bool outq_is_empty(const struct outq *outq)
{
    return !outq->head && outq->pending_len == 0 && outq->first_share == 0;
}

/* Whether what the kernel has taken so far ends with a frame. */
static inline bool outq_is_between(const struct outq *outq)
{
    return outq->head_sent == 0 && outq->pending_len == 0;
}

/* A share in a stretch of the burst for `to`, which wants neither credentials nor
 * entries of its own. The burst has room. */
static inline void outq_share(struct outq *outq, struct burst *burst, uint32_t stretch,
                              struct audience *to)
{
    uint32_t last = outq->last_share;
    burst->shares[burst->n_shares] = (struct share){ to, stretch, 0 };
    outq->last_share = ++burst->n_shares;
    *(outq->first_share ? &burst->shares[last - 1].next : &outq->first_share) = outq->last_share;
    if (outq->in_burst)
        return;
    outq->in_burst = true;
    outq->next_in_burst = burst->first;
    burst->first = outq;
}

/* Shares one frame that is for this queue alone: with the newest stretch of the queue, if the frame
 * lies right behind that and is for the same. `to` is a service's, or NULL. The number of the
 * share, never used again. The burst has room. */
static inline uint64_t outq_share_one(struct outq *outq, struct burst *burst, struct block *block,
                                      uint32_t off, uint32_t len, struct audience *to)
{
    const struct share *last = outq->first_share ? &burst->shares[outq->last_share - 1] : NULL;
    struct stretch *stretch = last ? &burst->stretches[last->stretch] : NULL;
    if (!last || last->to != to || stretch->block != block || stretch->off + stretch->len != off) {
        uint32_t number = burst_open(burst, block, off);
        outq_share(outq, burst, number, to);
        stretch = &burst->stretches[number];
        stretch->len = stretch->n = 0;
    }
    stretch->len += len;
    stretch->n++;
    burst->n_bytes += len;
    burst->n_messages++;
    return burst->n_gone + outq->last_share;
}

/* Whether the share of that number has neither left nor become an entry. */
static inline bool outq_has_share(const struct outq *outq, uint64_t number)
{
    return outq->first_share && number >= outq->pool->burst->n_gone + outq->first_share;
}

/* Makes entries of its shares, and keeps the lanes' books of them. 0, or -ENOMEM: then it is
 * broken, and its connection has to end. */
int outq_make_entries(struct outq *outq);
static inline int outq_age(struct outq *outq)
{
    return outq->first_share || outq->broken ? outq_make_entries(outq) : 0;
}

/* A run of n messages, block->data[off .. off+len), for `to` (may be NULL), sent by
 * `card` (may be NULL: the broker). Takes references, charges every lane.
 * *ret (may be NULL) is the entry. 0 or -ENOMEM, and then nothing has happened. */
int outq_push(struct outq *outq, struct block *block, uint32_t off, uint32_t len, uint32_t n,
              struct audience *to, struct card *card, struct entry **ret);
/* Asks to be told when the entry leaves. The entry must hold one message. */
void entry_watch(struct entry *entry, struct entry_hook *hook);
/* Takes an entry out that has not begun to leave, for all of its lanes; no gap is
 * made. false: it has begun, nothing happened. */
bool outq_remove(struct outq *outq, struct entry *entry);

/* n more losses of the lane behind its newest message; a gap that stands there already takes
 * them, under its own reason. 0 or -ENOMEM. */
int outq_gap(struct outq *outq, struct lane *lane, enum gap reason, uint64_t n);
/* Takes one lane off an entry of one message that has not begun to leave, and puts a gap
 * in its place. 0 or -ENOMEM, and then nothing has happened. */
int outq_replace(struct outq *outq, struct lane *lane, struct entry *entry, enum gap reason);
/* Drops the lane's oldest messages until one of `len` bytes fits it, leaving a
 * gap where they stood. true if it fits now; false: what is left has begun to leave, or
 * no memory. */
bool outq_make_room(struct outq *outq, struct lane *lane, uint32_t len, enum gap reason);
/* Drops the lane's oldest run, up to `n` messages. The messages dropped (0: none
 * is left that may be, or no memory). */
uint64_t outq_drop_oldest(struct outq *outq, struct lane *lane, uint64_t n, enum gap reason);

/* Takes out all that has not begun to leave. Nothing of it is announced: nothing follows. */
void outq_drop_rest(struct outq *outq);

/* Moves short runs that are new since the last call out of the read blocks; and, when as much has
 * been dropped as is left, what is left out of the blocks that it shared with that. */
void outq_settle(struct outq *outq);
