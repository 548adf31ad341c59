/*
 * The wire of the floor: the frames that carry payloads, in the fixed widths of PROTOCOL.md, read and written
 * with as little as a bounded reader can do. Frames in other widths, which the protocol allows, the floor does
 * not take. Control frames are read and written by proto/envelope.h, SELECT by hand.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/opcode.h"

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

enum {
    WIRE_MAX_SELECT = FRAME_PREFIX + 7,
    WIRE_TIMEOUT_MS = 5000,
    WIRE_MAX_HEAD =
        320, /* of a frame that wire_write_head() writes; it may write more bytes than count */
};

/* A MESSAGE, REQUEST or REPLY; everything points into the frame. */
struct wire {
    uint8_t op;
    uint8_t *word;
    uint8_t *id;
    uint8_t *token; /* of a REQUEST and a REPLY */
    const char *subject;
    uint32_t subject_len;
    uint8_t *payload;
    size_t payload_len;
};

/* The bytes that a msgpack unsigned number takes, by its first; 0: it is none. */
static inline unsigned wire_uint_len(uint8_t first)
{
    if (first < 0x80)
        return 1;
    return first >= 0xcc && first <= 0xcf ? 1 + (1u << (first - 0xcc)) : 0;
}

/* Steps over a number; NULL if it does not end before @p end. */
static inline uint8_t *wire_skip_uint(uint8_t *at, const uint8_t *end)
{
    const unsigned n = at && at < end ? wire_uint_len(*at) : 0;

    return n && (size_t)(end - at) >= n ? at + n : NULL;
}

static inline uint8_t *wire_read_subject(struct wire *wire, uint8_t *at, const uint8_t *end)
{
    if (UNLIKELY(end - at < 2))
        return NULL;
    if ((*at & 0xe0) == 0xa0) {
        wire->subject_len = *at & 0x1f;
        at += 1;
    } else if (*at == 0xd9) {
        wire->subject_len = at[1];
        at += 2;
    } else {
        return NULL;
    }
    wire->subject = (const char *)at;
    if (UNLIKELY((size_t)(end - at) < wire->subject_len))
        return NULL;
    return at + wire->subject_len;
}

static inline uint8_t *wire_read_call(struct wire *wire, uint8_t *at, const uint8_t *end)
{
    if (end - at < 9 || *at != 0xcf)
        return NULL;
    wire->token = at + 1;
    if (wire->op == OP_REPLY)
        return wire_skip_uint(at + 9, end); /* status */
    at = wire_read_subject(wire, at + 9, end);
    return wire_skip_uint(wire_skip_uint(at, end), end); /* mode, timeout */
}

/**
 * Reads the frame @p frame[0..len), prefix and all.
 * @return false when it is another one, or breaks the wire
 */
static inline bool wire_read(struct wire *ret, uint8_t *frame, size_t len)
{
    const uint8_t *end = frame + len;
    uint8_t *at = frame + FRAME_AT_SUBJECT;
    static const uint8_t elements[] = { 0x94, 0x97, 0x95 };

    if (UNLIKELY(len < FRAME_AT_SUBJECT + 2))
        return false;
    const unsigned op = frame[5];
    if (UNLIKELY(op - OP_MESSAGE > OP_REPLY - OP_MESSAGE || frame[4] != elements[op - OP_MESSAGE] ||
                 frame[6] != 0xce || frame[11] != 0xcf))
        return false;
    ret->op = (uint8_t)op;
    ret->word = frame + FRAME_AT_WORD;
    ret->id = frame + FRAME_AT_ID;
    at = op == OP_MESSAGE ? wire_read_subject(ret, at, end) : wire_read_call(ret, at, end);
    const size_t headers_len = WORD_HEADERS(load_be32(ret->word));
    if (UNLIKELY(!at || (size_t)(end - at) < headers_len))
        return false;
    ret->payload = at + headers_len;
    ret->payload_len = (size_t)(end - ret->payload);
    return true;
}

/* What a broker has to do to a word: false if the sender set what it must not. */
static inline bool wire_vouch(const struct wire *wire, uint64_t id)
{
    const uint32_t word = load_be32(wire->word);

    if (UNLIKELY(word & (WORD_SENDER_SPARE | UINT32_C(0x00ff0000))))
        return false;
    if (UNLIKELY(word & WORD_BROKER))
        store_be32(wire->word, word & ~WORD_BROKER);
    store_be64(wire->id, id);
    return true;
}

static inline uint8_t *wire_write_subject(uint8_t *at, const char *subject, size_t len)
{
    if (len < 32) {
        *at++ = (uint8_t)(0xa0 | len);
    } else {
        *at++ = 0xd9;
        *at++ = (uint8_t)len;
    }
    memcpy(at, subject, len);
    return at + len;
}

/** Prefix and envelope at @p to, which has WIRE_MAX_HEAD bytes. @return their length */
static inline size_t wire_write_head(uint8_t *to, uint8_t op, uint64_t token, const char *subject,
                                     size_t subject_len, size_t payload_len)
{
    static const uint8_t start[][3] = { { 0x94, 0x20, 0xce },
                                        { 0x97, 0x21, 0xce },
                                        { 0x95, 0x22, 0xce } };
    uint8_t *at = to + FRAME_AT_SUBJECT;

    memcpy(to + FRAME_PREFIX, start[op - OP_MESSAGE], sizeof(start[0]));
    store_be32(to + FRAME_AT_WORD, 0);
    to[FRAME_AT_ID - 1] = 0xcf;
    store_be64(to + FRAME_AT_ID, 0);
    if (op != OP_MESSAGE) {
        *at = 0xcf;
        store_be64(at + 1, token);
        at += 9;
    }
    if (op != OP_REPLY)
        at = wire_write_subject(at, subject, subject_len);
    if (op == OP_REQUEST) {
        *at++ = REQUEST_ONE;
        *at++ = 0xcd;
        *at++ = WIRE_TIMEOUT_MS >> 8;
        *at++ = WIRE_TIMEOUT_MS & 0xff;
    } else if (op == OP_REPLY) {
        *at++ = 0; /* status */
    }
    store_be32(to, (uint32_t)((size_t)(at - to) - FRAME_PREFIX + payload_len));
    return (size_t)(at - to);
}

/** SELECT of one sid, in WIRE_MAX_SELECT bytes. @return its length */
static inline size_t wire_write_select(uint8_t *to, uint32_t sid)
{
    const bool small = sid < 0x80;

    store_be32(to, small ? 3 : 7);
    to[4] = 0x92;
    to[5] = OP_SELECT;
    to[6] = small ? (uint8_t)sid : 0xce;
    if (!small)
        store_be32(to + 7, sid);
    return small ? 7 : WIRE_MAX_SELECT;
}

/** The sid of a SELECT that wire_write_select() wrote; 0: it is another frame. */
static inline uint32_t wire_read_select(const uint8_t *frame, size_t len)
{
    if (len < 7 || frame[4] != 0x92 || frame[5] != OP_SELECT)
        return 0;
    if (len == 7 && frame[6] < 0x80)
        return frame[6];
    return len == WIRE_MAX_SELECT && frame[6] == 0xce ? load_be32(frame + 7) : 0;
}
