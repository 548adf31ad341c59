/* What the peers of fuzz_session.c say: frames of a small grammar, and raw bytes. */
#pragma once

#include "proto/writer.h"
#include "tests/fuzz/session_kit.h"

/* ---- frames --------------------------------------------------------------------- */

static inline struct piece text(const char *s)
{
    return (struct piece){ s, strlen(s) };
}

static inline void say_sub(struct peer *peer, struct script *script)
{
    struct envelope e = { .op = OP_SUB };
    uint8_t bits = take(script);
    e.sub.ref = 1;
    e.sub.sid = take_number(script);
    e.sub.pattern = text(take_name(script));
    if (bits & 1)
        e.sub.group = text(bits & 2 ? "g" : "h");
    e.sub.policy = (bits >> 2) % 6;
    if (bits & 32)
        e.sub.queue_bytes = take_number(script);
    if (bits & 64)
        e.sub.queue_messages = take_number(script);
    if (bits & 128)
        e.sub.after = take_number(script);
    e.sub.flags = bits & 2 ? 1 : 0;
    say_envelope(peer, &e);
}

enum { SYS_BODY_LEN = 12 };

/* What $SYS requests look for in a body: {"id": n, "after": n, nil or a text}, sometimes
 * cut short by the headers. */
static inline void put_sys_body(uint8_t *p, struct script *script)
{
    static const uint8_t map[SYS_BODY_LEN] = { 0x82, 0xa2, 'i', 'd', 0,   0xa5,
                                               'a',  'f',  't', 'e', 'r', 0xc0 };
    static const uint8_t afters[] = { 0xc0, 0x00, 0x05, 0xa0, 0x80, 0xd9 };
    memcpy(p, map, sizeof map);
    p[4] = take(script);
    p[11] = afters[take(script) % sizeof afters];
}

static inline void say_payload(struct peer *peer, struct script *script, int op)
{
    static uint8_t buf[FRAME_MAX_HEAD + (64 << 10)];
    uint8_t bits = take(script);
    struct frame frame = { .op = (uint8_t)op, .word = bits & 1 ? WORD_MSGPACK : 0 };
    const char *subject = take_name(script);
    frame.subject = subject;
    frame.subject_len = strlen(subject);
    frame.headers_len = bits & 2 ? 1 : 0;
    frame.payload_len = bits & 4 ? (size_t)take(script) << 8 : take(script) & 15;
    if (op == OP_REQUEST) {
        frame.token = take(script) & 7;
        frame.mode = (bits >> 3) & 1;
        frame.timeout_ms = take_number(script) * 10;
    } else if (op == OP_REPLY) {
        frame.token = peer->tokens[take(script) & 7];
        frame.word |= bits & 8 ? WORD_MORE : 0;
        frame.status = bits & 16 ? take_number(script) : 0;
    }
    if (bits & 32)
        frame.word |= (uint32_t)take(script) << 24;
    bool asks_sys = op == OP_REQUEST && (bits & 16);
    if (asks_sys)
        frame.payload_len = SYS_BODY_LEN - frame.headers_len;
    size_t head = frame_write_head(buf, &frame);
    size_t len = head + frame.headers_len + frame.payload_len;
    memset(buf + head, 0x80, len - head);
    if (asks_sys)
        put_sys_body(buf + head + frame.headers_len, script);
    for (int n = bits & 64 ? take(script) : 1; n > 0; n--)
        say(peer, buf, len);
    if ((bits & 128) && len > 9) { /* the last one is not finished */
        say(peer, buf, len / 2);
        say(peer, buf + len / 2, bits & 1 ? len - len / 2 : 0);
    }
}

/* The loose form of a MESSAGE: any encoding of the same numbers. */
static inline void say_loose(struct peer *peer, struct script *script)
{
    uint8_t buf[600];
    const char *subject = take_name(script);
    uint8_t extra = take(script) & 3;
    struct writer w = { buf + FRAME_PREFIX, buf + sizeof buf, false };
    writer_array(&w, 4u + (extra == 1));
    writer_uint(&w, OP_MESSAGE);
    writer_uint(&w, extra == 2 ? 3 : 0);
    writer_uint(&w, 0);
    writer_str(&w, subject, strlen(subject));
    if (extra == 1)
        writer_nil(&w);
    writer_str(&w, "headers and payload", 19);
    store_be32(buf, (uint32_t)(w.p - buf - FRAME_PREFIX));
    say(peer, buf, (size_t)(w.p - buf));
}

static inline void say_numbers(struct peer *peer, struct script *script, int op)
{
    struct envelope e = { .op = (uint8_t)op };
    uint64_t a = take_number(script);
    switch (op) {
    case OP_UNSUB:
    case OP_UNSERVE:
        e.unsub.ref = 2;
        e.unsub.sid = a;
        break;
    case OP_SERVE:
        e.serve.sid = a;
        e.serve.pattern = text(take_name(script));
        e.serve.max_open = take_number(script);
        break;
    case OP_CANCEL:
        e.cancel.token = a & 7;
        break;
    default:
        e.ref = a;
    }
    say_envelope(peer, &e);
}

static inline void say_raw(struct peer *peer, struct script *script)
{
    size_t n = take(script);
    size_t left = (size_t)(script->end - script->p);
    n = n < left ? n : left;
    say(peer, script->p, n);
    script->p += n;
}
