/*
 * What a broker sends, written down as tests/live/cases expects it: "OK 1; REFUSED 1-1 BAD_SUBJECT; PONG 4712".
 *
 * A frame is an item. SELECT, PEER and the broker's own events leave none. Where a REFUSED stands among the answers to
 * frames behind its message is left to the broker, and whether equal ones come as one: so it is written ahead of the
 * CONFIRMED, PONG, GOODBYE or end that has to come after it, or of
 * a REPLY, in as few items as there can be.
 */
#ifndef TESTS_LIVE_WIRE_TRACE_H
#define TESTS_LIVE_WIRE_TRACE_H

#include "tests/kit/peer.h"
#include "tests/live/wire_case.h"

struct wire_trace {
    char text[4096];
    size_t len;
    uint64_t self, witness; /* ids that are written as names */
    struct {
        uint64_t sent, known; /* a token that was put in the place of the one that the cases know */
    } tokens[WIRE_MAX_TOKENS];
    unsigned n_tokens;
    struct {
        uint64_t first, last, status; /* first 0: none */
        char what[64];
    } refusal;
};

/** Writes a frame down. */
void wire_trace_add(struct wire_trace *trace, const struct got *got);
/** The end of the stream. */
void wire_trace_end(struct wire_trace *trace);
#define WIRE_DIGEST_START UINT32_C(0x811c9dc5)
/** 32 bits of FNV-1a, of bytes behind those that gave @p digest; of none: WIRE_DIGEST_START. */
uint32_t wire_digest_more(uint32_t digest, const uint8_t *bytes, size_t len);
/** Writes text down, what is not plain ASCII as %xx. Returns the bytes written; cuts off what has no room. */
size_t wire_escape(char *to, size_t room, const void *text, size_t len);

#endif
