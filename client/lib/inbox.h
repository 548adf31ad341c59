/* The inbox: what was read and not yet dispatched.
 *
 * A list of blocks that holds the stream of frames. A frame lies in one block,
 * whole, so it is parsed in place. Two positions move along the stream:
 *
 *     dispatched <= scanned <= end
 *
 * Dispatching runs callbacks; scanning only sees what a blocking call has to
 * see (scan.h). Dispatching may overtake scanning, never the other way round.
 * As a rule there is one block, which is read into and emptied again and again.
 * It grows to the size of the largest frame and stays so large for as long as
 * such frames come; each is read to its own end, so that the next one begins a
 * block and is copied once, by the kernel.
 * While a callback runs, the block of its frame is pinned: nothing in it moves,
 * whatever is read meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/frame.h"

enum {
    INBOX_READ = 128 << 10, /* one read: with many connections more falls out of the caches, less is slower */
    INBOX_LIMIT = 8 << 20,
};

struct block {
    struct block *next;
    uint64_t at; /* the position of bytes[0] in the stream */
    size_t cap;
    size_t end; /* bytes[0..end) were read */
    uint8_t bytes[];
};

struct inbox {
    struct block *first; /* holds the head; NULL before the first read */
    struct block *last;
    struct block *pinned;
    struct block *spare;
    size_t head; /* bytes of first that were dispatched */
    uint64_t scanned;
    size_t limit; /* bytes held, beyond which it is full */
    bool drained; /* the last read left nothing in the kernel */
    size_t large;     /* the last frame that was larger than INBOX_READ */
    unsigned n_small; /* reads since then that began with a frame */
};

void inbox_deinit(struct inbox *inbox);

static inline uint64_t inbox_dispatched(const struct inbox *inbox)
{
    return inbox->first ? inbox->first->at + inbox->head : 0;
}

/* Up to where a blocking call has seen the stream. */
static inline uint64_t inbox_scanned(const struct inbox *inbox)
{
    uint64_t dispatched = inbox_dispatched(inbox);

    return inbox->scanned > dispatched ? inbox->scanned : dispatched;
}

/* Seen, and not dispatched: it is full beyond its limit. */
static inline size_t inbox_held(const struct inbox *inbox)
{
    return (size_t)(inbox_scanned(inbox) - inbox_dispatched(inbox));
}

static inline bool inbox_full(const struct inbox *inbox)
{
    return inbox_held(inbox) >= inbox->limit;
}

/* The size of the frame at an offset of a block, its prefix included; 0 if not
 * all of it was read yet, SIZE_MAX if its length breaks the wire. */
static inline size_t block_frame(const struct block *block, size_t at)
{
    size_t left = block->end - at;
    uint32_t len;

    if (left < FRAME_PREFIX)
        return 0;
    len = load_be32(block->bytes + at);
    if (len - 1 >= (uint32_t)MAX_FRAME)
        return SIZE_MAX;
    return left - FRAME_PREFIX >= len ? FRAME_PREFIX + (size_t)len : 0;
}

/* The block of the head, stepping over what is used up; NULL if there is none. */
struct block *inbox_first(struct inbox *inbox);
/* The block and the offset of the scanned position; NULL if there is none. */
struct block *inbox_scan_block(const struct inbox *inbox, size_t *ret_at);

/* Holds the first block in its place, instead of the one pinned before. */
void inbox_pin(struct inbox *inbox);
void inbox_unpin(struct inbox *inbox);

/* One recvmsg(2). All whole frames must have been scanned. The bytes read, 0 at
 * the end of the stream, or -errno: -EAGAIN, -ENOMEM; -EBADMSG if descriptors
 * came along (they are closed). */
ssize_t inbox_read(struct inbox *inbox, int fd);
/* Forgets what was not scanned: the stream broke off there. */
void inbox_cut(struct inbox *inbox);
