/* Runs: messages that follow each other in one block to the same receivers.
 *
 * A stream of messages on one subject is delivered as one piece: the run grows
 * frame by frame while nothing changes, as long as there is room in the queues
 * of all its receivers (looked up once, when it begins), and is pushed to each
 * of them once. Whatever else is handled in between ends it first (run_end), so
 * the order of things is the order of frames.
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

/* A message of `from` (NULL: the broker), a whole frame in its final form at
 * block->data[off .. off+len). true: it is routed (or will be, at run_end).
 * false: somebody's queue is full and waits; `from` is held, and the frame has to come again. */
bool run_add(struct route *route, struct client *from, struct dest *dest, struct block *block,
             uint32_t off, uint32_t len);

/* Whether the next frame of the run is one more of the same: the hot path's question. */
static inline bool run_takes(const struct run *run, const struct dest *dest,
                             const struct block *block, uint32_t off, uint32_t len)
{
    return run->dest == dest && run->block == block && run->off + run->len == off &&
           run->n < run->room_n && len <= run->room - run->len;
}
