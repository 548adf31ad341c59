#include "tests/kit/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"

#define READ_MAX (256 << 10)

/* -- buffers --------------------------------------------------------------------------------- */

static void reserve(struct wire_buffer *buffer, size_t len)
{
    if (buffer->at > 0 && buffer->cap - buffer->used < len) {
        memmove(buffer->p, buffer->p + buffer->at, buffer->used - buffer->at);
        buffer->used -= buffer->at;
        buffer->at = 0;
    }
    if (buffer->cap - buffer->used >= len)
        return;
    buffer->cap = (buffer->used + len) * 2;
    buffer->p = realloc(buffer->p, buffer->cap);
    assert_non_null(buffer->p);
}

static void append(struct wire_buffer *buffer, const void *bytes, size_t len)
{
    reserve(buffer, len);
    if (len > 0)
        memcpy(buffer->p + buffer->used, bytes, len);
    buffer->used += len;
}

/* -- a connection ---------------------------------------------------------------------------- */

struct wire *wire_open(const char *path)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    struct wire_frame f;
    struct envelope hello = { .op = OP_HELLO };

    assert_non_null(wire);
    wire->fd = raw_open(path);
    hello.hello.magic = (struct piece){ HELLO_MAGIC, strlen(HELLO_MAGIC) };
    hello.hello.version = PROTO_VERSION;
    hello.hello.options = (struct piece){ "\x80", 1 };
    wire_send(wire, &hello);
    wire_expect(wire, OP_WELCOME, &f);
    wire->id = f.envelope.welcome.id;
    return wire;
}

struct wire *wire_close(struct wire *wire)
{
    if (!wire)
        return NULL;
    close(wire->fd);
    free(wire->in.p);
    free(wire->out.p);
    free(wire);
    return NULL;
}

/* -- to the broker --------------------------------------------------------------------------- */

static void sent(struct wire *wire)
{
    if (!wire->corked)
        wire_flush(wire);
}

void wire_bytes(struct wire *wire, const void *bytes, size_t len)
{
    append(&wire->out, bytes, len);
    sent(wire);
}

void wire_send(struct wire *wire, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    size_t len = envelope_write(buf, sizeof(buf), envelope);

    assert_true(len > 0);
    wire_bytes(wire, buf, len);
}

void wire_message(struct wire *wire, const struct frame *frame)
{
    uint8_t head[FRAME_MAX_HEAD];
    size_t len = frame_write_head(head, frame);

    assert_true(len > 0);
    append(&wire->out, head, len);
    append(&wire->out, frame->headers, frame->headers_len);
    append(&wire->out, frame->payload, frame->payload_len);
    sent(wire);
}

void wire_publish(struct wire *wire, const char *subject, const void *payload, size_t len)
{
    wire_message(wire, &(struct frame){ .op = OP_MESSAGE,
                                        .subject = subject,
                                        .subject_len = strlen(subject),
                                        .payload = payload,
                                        .payload_len = len });
}

void wire_ping(struct wire *wire, uint64_t ref)
{
    wire_send(wire, &(struct envelope){ .op = OP_PING, .ref = ref });
}

void wire_confirm(struct wire *wire, uint64_t ref)
{
    wire_send(wire, &(struct envelope){ .op = OP_CONFIRM, .ref = ref });
}

void wire_cork(struct wire *wire)
{
    wire->corked = true;
}

void wire_flush(struct wire *wire)
{
    wire->corked = false;
    raw_send(wire->fd, wire->out.p + wire->out.at, wire->out.used - wire->out.at);
    wire->out.at = wire->out.used = 0;
}

size_t wire_push(struct wire *wire)
{
    struct wire_buffer *out = &wire->out;
    ssize_t n = raw_try_send(wire->fd, out->p + out->at, out->used - out->at, 0);

    if (n < 0)
        fail_msg("cannot send: %s", strerror((int)-n));
    out->at += (size_t)n;
    if (out->at == out->used)
        out->at = out->used = 0;
    return out->used - out->at;
}

void wire_sub_send(struct wire *wire, const struct wire_sub *sub)
{
    struct envelope e = { .op = OP_SUB };

    e.sub.ref = ++wire->ref;
    e.sub.sid = sub->sid;
    e.sub.pattern = (struct piece){ sub->pattern, strlen(sub->pattern) };
    if (sub->group)
        e.sub.group = (struct piece){ sub->group, strlen(sub->group) };
    e.sub.policy = sub->policy;
    e.sub.queue_bytes = sub->queue_bytes;
    e.sub.queue_messages = sub->queue_messages;
    e.sub.after = sub->after;
    e.sub.flags = sub->credentials ? SUB_CREDENTIALS : 0;
    wire_send(wire, &e);
}

void wire_sub(struct wire *wire, const struct wire_sub *sub)
{
    wire_sub_send(wire, sub);
    wire_expect_ok(wire, wire->ref);
}

void wire_unsub_send(struct wire *wire, uint32_t sid)
{
    struct envelope e = { .op = OP_UNSUB };

    e.unsub.ref = ++wire->ref;
    e.unsub.sid = sid;
    wire_send(wire, &e);
}

void wire_barrier(struct wire *wire)
{
    wire_ping(wire, ++wire->ref);
    wire_expect_pong(wire, wire->ref);
}

/* -- from the broker ------------------------------------------------------------------------- */

static bool has_frame(const struct wire *wire)
{
    const struct wire_buffer *in = &wire->in;
    size_t len = in->used - in->at;

    return len >= FRAME_PREFIX && len - FRAME_PREFIX >= load_be32(in->p + in->at);
}

/** Reads what is there without waiting longer than @p timeout_ms. As raw_recv(). */
static ssize_t fill(struct wire *wire, int timeout_ms)
{
    size_t max = wire->read_max ? wire->read_max : READ_MAX;
    reserve(&wire->in, max);
    ssize_t n = raw_recv(wire->fd, wire->in.p + wire->in.used, max, timeout_ms);
    if (n > 0)
        wire->in.used += (size_t)n;
    wire->eof |= n == 0;
    return n;
}

static void remember_select(struct wire *wire, const struct envelope *envelope)
{
    struct piece sids = envelope->select.sids;

    wire->n_sids = 0;
    assert_in_range(envelope->select.n, 1, MAX_SIDS);
    while (envelope_next_sid(&sids, &wire->sids[wire->n_sids]))
        wire->n_sids++;
    assert_int_equal(wire->n_sids, envelope->select.n);
}

static void decode(struct wire *wire, struct wire_frame *ret)
{
    const uint8_t *bytes = wire->in.p + wire->in.at;
    size_t len = load_be32(bytes), at = 0;
    int op = envelope_opcode(bytes + FRAME_PREFIX, len);
    bool carries = op == OP_MESSAGE || op == OP_REQUEST || op == OP_REPLY;

    *ret = (struct wire_frame){ .op = op, .len = FRAME_PREFIX + len, .bytes = bytes };
    bool good = carries ? frame_read(&ret->frame, bytes + FRAME_PREFIX, len, &at)
                        : envelope_read(&ret->envelope, bytes + FRAME_PREFIX, len, &at);
    if (!good)
        fail_msg("the broker sent a frame of %zu bytes, opcode %d, that is wrong at byte %zu", len,
                 op, at);
    wire->in.at += ret->len;
    if (op == OP_SELECT)
        remember_select(wire, &ret->envelope);
}

bool wire_take(struct wire *wire, struct wire_frame *ret)
{
    if (!has_frame(wire) && !wire->eof && fill(wire, 0) <= 0)
        return false;
    if (!has_frame(wire))
        return false;
    decode(wire, ret);
    return true;
}

int wire_wait(struct wire *wire, struct wire_frame *ret, int timeout_ms)
{
    const int64_t end_ns = kit_now_ns() + (int64_t)timeout_ms * 1000000;

    while (!has_frame(wire)) {
        int64_t left_ms = (end_ns - kit_now_ns()) / 1000000;
        ssize_t n = fill(wire, left_ms > 0 ? (int)left_ms : 0);
        if (n <= 0)
            return (int)n;
    }
    decode(wire, ret);
    return 1;
}

void wire_next(struct wire *wire, struct wire_frame *ret)
{
    int n = wire_wait(wire, ret, RAW_DEADLINE_MS);

    if (n == 0)
        fail_msg("the stream ended where a frame should be");
    if (n < 0)
        fail_msg("no frame came: %s", strerror(-n));
}

void wire_next_but_select(struct wire *wire, struct wire_frame *ret)
{
    do {
        wire_next(wire, ret);
    } while (ret->op == OP_SELECT);
}

bool wire_selects(const struct wire *wire, uint64_t sid)
{
    for (size_t i = 0; i < wire->n_sids; i++) {
        if (wire->sids[i] == sid)
            return true;
    }
    return false;
}

bool wire_poll(struct wire *const *wires, size_t n, int timeout_ms)
{
    struct pollfd fds[64];

    assert_true(n <= KIT_LENGTH(fds));
    for (size_t i = 0; i < n; i++) {
        bool writes = wires[i]->out.used > wires[i]->out.at;
        fds[i].fd = wires[i]->eof && !writes ? -1 : wires[i]->fd;
        fds[i].events = (short)((wires[i]->eof ? 0 : POLLIN) | (writes ? POLLOUT : 0));
    }
    return poll(fds, n, timeout_ms) > 0;
}
