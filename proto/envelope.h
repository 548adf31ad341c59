/* Envelopes of the control frames: every frame but MESSAGE, REQUEST and REPLY.
 *
 * One struct a frame, one table of fields in envelope.c: reading and writing
 * follow the table, so a frame is described once. Text and bytes point into
 * the buffer that was read, and are not NUL-terminated. (PROTOCOL.md, "The
 * frames".)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/opcode.h"

/* A piece of a buffer; p == NULL stands for nil where a field may be nil. */
struct piece {
    const void *p;
    size_t len;
};

#define HELLO_MAGIC "brokerd"
/* Flags of SUB and of SERVE: send PEER ahead. */
#define SUB_CREDENTIALS UINT64_C(1)
#define SERVE_CREDENTIALS UINT64_C(1)

enum { ENVELOPE_MAX_WRITTEN = FRAME_PREFIX + MAX_HELLO };

struct envelope {
    uint8_t op;
    union {
        struct {
            struct piece magic;
            uint64_t version;
            uint64_t features;
            struct piece options; /* one msgpack map, raw */
        } hello;
        struct {
            uint64_t version;
            uint64_t features;
            struct piece instance; /* bin, 16 bytes */
            uint64_t id;
            struct piece options; /* one msgpack map, raw */
        } welcome;
        struct {
            uint64_t status;
            struct piece sentence;
        } goodbye;
        uint64_t ref; /* PING, PONG, OK, CONFIRM */
        struct {
            uint64_t op; /* of the refused frame */
            uint64_t ref;
            uint64_t status;
            struct piece sentence;
            struct piece what; /* the rule or limit; may be nil */
        } error;
        struct {
            uint64_t first;
            uint64_t last;
            uint64_t status;
            struct piece sentence;
            struct piece what;
        } refused;
        struct {
            uint64_t ref;
            uint64_t last;
            uint64_t matched;
            uint64_t refused;
        } confirmed;
        struct {
            uint64_t ref;
            uint64_t sid;
            struct piece pattern;
            struct piece group; /* nil: none */
            uint64_t policy;
            uint64_t queue_bytes;    /* 0: the default */
            uint64_t queue_messages; /* 0: the default */
            uint64_t after;          /* 0: never */
            uint64_t flags;
        } sub;
        struct {
            uint64_t ref;
            uint64_t sid;
        } unsub; /* and UNSERVE */
        struct {
            uint64_t ref;
            uint64_t sid;
            struct piece pattern;
            uint64_t max_open; /* 0: the default */
            uint64_t flags;
        } serve;
        struct {
            struct piece sids; /* the raw elements, all integers */
            uint32_t n;
        } select;
        struct {
            uint64_t id;
            uint64_t uid;
            uint64_t gid;
            struct piece pid;    /* raw: an integer or nil */
            struct piece groups; /* raw: an array of integers */
            struct piece label;  /* nil: none */
        } peer;
        struct {
            uint64_t sid;
            uint64_t count;
            uint64_t reason;
        } gap;
        struct {
            uint64_t sid;
            uint64_t status;
            struct piece sentence;
        } ended;
        struct {
            uint64_t token;
            uint64_t status;
            uint64_t left_queue; /* 1: the request had been sent on */
            uint64_t asked;
            uint64_t answered;
            uint64_t refused;
            uint64_t gone;
            uint64_t timed_out;
            uint64_t cancelled;
            struct piece what;
        } end;
        struct {
            uint64_t token;
            uint64_t status;
        } cancel;
    };
};

/* The opcode of the frame in buf[0..len) (behind its prefix) without reading
 * the rest; -1 if it does not begin with an array that begins with a number
 * below 128. */
int envelope_opcode(const uint8_t *buf, size_t len);

/* Reads a control frame: buf[0..len) is the whole frame behind its prefix.
 * Trailing elements it does not know are stepped over; bytes behind the
 * envelope are an error. true and *ret filled; false if it breaks the wire,
 * with *ret_at (may be NULL) the offset where. */
bool envelope_read(struct envelope *ret, const uint8_t *buf, size_t len, size_t *ret_at);

/* Writes prefix and envelope. Returns the bytes written, 0 if they do not fit
 * in room. All fields are written, absent optional ones as their defaults. */
size_t envelope_write(uint8_t *buf, size_t room, const struct envelope *envelope);

/* The next sid of a SELECT that was read; false at the end. */
bool envelope_next_sid(struct piece *sids, uint64_t *ret);
