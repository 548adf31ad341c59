#include "client/lib/post.h"

#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/output.h"
#include "proto/opcode.h"
#include "proto/subject.h"

/* A frame on its way. */
struct post {
    const struct frame *frame;
    enum post_mode mode;
    int timeout_ms;
    uint64_t start;     /* its first byte, in the outbox's stream */
    size_t n_written;   /* of it in the outbox */
    struct iovec rest;  /* of a big payload: what still lies with the caller */
};

int post_bad_subject(broker *b, const char *subject)
{
    struct subject_error error = { 0, "it is missing" };
    size_t len = subject ? strnlen(subject, MAX_SUBJECT + 1) : 0;

    if (len > MAX_SUBJECT)
        error = (struct subject_error){ MAX_SUBJECT, "more than 255 bytes" };
    else if (subject)
        subject_valid(subject, len, &error);
    return handle_fail(b, BROKER_E_BAD_SUBJECT, "the subject, at byte %zu: %s", error.at,
                       error.why);
}

static int check(broker *b, const struct frame *frame)
{
    if (!frame->payload && frame->payload_len > 0)
        return handle_fail(b, BROKER_E_INVALID, "the payload is NULL, and its length is %zu",
                           frame->payload_len);
    if (!frame->headers && frame->headers_len > 0)
        return handle_fail(b, BROKER_E_INVALID, "the headers are NULL, and their length is %zu",
                           frame->headers_len);
    if (frame->payload_len > b->max_payload)
        return handle_fail(b, BROKER_E_TOO_LARGE, "the payload has %zu bytes, the limit is %zu",
                           frame->payload_len, b->max_payload);
    if (frame->headers_len > MAX_HEADERS)
        return handle_fail(b, BROKER_E_TOO_LARGE, "the headers have %zu bytes, the limit is %d",
                           frame->headers_len, MAX_HEADERS);
    if (frame->headers_len > 0 && !post_is_map(frame->headers[0]))
        return handle_fail(b, BROKER_E_INVALID, "the headers are no msgpack map");
    return 0;
}

/* How much may wait in front of a frame. */
static size_t most_waiting(const broker *b, enum post_mode mode)
{
    return mode == POST_QUEUE ? b->out.limit : OUTBOX_BATCH;
}

static bool is_big(const struct frame *frame)
{
    return frame->payload_len >= POST_BIG;
}

/* Its bytes in the outbox, at most. */
static size_t room_of(const struct frame *frame)
{
    return FRAME_MAX_HEAD + frame->headers_len + (is_big(frame) ? 0 : frame->payload_len);
}

/* Makes the outbox short enough for one more frame. */
static int make_way(broker *b, const struct post *post)
{
    size_t size = FRAME_MAX_HEAD + post->frame->headers_len + post->frame->payload_len;
    int r;

    if (outbox_pending(&b->out) == 0 ||
        outbox_pending(&b->out) + room_of(post->frame) <= OUTBOX_BATCH)
        return 0;
    r = output_send(b, NULL);
    if (r <= 0)
        return r;
    if (outbox_pending(&b->out) + size <= most_waiting(b, post->mode))
        return 0;
    return output_wait(b, NULL, deadline_in(post->timeout_ms));
}

/* Puts head, headers and so much of the payload into the outbox. How many bytes
 * these are; 0 without memory. */
static size_t write_frame(struct outbox *out, const struct frame *frame, size_t copied)
{
    uint8_t *p = outbox_room(out, FRAME_MAX_HEAD + frame->headers_len + copied);
    size_t n;

    if (!p)
        return 0;
    n = frame_write_head(p, frame);
    if (frame->headers_len > 0)
        memcpy(p + n, frame->headers, frame->headers_len);
    n += frame->headers_len;
    if (copied > 0)
        memcpy(p + n, frame->payload, copied);
    n += copied;
    outbox_add(out, n);
    return n;
}

/* The kernel took some of it, so it will be sent: the rest may not stay with
 * the caller. */
static int keep_rest(broker *b, const struct post *post)
{
    if (post->rest.iov_len == 0)
        return 0;
    if (outbox_keep(&b->out, &post->rest, post->frame->op == OP_MESSAGE) == 0)
        return 0;
    conn_lost(b, BROKER_E_NO_MEMORY, "no memory for what is to be sent");
    return -BROKER_E_NOT_CONNECTED;
}

static int give_up(broker *b, const struct post *post, int status)
{
    if (b->out.sent > post->start)
        return keep_rest(b, post);
    b->out.end -= post->n_written;
    return handle_fail(b, -status, NULL);
}

static int send_out(broker *b, struct post *post)
{
    int r = output_send(b, &post->rest);

    if (r <= 0)
        return r;
    if (post->mode == POST_QUEUE &&
        outbox_pending(&b->out) + post->rest.iov_len <= b->out.limit)
        return keep_rest(b, post);
    r = output_wait(b, &post->rest, deadline_in(post->timeout_ms));
    return r == 0 || r == -BROKER_E_NOT_CONNECTED ? r : give_up(b, post, r);
}

static int send_post(broker *b, struct post *post)
{
    const struct frame *frame = post->frame;
    size_t copied = is_big(frame) ? 0 : frame->payload_len;
    int r;

    post->start = outbox_position(&b->out);
    post->n_written = write_frame(&b->out, frame, copied);
    if (post->n_written == 0)
        return handle_fail(b, BROKER_E_NO_MEMORY, NULL);
    if (b->hold > 0 && !is_big(frame))
        return 0;
    /* sendmsg(2) only reads what the iovec points to. */
    post->rest = (struct iovec){ (void *)(uintptr_t)frame->payload, frame->payload_len - copied };
    b->posting = frame->op == OP_MESSAGE;
    r = send_out(b, post);
    b->posting = 0;
    return r;
}

static __attribute__((noinline)) int post_slowly(broker *b, const struct frame *frame,
                                                 enum post_mode mode, int timeout_ms)
{
    struct post post = { .frame = frame, .mode = mode, .timeout_ms = timeout_ms };
    int r = make_way(b, &post);

    if (r < 0) /* the sentence of a loss says more than this status does */
        return r == -BROKER_E_NOT_CONNECTED ? r : handle_fail(b, -r, NULL);
    ping_sometimes(b);
    return b->fd < 0 ? -BROKER_E_NOT_CONNECTED : send_post(b, &post);
}

/* Whether it only joins those that wait. */
static bool gathers(const broker *b, const struct frame *frame)
{
    return b->hold > 0 && !is_big(frame) &&
           outbox_pending(&b->out) + room_of(frame) <= OUTBOX_BATCH;
}

int post_frame(broker *b, const struct frame *frame, enum post_mode mode, int timeout_ms)
{
    int r = check(b, frame);

    if (r < 0)
        return r;
    if (!gathers(b, frame))
        return post_slowly(b, frame, mode, timeout_ms);
    ping_sometimes(b);
    if (b->fd < 0)
        return -BROKER_E_NOT_CONNECTED;
    if (write_frame(&b->out, frame, frame->payload_len) == 0)
        return handle_fail(b, BROKER_E_NO_MEMORY, NULL);
    return 0;
}
