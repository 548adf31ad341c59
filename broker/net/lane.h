/* A lane: one subscription's (or service's) share of its connection's queue.
 *
 * The connection has one output FIFO; a lane is the view of it that belongs to
 * one sid: what is queued for it, how much may be, and where its losses stand.
 * It is embedded, as its first member, in what the layer above makes of it in a
 * slab, and is given back when the last audience lets go: queued messages may
 * outlive the subscription by as long as they take to be sent. There may be a
 * million of them, so each byte counts.
 *
 * An audience is a set of lanes of one connection: those that one queued run of
 * messages is for, and that SELECT names. Every lane has the audience of itself
 * built in, which is also its reference count; larger ones are made when
 * subscriptions of one connection overlap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct entry;
struct lane;

struct audience {
    uint32_t refs;
    uint16_t n;
    bool credentials;     /* PEER goes ahead of its messages */
    bool single;          /* each of its messages is an entry of its own (latest) */
    struct lane *lanes[1]; /* n of them */
};

struct lane {
    struct audience solo;
    uint32_t sid;
    uint32_t max_messages;
    uint32_t max_bytes;
    uint32_t n_messages;  /* queued now */
    uint32_t n_bytes;
    uint8_t last_loss;    /* enum gap; 0: none yet */
    uint8_t policy;       /* what happens when it is full: not a matter of this layer */
    bool is_service;      /* what waits for it is an entry a message, and told of (outq.h) */
    uint64_t n_lost;
    struct entry *oldest;    /* no message of this lane is queued before it; NULL: not known */
    struct entry *front_gap; /* losses of its oldest messages, not announced yet */
    struct entry *tail_gap;  /* losses behind its newest message */
};

void lane_init(struct lane *lane, uint32_t sid, uint32_t max_bytes, uint32_t max_messages);

static inline struct audience *audience_ref(struct audience *audience)
{
    audience->refs++;
    return audience;
}

void audience_release(struct audience *audience);

/* Takes NULL. */
static inline void audience_unref(struct audience *audience)
{
    if (audience && --audience->refs == 0)
        audience_release(audience);
}

/* Lets go of what lane_init holds; the lane goes back to its slab with the last use. */
static inline void lane_unref(struct lane *lane)
{
    audience_unref(&lane->solo);
}

/* A new audience of lanes[0..n), all different, of one connection. For n == 1
 * the built-in one, with one more reference. NULL: no memory. */
struct audience *audience_new(struct lane *const *lanes, uint32_t n);
/* `audience` without `lane`: a new reference, or NULL: no memory. It holds at
 * least one other. */
struct audience *audience_without(const struct audience *audience, const struct lane *lane);
bool audience_has(const struct audience *audience, const struct lane *lane);
/* The same lanes in the same order; NULL: none. */
static inline bool audience_equal(const struct audience *a, const struct audience *b)
{
    return a == b || (a && b && a->n == b->n && a->n > 1 &&
                      memcmp(a->lanes, b->lanes, a->n * sizeof *a->lanes) == 0);
}

/* Whether one more message of `len` bytes fits: one always fits an empty queue. */
static inline bool lane_fits(const struct lane *lane, size_t len)
{
    return lane->n_messages == 0 ||
           (lane->n_messages < lane->max_messages && lane->n_bytes + len <= lane->max_bytes);
}
