/* Subjects as nearly all of them are: printable ASCII, without a '*' or a '>'
 * anywhere. They are checked sixteen bytes at a time, with the vectors of gcc
 * and clang, which know how to do without where a processor has none; whatever
 * else there is, is for proto/subject.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/limits.h"

/* A byte each; of a comparison: -1 or 0. */
typedef int8_t plain_bytes __attribute__((vector_size(16)));

enum { PLAIN_WIDTH = sizeof(plain_bytes) };

static inline plain_bytes plain_each(char c)
{
    return (plain_bytes){ c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c };
}

static inline plain_bytes plain_load(const char *s)
{
    plain_bytes bytes;

    memcpy(&bytes, s, sizeof bytes);
    return bytes;
}

/* The sum of them: at most 255, of numbers that are not negative. */
static inline unsigned plain_sum(plain_bytes bytes)
{
    uint64_t halves[2];

    memcpy(halves, &bytes, sizeof halves);
    return (unsigned)((halves[0] + halves[1]) * UINT64_C(0x0101010101010101) >> 56);
}

static inline bool plain_any(plain_bytes bytes)
{
    uint64_t halves[2];

    memcpy(halves, &bytes, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

/* Makes what is behind s[0..len) fit for plain_valid: PLAIN_WIDTH bytes. */
static inline void plain_pad(char *s, size_t len)
{
    memset(s + len, 'x', PLAIN_WIDTH);
}

/* Whether s[0..len), 1 to MAX_SUBJECT bytes, is such a subject and keeps the
 * grammar. It was padded, and the byte before it may be read. */
static inline bool plain_valid(const char *s, size_t len)
{
    plain_bytes bad = plain_each(0), good = ~bad, n_dots = bad;

    for (size_t at = 0; at < len; at += PLAIN_WIDTH) {
        plain_bytes bytes = plain_load(s + at), dots = bytes == plain_each('.');

        good &= bytes > plain_each(' '); /* those that are not ASCII are negative */
        bad |=
            (bytes == plain_each(0x7f)) | (bytes == plain_each('*')) | (bytes == plain_each('>'));
        bad |= dots & (plain_load(s + at - 1) == plain_each('.'));
        n_dots -= dots;
    }
    return !plain_any(bad | ~good) && s[0] != '.' && s[len - 1] != '.' &&
           plain_sum(n_dots) < MAX_TOKENS;
}
