/* Runs: messages that follow each other in one block to the same receivers.
 *
 * A stream of messages on one subject, or on several that the same subscriptions
 * catch, is delivered as one piece: the run grows frame by frame while nothing
 * changes, as long as there is room in the queues of all its receivers, who share
 * it in the burst of the round or, where a burst will not do, have it pushed to
 * their queues at its end. Whatever else is handled in between ends it first
 * (run_end), so the order of things is the order of frames.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct route;
struct client;
struct dest;
struct block;

struct run {
    struct dest *dest;     /* NULL: there is none */
    struct client *from;
    struct block *block;
    uint32_t off;
    uint32_t len;
    uint32_t n;
    uint32_t room;         /* bytes that fit everywhere */
    uint32_t room_n;       /* messages that fit everywhere */
};

/* Delivers what has gathered. */
void run_end(struct route *route);
/* That, and lets the burst age: what lanes say of themselves is true, and what dests hold may be
 * freed. */
void route_settle(struct route *route);

/* Ends the run and begins another with this message; see run_add. */
bool run_begin(struct route *route, struct client *from, struct dest *dest, struct block *block,
               uint32_t off, uint32_t len);

/* A message of `from` (NULL: the broker), a whole frame in its final form at
 * block->data[off .. off+len). true: it is routed (or will be, at run_end).
 * false: somebody's queue is full and waits; `from` is held, and the frame has to come again. */
static inline bool run_add(struct route *route, struct run *run, struct client *from,
                           struct dest *dest, struct block *block, uint32_t off, uint32_t len)
{
    bool one_more = run->dest == dest && run->from == from && run->block == block &&
                    run->off + run->len == off && run->n < run->room_n &&
                    len <= run->room - run->len;
    if (!one_more)
        return run_begin(route, from, dest, block, off, len);
    run->len += len;
    run->n++;
    return true;
}
