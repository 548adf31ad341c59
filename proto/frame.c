#include "proto/frame.h"

#include "proto/cursor.h"
#include "proto/opcode.h"
#include "proto/writer.h"

enum {
    N_MESSAGE = 4,
    N_REQUEST = 7,
    N_REPLY = 5,
    AT_TOKEN = 16, /* behind the prefix: the subject of a MESSAGE, the token's 0xcf of the others */
    AT_REST = 25,  /* … the subject of a REQUEST, the status of a REPLY */
};

/* A number in its fixed-width form keeps the frame forwardable in place. */
static bool take_fixed(struct cursor *cursor, uint8_t form, uint64_t *ret, bool *fixed)
{
    *fixed &= cursor->p < cursor->end && *cursor->p == form;
    return cursor_uint(cursor, ret);
}

static bool take_subject(struct cursor *cursor, struct frame *frame)
{
    const uint8_t *start = cursor->p;
    if (!cursor_str(cursor, &frame->subject, &frame->subject_len))
        return false;
    size_t header_len = (size_t)((const uint8_t *)frame->subject - start);
    frame->fixed &= header_len == (frame->subject_len < 32 ? 1u : 2u);
    return true;
}

static uint32_t elements_of(uint8_t op)
{
    return op == OP_MESSAGE ? N_MESSAGE : op == OP_REQUEST ? N_REQUEST : N_REPLY;
}

/* Up to the subject or the status, if all of it is as the diagram has it: what
 * a well-behaved peer sends is read without a branch a field. */
static bool take_start_fixed(struct cursor *cursor, struct frame *frame)
{
    const uint8_t *p = cursor->p;
    size_t len = (size_t)(cursor->end - p), head = AT_TOKEN;
    if (len < AT_TOKEN || p[1] < OP_MESSAGE || p[1] > OP_REPLY ||
        p[0] != (0x90 | elements_of(p[1])) || p[2] != 0xce || p[7] != 0xcf)
        return false;
    if (p[1] != OP_MESSAGE) {
        if (len < AT_TOKEN + 9 || p[AT_TOKEN] != 0xcf)
            return false;
        frame->token = load_be64(p + AT_TOKEN + 1);
        head = AT_TOKEN + 9;
    }
    frame->op = p[1];
    frame->fixed = true;
    frame->word = load_be32(p + 3);
    frame->id = load_be64(p + 8);
    cursor->p = p + head;
    return true;
}

static bool take_opcode(struct cursor *cursor, struct frame *frame)
{
    const uint8_t *start = cursor->p;
    uint32_t n;
    uint64_t op;
    if (!cursor_array(cursor, &n))
        return false;
    frame->fixed = cursor->p - start == 1 && cursor->p < cursor->end && *cursor->p < 0x80;
    if (!cursor_uint(cursor, &op) || op < OP_MESSAGE || op > OP_REPLY)
        return false;
    frame->op = (uint8_t)op;
    if (n < elements_of(frame->op))
        return false;
    frame->n_extra = n - elements_of(frame->op);
    return true;
}

/* The same in any encoding. */
static bool take_start(struct cursor *cursor, struct frame *frame)
{
    uint64_t word;
    if (!take_opcode(cursor, frame) || !take_fixed(cursor, 0xce, &word, &frame->fixed) ||
        word > UINT32_MAX)
        return false;
    frame->word = (uint32_t)word;
    return take_fixed(cursor, 0xcf, &frame->id, &frame->fixed) &&
           (frame->op == OP_MESSAGE || take_fixed(cursor, 0xcf, &frame->token, &frame->fixed));
}

static inline bool take_uint(struct cursor *cursor, uint64_t *ret)
{
    if (cursor->p == cursor->end || *cursor->p >= 0x80)
        return cursor_uint(cursor, ret);
    *ret = *cursor->p++;
    return true;
}

static bool take_rest(struct cursor *cursor, struct frame *frame)
{
    if (frame->op == OP_REPLY)
        return take_uint(cursor, &frame->status);
    if (!take_subject(cursor, frame))
        return false;
    return frame->op == OP_MESSAGE ||
           (take_uint(cursor, &frame->mode) && take_uint(cursor, &frame->timeout_ms));
}

static bool skip_extra(struct cursor *cursor, uint32_t n)
{
    while (n-- > 0) {
        if (!cursor_skip(cursor))
            return false;
    }
    return true;
}

/* Field by field, in any encoding. Apart, so that what is read at once saves no registers for it. */
static __attribute__((noinline)) bool read_fields(struct frame *ret, const uint8_t *buf, size_t len,
                                                  size_t *ret_at)
{
    size_t bound = len < MAX_ENVELOPE ? len : MAX_ENVELOPE;
    struct cursor cursor = { buf, buf + bound };
    struct frame frame;
    size_t rest = 0;

    /* Those that the opcodes do not share. An initialiser would clear all. */
    frame.n_extra = 0;
    frame.token = frame.mode = frame.timeout_ms = frame.status = 0;
    frame.subject = NULL;
    frame.subject_len = 0;
    bool ok = (take_start_fixed(&cursor, &frame) || take_start(&cursor, &frame)) &&
              take_rest(&cursor, &frame) && skip_extra(&cursor, frame.n_extra);
    if (ok) {
        rest = len - (size_t)(cursor.p - buf);
        ok = WORD_HEADERS(frame.word) <= rest;
    }
    if (!ok) {
        if (ret_at)
            *ret_at = (size_t)(cursor.p - buf);
        return false;
    }
    frame.headers = cursor.p;
    frame.headers_len = WORD_HEADERS(frame.word);
    frame.payload = frame.headers + frame.headers_len;
    frame.payload_len = rest - frame.headers_len;
    *ret = frame;
    return true;
}

/* What stands behind the token of a REQUEST or REPLY that is read at once: its fields are where the
 * diagram has them, and what follows has its shortest form, as nearly all have. What is not so, or
 * breaks the wire, is left to read_fields. */
struct rest {
    const char *subject;
    size_t subject_len;
    uint64_t mode, timeout_ms, status;
    const uint8_t *end;
};

/* Up to 49 days of milliseconds. */
static inline bool take_timeout(struct rest *rest, const uint8_t *p, size_t left)
{
    size_t size = left == 0 ? 0 : p[0] < 0x80 ? 1 : p[0] == 0xcd ? 3 : p[0] == 0xce ? 5 : 0;
    if (size == 0 || size > left)
        return false;
    rest->timeout_ms = size == 1 ? p[0] : size == 5 ? load_be32(p + 1) : (uint64_t)p[1] << 8 | p[2];
    rest->end = p + size;
    return true;
}

static inline bool take_question(struct rest *rest, const uint8_t *p, size_t left)
{
    if (left < 2)
        return false;
    size_t at = p[0] == 0xd9 ? 2 : 1;
    size_t len = at == 2 ? p[1] : p[0] & 31u;
    bool shortest = at == 2 ? len >= 32 : (p[0] & 0xe0) == 0xa0;
    if (!shortest || left <= at + len || p[at + len] >= 0x80)
        return false;
    rest->subject = (const char *)p + at;
    rest->subject_len = len;
    rest->mode = p[at + len];
    return take_timeout(rest, p + at + len + 1, left - at - len - 1);
}

static inline bool take_answer(struct rest *rest, const uint8_t *p)
{
    rest->status = p[0];
    rest->end = p + 1;
    return p[0] < 0x80;
}

static inline bool take_call_rest(struct rest *rest, const uint8_t *p, size_t len)
{
    if (p[2] != 0xce || p[7] != 0xcf || p[AT_TOKEN] != 0xcf)
        return false;
    if (p[0] == (0x90 | N_REQUEST) && p[1] == OP_REQUEST)
        return take_question(rest, p + AT_REST, len - AT_REST);
    return p[0] == (0x90 | N_REPLY) && p[1] == OP_REPLY && take_answer(rest, p + AT_REST);
}

/* Each field for itself: an initialiser would clear all of it first. */
static inline void fill_call(struct frame *ret, const uint8_t *buf, const struct rest *rest)
{
    ret->op = buf[1];
    ret->fixed = true;
    ret->n_extra = 0;
    ret->word = load_be32(buf + 3);
    ret->id = load_be64(buf + 8);
    ret->token = load_be64(buf + AT_TOKEN + 1);
    ret->subject = rest->subject;
    ret->subject_len = rest->subject_len;
    ret->mode = rest->mode;
    ret->timeout_ms = rest->timeout_ms;
    ret->status = rest->status;
}

bool frame_read(struct frame *ret, const uint8_t *buf, size_t len, size_t *ret_at)
{
    struct rest rest = { 0 };
    if (len <= AT_REST || !take_call_rest(&rest, buf, len))
        return read_fields(ret, buf, len, ret_at);
    size_t left = len - (size_t)(rest.end - buf);
    size_t headers_len = WORD_HEADERS(load_be32(buf + 3));
    if (headers_len > left)
        return read_fields(ret, buf, len, ret_at);
    fill_call(ret, buf, &rest);
    ret->headers = rest.end;
    ret->headers_len = headers_len;
    ret->payload = rest.end + headers_len;
    ret->payload_len = left - headers_len;
    return true;
}

static uint8_t *put_u64(uint8_t *p, uint64_t value)
{
    *p = 0xcf;
    store_be64(p + 1, value);
    return p + 9;
}

static uint8_t *put_uint(uint8_t *p, uint64_t value)
{
    struct writer w = { p, p + 9, false };
    if (value < 0x80) {
        *p = (uint8_t)value;
        return p + 1;
    }
    writer_uint(&w, value);
    return w.p;
}

static uint8_t *put_subject(uint8_t *p, const char *s, size_t len)
{
    if (len < 32) {
        *p++ = (uint8_t)(0xa0 | len);
    } else {
        *p++ = 0xd9;
        *p++ = (uint8_t)len;
    }
    if (len > 0)
        memcpy(p, s, len);
    return p + len;
}

size_t frame_write_head(uint8_t *buf, const struct frame *frame)
{
    uint8_t *p = buf + FRAME_PREFIX;
    if (frame->subject_len > MAX_SUBJECT)
        return 0;
    p[0] = (uint8_t)(0x90 | elements_of(frame->op));
    p[1] = frame->op;
    p[2] = 0xce;
    store_be32(p + 3, (frame->word & ~UINT32_C(0xffff)) | (uint32_t)frame->headers_len);
    p = put_u64(p + 7, frame->id);
    if (frame->op != OP_MESSAGE)
        p = put_u64(p, frame->token);
    if (frame->op == OP_REPLY)
        p = put_uint(p, frame->status);
    else
        p = put_subject(p, frame->subject, frame->subject_len);
    if (frame->op == OP_REQUEST) {
        p = put_uint(p, frame->mode);
        p = put_uint(p, frame->timeout_ms);
    }
    size_t head_len = (size_t)(p - buf);
    store_be32(buf, (uint32_t)(head_len - FRAME_PREFIX + frame->headers_len + frame->payload_len));
    return head_len;
}
