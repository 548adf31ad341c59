/* What must hold of frame_read and envelope_read whatever the bytes are.
 *
 * Each check returns NULL, or the property that is broken. The unit tests feed
 * them damaged frames, the fuzzers anything.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "proto/cursor.h"
#include "proto/envelope.h"
#include "proto/frame.h"

static inline bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* Equal in everything that goes over the wire but the payload. */
static inline bool frame_same(const struct frame *a, const struct frame *b)
{
    return a->op == b->op && a->word == b->word && a->id == b->id && a->token == b->token &&
           a->mode == b->mode && a->timeout_ms == b->timeout_ms && a->status == b->status &&
           same_bytes(a->subject, a->subject_len, b->subject, b->subject_len) &&
           a->headers_len == b->headers_len;
}

static inline const char *frame_check_places(const struct frame *frame, const uint8_t *buf,
                                             size_t len)
{
    const uint8_t *subject = (const uint8_t *)frame->subject;

    if (frame->headers < buf || frame->headers > buf + len)
        return "headers outside the frame";
    if ((size_t)(frame->headers - buf) > MAX_ENVELOPE)
        return "an envelope beyond its limit";
    if (frame->payload != frame->headers + frame->headers_len)
        return "the payload is not behind the headers";
    if (frame->payload + frame->payload_len != buf + len)
        return "the payload does not end with the frame";
    if (subject && (subject < buf || subject + frame->subject_len > frame->headers))
        return "a subject outside the envelope";
    if (frame->headers_len != WORD_HEADERS(frame->word))
        return "headers_len is not what the word says";
    return NULL;
}

/* A frame that claims fixed places must have every value where the diagram
 * has it, since the broker writes there. */
static inline const char *frame_check_fixed(const struct frame *frame, const uint8_t *buf)
{
    if (load_be32(buf + FRAME_AT_WORD - FRAME_PREFIX) != frame->word)
        return "the word is not in its place";
    if (load_be64(buf + FRAME_AT_ID - FRAME_PREFIX) != frame->id)
        return "the id is not in its place";
    if (frame->token && load_be64(buf + FRAME_AT_TOKEN - FRAME_PREFIX) != frame->token)
        return "the token is not in its place";
    return NULL;
}

static inline const char *frame_check_again(const struct frame *frame, const uint8_t *buf)
{
    uint8_t head[FRAME_MAX_HEAD];
    size_t head_len = frame_write_head(head, frame), left;
    struct frame again;

    if (head_len == 0)
        return frame->subject_len > MAX_SUBJECT ? NULL : "cannot be written again";
    left = head_len - FRAME_PREFIX;
    if (load_be32(head) != left + frame->headers_len + frame->payload_len)
        return "the length is wrong";
    struct frame bare = *frame;
    bare.headers_len = 0;
    bare.payload_len = 0;
    head_len = frame_write_head(head, &bare);
    if (!frame_read(&again, head + FRAME_PREFIX, head_len - FRAME_PREFIX, NULL))
        return "what was written cannot be read";
    if (!again.fixed || again.n_extra > 0)
        return "what was written is not in the fixed form";
    again.headers_len = frame->headers_len;
    again.word |= (uint32_t)frame->headers_len;
    if (!frame_same(frame, &again))
        return "another frame after writing and reading";
    head_len = frame_write_head(head, frame);
    if (frame->op == OP_MESSAGE && frame->fixed && frame->n_extra == 0 &&
        memcmp(head + FRAME_PREFIX, buf, left) != 0)
        return "a fixed MESSAGE is not written as it was read";
    return NULL;
}

/* frame_message_envelope knows the common form, all of it but the very shortest, and no other.
 * `frame` is what was read; NULL if that broke the wire. */
static inline const char *frame_check_envelope(const struct frame *frame, const uint8_t *buf,
                                               size_t len)
{
    size_t n = frame_message_envelope(buf, len);
    bool common = frame && frame->op == OP_MESSAGE && frame->fixed && frame->n_extra == 0;

    if (n > 0 && !common)
        return "taken for a MESSAGE of the common form";
    if (n == 0 && common && len > 17)
        return "a MESSAGE of the common form is not known";
    return n == 0 || frame->headers == buf + n ? NULL : "the envelope has another length";
}

/* buf[0..len) is a frame behind its prefix. */
static inline const char *frame_check(const uint8_t *buf, size_t len)
{
    struct frame frame, untouched;
    size_t at = SIZE_MAX;
    const char *broken;

    memset(&frame, 0xaa, sizeof frame);
    memset(&untouched, 0xaa, sizeof untouched);
    if (!frame_read(&frame, buf, len, &at)) {
        if (memcmp(&frame, &untouched, sizeof frame) != 0)
            return "the output was touched";
        return at <= len ? frame_check_envelope(NULL, buf, len) : "the offset lies outside";
    }
    broken = frame_check_places(&frame, buf, len);
    if (!broken)
        broken = frame_check_envelope(&frame, buf, len);
    if (!broken && frame.fixed)
        broken = frame_check_fixed(&frame, buf);
    return broken ? broken : frame_check_again(&frame, buf);
}

static inline const char *envelope_check_sids(const struct envelope *envelope)
{
    struct piece sids = envelope->select.sids;
    uint64_t sid;

    for (uint32_t i = 0; i < envelope->select.n; i++) {
        if (!envelope_next_sid(&sids, &sid))
            return "fewer sids than counted";
    }
    return envelope_next_sid(&sids, &sid) ? "more sids than counted" : NULL;
}

/* Written in the shortest forms it must read back, and be written the same. */
static inline const char *envelope_check_again(const struct envelope *envelope, size_t len)
{
    static uint8_t first[ENVELOPE_MAX_WRITTEN], second[ENVELOPE_MAX_WRITTEN];
    size_t first_len = envelope_write(first, sizeof first, envelope), second_len;
    struct envelope again;

    if (first_len == 0)
        return "cannot be written again";
    if (load_be32(first) != first_len - FRAME_PREFIX)
        return "the length is wrong";
    /* Optional fields are written even if they were left out. */
    if (first_len > FRAME_PREFIX + len + 16)
        return "written much longer than it was";
    if (!envelope_read(&again, first + FRAME_PREFIX, first_len - FRAME_PREFIX, NULL))
        return first_len - FRAME_PREFIX > MAX_ENVELOPE ? NULL : "what was written cannot be read";
    second_len = envelope_write(second, sizeof second, &again);
    if (!same_bytes(first, first_len, second, second_len))
        return "another frame after writing and reading";
    if (envelope_write(second, first_len - 1, envelope) != 0)
        return "written into less room than it needs";
    return NULL;
}

/* buf[0..len) is a frame behind its prefix. */
static inline const char *envelope_check(const uint8_t *buf, size_t len)
{
    struct envelope envelope, untouched;
    size_t at = SIZE_MAX;
    int op = envelope_opcode(buf, len);
    const char *broken = NULL;

    memset(&envelope, 0xaa, sizeof envelope);
    memset(&untouched, 0xaa, sizeof untouched);
    if (!envelope_read(&envelope, buf, len, &at)) {
        if (memcmp(&envelope, &untouched, sizeof envelope) != 0)
            return "the output was touched";
        return at <= len ? NULL : "the offset lies outside";
    }
    if (op != envelope.op)
        return "envelope_opcode sees another opcode";
    if (envelope.op == OP_SELECT)
        broken = envelope_check_sids(&envelope);
    return broken ? broken : envelope_check_again(&envelope, len);
}
