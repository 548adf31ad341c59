#include "proto/frame.h"

#include "proto/cursor.h"
#include "proto/opcode.h"
#include "proto/writer.h"

enum { N_MESSAGE = 4, N_REQUEST = 7, N_REPLY = 5 };

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

static bool take_start(struct cursor *cursor, struct frame *frame)
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

static bool take_fields(struct cursor *cursor, struct frame *frame)
{
    uint64_t word;
    if (!take_fixed(cursor, 0xce, &word, &frame->fixed) || word > UINT32_MAX)
        return false;
    frame->word = (uint32_t)word;
    if (!take_fixed(cursor, 0xcf, &frame->id, &frame->fixed))
        return false;
    if (frame->op == OP_MESSAGE)
        return take_subject(cursor, frame);
    if (!take_fixed(cursor, 0xcf, &frame->token, &frame->fixed))
        return false;
    if (frame->op == OP_REPLY)
        return cursor_uint(cursor, &frame->status);
    return take_subject(cursor, frame) && cursor_uint(cursor, &frame->mode) &&
           cursor_uint(cursor, &frame->timeout_ms);
}

static bool skip_extra(struct cursor *cursor, uint32_t n)
{
    while (n-- > 0) {
        if (!cursor_skip(cursor))
            return false;
    }
    return true;
}

bool frame_read(struct frame *ret, const uint8_t *buf, size_t len, size_t *ret_at)
{
    size_t bound = len < MAX_ENVELOPE ? len : MAX_ENVELOPE;
    struct cursor cursor = { buf, buf + bound };
    struct frame frame = { .op = 0 };
    size_t rest = 0;

    bool ok = take_start(&cursor, &frame) && take_fields(&cursor, &frame) &&
              skip_extra(&cursor, frame.n_extra);
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

size_t frame_write_head(uint8_t *buf, const struct frame *frame)
{
    struct writer w = { buf + FRAME_PREFIX, buf + FRAME_MAX_HEAD, false };

    writer_array(&w, elements_of(frame->op));
    writer_uint(&w, frame->op);
    writer_u32(&w, (frame->word & ~UINT32_C(0xffff)) | (uint32_t)frame->headers_len);
    writer_u64(&w, frame->id);
    if (frame->op != OP_MESSAGE)
        writer_u64(&w, frame->token);
    if (frame->op != OP_REPLY)
        writer_str(&w, frame->subject, frame->subject_len);
    if (frame->op == OP_REQUEST) {
        writer_uint(&w, frame->mode);
        writer_uint(&w, frame->timeout_ms);
    }
    if (frame->op == OP_REPLY)
        writer_uint(&w, frame->status);
    if (w.full || frame->subject_len > MAX_SUBJECT)
        return 0;
    size_t head_len = (size_t)(w.p - buf);
    store_be32(buf, (uint32_t)(head_len - FRAME_PREFIX + frame->headers_len + frame->payload_len));
    return head_len;
}
