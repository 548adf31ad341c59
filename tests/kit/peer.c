#include "tests/kit/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/cursor.h"
#include "proto/writer.h"

/* -- coming and going ------------------------------------------------------------------------ */

void peer_connect(struct peer *peer, const struct broker_proc *broker)
{
    *peer = (struct peer){ .fd = raw_open(broker_proc_socket(broker)) };
}

void peer_hello(struct peer *peer, const char *name)
{
    uint8_t options[80];
    struct writer w = { options, options + sizeof options, false };
    struct envelope hello = { .op = OP_HELLO };

    writer_map(&w, name ? 1 : 0);
    if (name) {
        writer_str(&w, "name", 4);
        writer_str(&w, name, strlen(name));
    }
    hello.hello.magic = (struct piece){ HELLO_MAGIC, strlen(HELLO_MAGIC) };
    hello.hello.version = PROTO_VERSION;
    hello.hello.options = (struct piece){ options, (size_t)(w.p - options) };
    peer_send(peer, &hello);
}

void peer_welcomed(struct peer *peer)
{
    peer->id = peer_expect(peer, OP_WELCOME)->control.welcome.id;
}

void peer_open(struct peer *peer, const struct broker_proc *broker)
{
    peer_connect(peer, broker);
    peer_hello(peer, NULL);
    peer_welcomed(peer);
}

void peer_close(struct peer *peer)
{
    if (peer->fd > 0)
        close(peer->fd);
    free(peer->in);
    *peer = (struct peer){ 0 };
}

void peer_shut(struct peer *peer)
{
    assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
}

/* -- sending --------------------------------------------------------------------------------- */

void peer_send(struct peer *peer, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    size_t len = envelope_write(buf, sizeof buf, envelope);

    assert_int_not_equal(len, 0);
    raw_send(peer->fd, buf, len);
}

void peer_send_payload(struct peer *peer, const struct frame *frame)
{
    uint8_t *buf = malloc(FRAME_MAX_HEAD + frame->headers_len + frame->payload_len);
    size_t len = frame_write_head(buf, frame);

    assert_int_not_equal(len, 0);
    if (frame->headers_len)
        memcpy(buf + len, frame->headers, frame->headers_len);
    len += frame->headers_len;
    if (frame->payload_len)
        memcpy(buf + len, frame->payload, frame->payload_len);
    len += frame->payload_len;
    raw_send(peer->fd, buf, len);
    free(buf);
}

void peer_publish(struct peer *peer, const char *subject, const void *payload, size_t len)
{
    struct frame frame = { .op = OP_MESSAGE, .subject = subject, .subject_len = strlen(subject) };

    frame.payload = payload;
    frame.payload_len = len;
    peer_send_payload(peer, &frame);
}

void peer_request(struct peer *peer, uint64_t reference, const char *subject,
                  enum request_mode mode, uint64_t timeout_ms)
{
    struct frame frame = { .op = OP_REQUEST, .subject = subject, .subject_len = strlen(subject) };

    frame.token = reference;
    frame.mode = mode;
    frame.timeout_ms = timeout_ms;
    peer_send_payload(peer, &frame);
}

void peer_reply(struct peer *peer, uint64_t token, uint64_t status, bool more, const char *payload)
{
    struct frame frame = { .op = OP_REPLY, .token = token, .status = status };

    frame.word = more ? WORD_MORE : 0;
    frame.payload = (const uint8_t *)payload;
    frame.payload_len = strlen(payload);
    peer_send_payload(peer, &frame);
}

void peer_cancel(struct peer *peer, uint64_t reference)
{
    struct envelope cancel = { .op = OP_CANCEL };

    cancel.cancel.token = reference;
    peer_send(peer, &cancel);
}

static void expect_ok(struct peer *peer, uint64_t ref)
{
    assert_int_equal(peer_expect_past_select(peer, OP_OK)->control.ref, ref);
}

void peer_sub(struct peer *peer, uint64_t sid, const char *pattern)
{
    struct envelope sub = { .op = OP_SUB };

    sub.sub.ref = sub.sub.sid = sid;
    sub.sub.pattern = (struct piece){ pattern, strlen(pattern) };
    peer_send(peer, &sub);
    expect_ok(peer, sid);
}

void peer_serve(struct peer *peer, uint64_t sid, const char *pattern, uint64_t max_open)
{
    struct envelope serve = { .op = OP_SERVE };

    serve.serve.ref = serve.serve.sid = sid;
    serve.serve.max_open = max_open;
    serve.serve.pattern = (struct piece){ pattern, strlen(pattern) };
    peer_send(peer, &serve);
    expect_ok(peer, sid);
}

void peer_unserve(struct peer *peer, uint64_t sid)
{
    struct envelope unserve = { .op = OP_UNSERVE };

    unserve.unsub.ref = unserve.unsub.sid = sid;
    peer_send(peer, &unserve);
    expect_ok(peer, sid);
}

/* -- receiving ------------------------------------------------------------------------------- */

static bool whole_frame(const struct peer *peer, size_t *ret_len)
{
    size_t there = peer->len - peer->at;

    if (there < FRAME_PREFIX)
        return false;
    *ret_len = FRAME_PREFIX + (size_t)load_be32(peer->in + peer->at);
    if (*ret_len > FRAME_PREFIX + MAX_FRAME)
        fail_msg("the broker sent a length of %zu", *ret_len - FRAME_PREFIX);
    return there >= *ret_len;
}

static void make_room(struct peer *peer)
{
    if (peer->at > 0)
        memmove(peer->in, peer->in + peer->at, peer->len - peer->at);
    peer->len -= peer->at;
    peer->at = 0;
    if (peer->cap - peer->len >= 65536)
        return;
    peer->cap = peer->cap * 2 + 131072;
    peer->in = realloc(peer->in, peer->cap);
    assert_non_null(peer->in);
}

static const struct got *take(struct peer *peer, size_t len)
{
    struct got *got = &peer->got;
    const uint8_t *body = peer->in + peer->at + FRAME_PREFIX;
    int op = envelope_opcode(body, len - FRAME_PREFIX);
    bool has_payload = op >= OP_MESSAGE && op <= OP_REPLY;

    *got = (struct got){ .op = (uint8_t)op, .bytes = body - FRAME_PREFIX, .len = len };
    bool ok = has_payload ? frame_read(&got->payload, body, len - FRAME_PREFIX, NULL)
                          : envelope_read(&got->control, body, len - FRAME_PREFIX, NULL);
    if (op < 0 || !ok)
        fail_msg("the broker sent a frame that breaks the wire (opcode %d)", op);
    peer->at += len;
    return got;
}

const struct got *peer_next(struct peer *peer, int timeout_ms)
{
    const int64_t end_ns = kit_now_ns() + (int64_t)timeout_ms * 1000000;
    size_t len;

    while (!whole_frame(peer, &len)) {
        int64_t left_ms = (end_ns - kit_now_ns()) / 1000000;
        make_room(peer);
        ssize_t n = raw_recv(peer->fd, peer->in + peer->len, peer->cap - peer->len,
                             left_ms > 0 ? (int)left_ms : 0);
        if (n == 0 && peer->len > 0)
            fail_msg("the stream ended within a frame");
        if (n == 0 || n == -ETIMEDOUT)
            return NULL;
        if (n < 0)
            fail_msg("receiving: %s", strerror((int)-n));
        peer->len += (size_t)n;
    }
    return take(peer, len);
}

static void fail_other(const struct got *got, const char *wanted)
{
    const struct envelope *e = &got->control;

    if (got->op == OP_GOODBYE)
        fail_msg("GOODBYE %s instead of %s: %.*s", status_name((uint32_t)e->goodbye.status), wanted,
                 (int)e->goodbye.sentence.len, (const char *)e->goodbye.sentence.p);
    if (got->op == OP_ERROR)
        fail_msg("ERROR %s (opcode %d, ref %llu) instead of %s",
                 status_name((uint32_t)e->error.status), (int)e->error.op,
                 (unsigned long long)e->error.ref, wanted);
    if (got->op == OP_END)
        fail_msg("END %s of %llu instead of %s", status_name((uint32_t)e->end.status),
                 (unsigned long long)e->end.token, wanted);
    fail_msg("%s instead of %s", opcode_name(got->op), wanted);
}

const struct got *peer_expect(struct peer *peer, uint8_t op)
{
    const struct got *got = peer_next(peer, RAW_DEADLINE_MS);

    if (!got)
        fail_msg("the end, or nothing, instead of %s", opcode_name(op));
    if (got->op != op)
        fail_other(got, opcode_name(op));
    return got;
}

const struct got *peer_expect_past_select(struct peer *peer, uint8_t op)
{
    const struct got *got = peer_next(peer, RAW_DEADLINE_MS);

    while (got && (got->op == OP_SELECT || got->op == OP_PEER) && got->op != op)
        got = peer_next(peer, RAW_DEADLINE_MS);
    if (!got)
        fail_msg("the end, or nothing, instead of %s", opcode_name(op));
    if (got->op != op)
        fail_other(got, opcode_name(op));
    return got;
}

uint64_t peer_expect_request(struct peer *peer)
{
    return peer_expect_past_select(peer, OP_REQUEST)->payload.token;
}

void peer_expect_reply(struct peer *peer, uint64_t reference, uint64_t status, const char *payload)
{
    const struct frame *frame = &peer_expect(peer, OP_REPLY)->payload;

    assert_int_equal(frame->token, reference);
    assert_int_equal(frame->status, status);
    if (!payload)
        return;
    assert_int_equal(frame->payload_len, strlen(payload));
    assert_memory_equal(frame->payload, payload, frame->payload_len);
}

const struct got *peer_expect_end(struct peer *peer, uint64_t reference, enum status status)
{
    const struct got *got = peer_expect(peer, OP_END);

    assert_int_equal(got->control.end.token, reference);
    assert_string_equal(status_name((uint32_t)got->control.end.status), status_name(status));
    return got;
}

void peer_expect_cancel(struct peer *peer, uint64_t token, enum status status)
{
    const struct got *got = peer_expect(peer, OP_CANCEL);

    assert_int_equal(got->control.cancel.token, token);
    assert_string_equal(status_name((uint32_t)got->control.cancel.status), status_name(status));
}

void peer_expect_error(struct peer *peer, uint8_t op, uint64_t ref, enum status status)
{
    const struct got *got = peer_expect(peer, OP_ERROR);

    assert_int_equal(got->control.error.op, op);
    assert_int_equal(got->control.error.ref, ref);
    assert_string_equal(status_name((uint32_t)got->control.error.status), status_name(status));
}

void peer_expect_goodbye(struct peer *peer, enum status status)
{
    const struct got *got = peer_next(peer, RAW_DEADLINE_MS);

    while (got && got->op != OP_GOODBYE)
        got = peer_next(peer, RAW_DEADLINE_MS);
    if (!got)
        fail_msg("the end, or nothing, instead of a GOODBYE");
    assert_string_equal(status_name((uint32_t)got->control.goodbye.status), status_name(status));
    assert_int_not_equal(got->control.goodbye.sentence.len, 0);
    if (peer_next(peer, RAW_DEADLINE_MS))
        fail_msg("%s behind GOODBYE", opcode_name(peer->got.op));
}

void peer_ping(struct peer *peer)
{
    struct envelope ping = { .op = OP_PING, .ref = UINT64_C(7000000) + peer->n_pings++ };

    peer_send(peer, &ping);
    assert_int_equal(peer_expect(peer, OP_PONG)->control.ref, ping.ref);
}

void peer_expect_silence(struct peer *peer, int ms)
{
    const struct got *got = peer_next(peer, ms);

    if (got)
        fail_other(got, "silence");
    raw_expect_silence(peer->fd, 0);
}

/* -- the broker about itself ----------------------------------------------------------------- */

uint64_t peer_stat(struct peer *peer, const char *name)
{
    enum { REFERENCE = 999999 };
    peer_request(peer, REFERENCE, "$SYS.stats", REQUEST_ONE, RAW_DEADLINE_MS);
    const struct frame *frame = &peer_expect(peer, OP_REPLY)->payload;
    struct cursor cursor = { frame->payload, frame->payload + frame->payload_len };
    uint32_t n;

    assert_int_equal(frame->token, REFERENCE);
    assert_true(cursor_map(&cursor, &n));
    while (n-- > 0) {
        const char *key;
        size_t len;
        uint64_t value;
        assert_true(cursor_str(&cursor, &key, &len) && cursor_uint(&cursor, &value));
        if (len == strlen(name) && memcmp(key, name, len) == 0)
            return value;
    }
    fail_msg("$SYS.stats has no %s", name);
    return 0;
}
