#include "client/lib/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/opcode.h"
#include "proto/transport/sys.h"

/* The first size: a batch, and one more frame that is copied (post.h). */
enum { FIRST_CAP = OUTBOX_BATCH + (40 << 10) };

void outbox_deinit(struct outbox *outbox)
{
    free(outbox->buf);
    *outbox = (struct outbox){ .limit = outbox->limit };
}

void outbox_reset(struct outbox *outbox)
{
    outbox->start = outbox->end = outbox->torn = 0;
    outbox->sent = 0;
    outbox->raised = false;
}

static size_t frame_size(const uint8_t *p, size_t left)
{
    return left < FRAME_PREFIX ? left : FRAME_PREFIX + (size_t)load_be32(p);
}

/* The start of the first frame that is not wholly sent. */
static size_t first_unsent(const struct outbox *outbox)
{
    size_t at = outbox->torn;

    if (outbox->start < at)
        return 0;
    while (at < outbox->end) {
        size_t next = at + frame_size(outbox->buf + at, outbox->end - at);

        if (next > outbox->start)
            break;
        at = next;
    }
    return at;
}

/* Drops the frames that are out; one that is half out stays whole. */
static void compact(struct outbox *outbox)
{
    size_t at = first_unsent(outbox);

    if (at == 0)
        return;
    memmove(outbox->buf, outbox->buf + at, outbox->end - at);
    outbox->start -= at;
    outbox->end -= at;
    outbox->torn = 0;
}

static bool grow(struct outbox *outbox, size_t need)
{
    size_t cap = outbox->cap ? outbox->cap : FIRST_CAP;
    uint8_t *buf;

    while (cap < need)
        cap *= 2;
    buf = realloc(outbox->buf, cap);
    if (!buf)
        return false;
    outbox->buf = buf;
    outbox->cap = cap;
    outbox->batch = OUTBOX_BATCH; /* FIRST_CAP is more */
    return true;
}

uint8_t *outbox_room(struct outbox *outbox, size_t n)
{
    if (outbox->cap - outbox->end < n && outbox->start > 0)
        compact(outbox);
    if (outbox->cap - outbox->end < n && !grow(outbox, outbox->end + n))
        return NULL;
    return outbox->buf + outbox->end;
}

static void took(struct outbox *outbox, size_t n, struct iovec *extra)
{
    size_t own = outbox_pending(outbox);

    outbox->sent += n;
    own = n < own ? n : own;
    outbox->start += own;
    if (extra && n > own) {
        extra->iov_base = (uint8_t *)extra->iov_base + (n - own);
        extra->iov_len -= n - own;
    }
}

/* The kernel's default holds 278 small sends; who fills it streams. */
static bool raise_once(struct outbox *outbox, int fd)
{
    if (outbox->raised)
        return false;
    outbox->raised = true;
    return sys_setsockopt_int(fd, SOL_SOCKET, SO_SNDBUF, OUTBOX_SNDBUF) == 0;
}

static ssize_t send_once(const struct outbox *outbox, int fd, const struct iovec *extra)
{
    struct iovec iov[2];
    struct msghdr msg = { .msg_iov = iov };

    if (outbox_pending(outbox) > 0)
        iov[msg.msg_iovlen++] =
            (struct iovec){ outbox->buf + outbox->start, outbox_pending(outbox) };
    if (extra && extra->iov_len > 0)
        iov[msg.msg_iovlen++] = *extra;
    return msg.msg_iovlen > 0 ? sys_sendmsg(fd, &msg) : 0;
}

int outbox_send(struct outbox *outbox, int fd, struct iovec *extra)
{
    size_t left = outbox_pending(outbox) + (extra ? extra->iov_len : 0);

    while (left > 0) {
        ssize_t n = send_once(outbox, fd, extra);

        if (n < 0 && n != -EAGAIN)
            return (int)n;
        if (n > 0)
            took(outbox, (size_t)n, extra);
        left -= n > 0 ? (size_t)n : 0;
        if (left > 0 && !raise_once(outbox, fd))
            return -EAGAIN;
    }
    outbox->start = outbox->end = outbox->torn = 0;
    return 0;
}

int outbox_keep(struct outbox *outbox, const struct iovec *rest, bool is_message)
{
    bool head_is_out = outbox_pending(outbox) == 0;
    uint8_t *p;

    if (head_is_out)
        outbox->start = outbox->end = outbox->torn = 0;
    p = outbox_room(outbox, rest->iov_len);
    if (!p)
        return -ENOMEM;
    memcpy(p, rest->iov_base, rest->iov_len);
    outbox_add(outbox, rest->iov_len);
    if (head_is_out) {
        outbox->torn = rest->iov_len;
        outbox->torn_is_message = is_message;
    }
    return 0;
}

bool outbox_is_between_frames(const struct outbox *outbox)
{
    return outbox->start >= outbox->torn && first_unsent(outbox) == outbox->start;
}

static bool is_message(const uint8_t *frame, size_t left)
{
    /* All that we write has the short forms: array, opcode. */
    return left > FRAME_PREFIX + 1 && frame[FRAME_PREFIX + 1] == OP_MESSAGE;
}

uint64_t outbox_unsent(const struct outbox *outbox)
{
    size_t at = first_unsent(outbox);
    uint64_t n = 0;

    if (outbox->start < outbox->torn) {
        n += outbox->torn_is_message;
        at = outbox->torn;
    }
    while (at < outbox->end) {
        n += is_message(outbox->buf + at, outbox->end - at);
        at += frame_size(outbox->buf + at, outbox->end - at);
    }
    return n;
}
