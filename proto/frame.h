/* Frames: the length prefix, and the three that carry headers and a payload.
 *
 * MESSAGE, REQUEST and REPLY are written and read by hand, since the broker
 * forwards them as they lie in its read block. Word, id and token have fixed
 * places, so it can compare, overwrite and restore them without parsing:
 *
 *     0    4  5  6  7       11 12           20 21           29
 *     len  9n op ce word    cf id           cf token        ...   REQUEST, REPLY
 *     len  94 20 ce word    cf id           subject | headers | payload   MESSAGE
 *
 * Nothing here checks a subject's grammar, a flag's meaning or a limit but the
 * envelope's: that is for who handles the frame, to be refused by name.
 * (PROTOCOL.md, "Frames" and "Messages".)
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/limits.h"

enum {
    FRAME_AT_WORD = 7,
    FRAME_AT_ID = 12,
    FRAME_AT_SUBJECT = 20, /* of a MESSAGE */
    FRAME_AT_TOKEN = 21,   /* of a REQUEST and a REPLY */
    /* Room for the prefix and the longest envelope of the three: a REQUEST
     * whose mode and timeout take nine bytes each. */
    FRAME_MAX_HEAD = FRAME_PREFIX + 25 + 2 + MAX_SUBJECT + 9 + 9,
};

/* The word. */
#define WORD_MSGPACK (UINT32_C(1) << 31) /* the payload is one msgpack value */
#define WORD_MORE (UINT32_C(1) << 30)    /* more parts follow */
#define WORD_SENDER_SPARE (UINT32_C(3) << 28)
#define WORD_REMOTE (UINT32_C(1) << 27) /* the broker's: came over a bridge */
#define WORD_RETAINED (UINT32_C(1) << 26)
#define WORD_REDELIVERED (UINT32_C(1) << 25)
#define WORD_BROKER (UINT32_C(15) << 24)
#define WORD_FDS(word) (((word) >> 16) & 255)
#define WORD_HEADERS(word) ((word) & 0xffff)

enum request_mode { REQUEST_ONE = 0, REQUEST_ALL = 1 };

/* A frame read in place: every pointer points into the buffer it came from. */
struct frame {
    uint8_t op;
    bool fixed;      /* every fixed-width field is where the diagram has it */
    uint32_t n_extra; /* trailing elements of the envelope beyond the known ones */
    uint32_t word;
    uint64_t id;
    uint64_t token;
    const char *subject;
    size_t subject_len;
    uint64_t mode;       /* REQUEST */
    uint64_t timeout_ms; /* REQUEST */
    uint64_t status;     /* REPLY */
    const uint8_t *headers;
    size_t headers_len;
    const uint8_t *payload;
    size_t payload_len;
};

static inline uint32_t load_be32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static inline uint64_t load_be64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof v);
}

static inline void store_be64(uint8_t *p, uint64_t v)
{
    v = htobe64(v);
    memcpy(p, &v, sizeof v);
}

/* The length of a MESSAGE's envelope that has the form above, which is that of
 * nearly all; 0: it has another, its headers are longer than what is left, or it
 * is another frame, so that frame_read has to say. buf[0..len) is the frame
 * behind its prefix. */
static inline size_t frame_message_envelope(const uint8_t *buf, size_t len)
{
    enum { AT_SUBJECT = FRAME_AT_SUBJECT - FRAME_PREFIX };
    size_t n;
    if (len < AT_SUBJECT + 2 || (load_be32(buf) & 0xffffff00) != 0x9420ce00 || buf[7] != 0xcf)
        return 0;
    if ((buf[AT_SUBJECT] & 0xe0) == 0xa0)
        n = AT_SUBJECT + 1 + (buf[AT_SUBJECT] & 31u);
    else if (buf[AT_SUBJECT] == 0xd9 && buf[AT_SUBJECT + 1] >= 32)
        n = AT_SUBJECT + 2 + buf[AT_SUBJECT + 1];
    else
        return 0;
    return n + WORD_HEADERS(load_be32(buf + FRAME_AT_WORD - FRAME_PREFIX)) <= len ? n : 0;
}

/* Reads a MESSAGE, REQUEST or REPLY: buf[0..len) is the frame behind its
 * prefix. true and *ret filled; false if it breaks the wire, with *ret_at (may
 * be NULL) the offset in buf where, and *ret untouched. */
bool frame_read(struct frame *ret, const uint8_t *buf, size_t len, size_t *ret_at);

/* Writes prefix and envelope of `frame` (op, word, id, token, subject, mode,
 * timeout, status as the opcode has them; lengths from headers_len and
 * payload_len, which also goes into the word); the caller appends headers and
 * payload. buf has FRAME_MAX_HEAD bytes. Returns the bytes written, 0 if the
 * subject is longer than MAX_SUBJECT. */
size_t frame_write_head(uint8_t *buf, const struct frame *frame);
