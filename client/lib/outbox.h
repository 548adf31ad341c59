/* The outbox: bytes on their way to the broker, in one contiguous buffer.
 *
 * What waits is buf[start..end). buf[0] is the start of a frame (but for
 * `torn`), so that after a loss of the connection the frames that were not
 * wholly sent can be counted. It makes system calls only in outbox_send.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    OUTBOX_BATCH = 64 << 10, /* measured: 16 KiB gives 76 % of it, 1 KiB 38 % */
    OUTBOX_LIMIT = 8 << 20,
    OUTBOX_SNDBUF = 1 << 20, /* of the socket, while we stream */
};

struct outbox {
    uint8_t *buf;
    size_t cap, start, end;
    size_t batch; /* OUTBOX_BATCH, and room behind it; 0 while there is no buffer */
    size_t torn; /* buf[0..torn) is the rest of a frame that was begun before */
    bool torn_is_message;
    bool raised;   /* the socket's buffer is OUTBOX_SNDBUF */
    uint64_t sent; /* bytes the kernel took on this connection */
    size_t limit;
};

void outbox_deinit(struct outbox *outbox);
/* Forgets everything: a new connection begins. */
void outbox_reset(struct outbox *outbox);

static inline size_t outbox_pending(const struct outbox *outbox)
{
    return outbox->end - outbox->start;
}

/* The position behind the last byte in the stream of this connection. */
static inline uint64_t outbox_position(const struct outbox *outbox)
{
    return outbox->sent + outbox_pending(outbox);
}

/* Room for n bytes at buf + end, which may move the buffer; NULL without
 * memory. What is written there counts after outbox_add. */
uint8_t *outbox_room(struct outbox *outbox, size_t n);

static inline void outbox_add(struct outbox *outbox, size_t n)
{
    outbox->end += n;
}

/* Hands the kernel what waits, and behind it *extra (may be NULL), which moves
 * on. 0 when all is out, -EAGAIN if some is left, another -errno. */
int outbox_send(struct outbox *outbox, int fd, struct iovec *extra);

/* Keeps the rest of a payload of which, or of whose head, some was sent.
 * 0 or -ENOMEM. */
int outbox_keep(struct outbox *outbox, const struct iovec *rest, bool is_message);

/* Whether the last byte that the kernel took was the last of a frame. */
bool outbox_is_between_frames(const struct outbox *outbox);

/* How many MESSAGE frames were not wholly sent. */
uint64_t outbox_unsent(const struct outbox *outbox);
