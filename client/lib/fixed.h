/* Frames in the form in which a broker of ours writes them: every number where
 * the diagram of PROTOCOL.md has it, so that a frame is known by a few
 * comparisons. What has another form is not refused here, but left to
 * proto/frame.h and proto/envelope.h. Each takes a whole frame, its prefix
 * included, of which nothing is known but its size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/opcode.h"

enum {
    FIXED_AT_OP = FRAME_PREFIX + 1, /* of every frame */
    FIXED_AT_REST = FRAME_AT_TOKEN + 8,
};

static inline uint16_t fixed_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The sid of a SELECT of one; 0: another frame, or it is to be looked at. */
static inline uint32_t fixed_select(const uint8_t *frame, size_t size)
{
    const uint8_t *p = frame + FIXED_AT_OP + 1;
    uint32_t sid = 0;

    if (size < FRAME_PREFIX + 3 || fixed_be16(frame + FRAME_PREFIX) != (0x92 << 8 | OP_SELECT))
        return 0;
    if (size == FRAME_PREFIX + 5 && p[0] == 0xcd)
        sid = fixed_be16(p + 1);
    else if (size == FRAME_PREFIX + 3 && p[0] < 0x80)
        sid = p[0];
    else if (size == FRAME_PREFIX + 4 && p[0] == 0xcc)
        sid = p[1];
    else if (size == FRAME_PREFIX + 7 && p[0] == 0xce)
        sid = load_be32(p + 1);
    return sid <= MAX_SID ? sid : 0;
}

/* The start that REQUEST and REPLY share; `start` is their array and opcode. No
 * descriptors come along with either. */
static inline bool fixed_start(struct frame *ret, const uint8_t *frame, size_t size, uint32_t start)
{
    if (size < FIXED_AT_REST + 1 || (load_be32(frame + FRAME_PREFIX) & 0xffffff00) != start ||
        frame[FRAME_AT_ID - 1] != 0xcf || frame[FRAME_AT_TOKEN - 1] != 0xcf)
        return false;
    ret->word = load_be32(frame + FRAME_AT_WORD);
    ret->id = load_be64(frame + FRAME_AT_ID);
    ret->token = load_be64(frame + FRAME_AT_TOKEN);
    return WORD_FDS(ret->word) == 0;
}

/* What follows the envelope, which ends at `at`. */
static inline bool fixed_end(struct frame *ret, const uint8_t *frame, size_t size, size_t at)
{
    ret->headers_len = WORD_HEADERS(ret->word);
    if (at > size || ret->headers_len > size - at)
        return false;
    ret->headers = frame + at;
    ret->payload = ret->headers + ret->headers_len;
    ret->payload_len = size - at - ret->headers_len;
    return true;
}

/* A REPLY. Fills what a message is made of, and the token. */
static inline bool fixed_reply(struct frame *ret, const uint8_t *frame, size_t size)
{
    if (!fixed_start(ret, frame, size, 0x9522ce00) || frame[FIXED_AT_REST] >= 0x80)
        return false;
    ret->status = frame[FIXED_AT_REST];
    ret->subject = NULL;
    ret->subject_len = 0;
    return fixed_end(ret, frame, size, FIXED_AT_REST + 1);
}

/* Bytes of a number behind its first; more than any frame has if it is none. */
static inline size_t fixed_width(uint8_t first)
{
    if (first < 0x80)
        return 0;
    return first >= 0xcc && first <= 0xcf ? (size_t)1 << (first - 0xcc) : SIZE_MAX / 2;
}

/* A REQUEST, in the same way. Its mode and its timeout are the broker's, and
 * are stepped over. */
static inline bool fixed_request(struct frame *ret, const uint8_t *frame, size_t size)
{
    size_t at = FIXED_AT_REST + 1;

    if (!fixed_start(ret, frame, size, 0x9721ce00))
        return false;
    ret->subject_len = frame[FIXED_AT_REST] & 31u;
    if (frame[FIXED_AT_REST] == 0xd9 && size > at && frame[at] >= 32)
        ret->subject_len = frame[at++];
    else if ((frame[FIXED_AT_REST] & 0xe0) != 0xa0)
        return false;
    ret->subject = (const char *)frame + at;
    ret->status = 0;
    at += ret->subject_len;
    if (size < at + 2 || frame[at] >= 0x80)
        return false;
    return fixed_end(ret, frame, size, at + 2 + fixed_width(frame[at + 1]));
}
