/* Finding one of eight places by what it keeps: a byte of each, its tag, so that
 * all eight are looked at together, as one word. A tag says which places to
 * compare whole, and nothing more. Not a hash to build a table on.
 */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TAGS = 8 };

static inline uint64_t key_word(const void *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

/* Of p[0..len), len >= 8: its beginning, its middle and its end. */
static inline uint64_t key_of_bytes(const void *p, size_t len)
{
    const char *s = p;
    size_t last = len - sizeof(uint64_t);

    return key_word(s) * UINT64_C(0x9e3779b97f4a7c15) +
           key_word(s + last / 2) * UINT64_C(0xd6e8feb86659fd93) + key_word(s + last);
}

static inline uint8_t tag_of(uint64_t key)
{
    return (uint8_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

/* A bit for each place that may be the one; of none that is, it is missing. */
static inline uint64_t tags_match(const uint8_t tags[TAGS], uint8_t tag)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t x = le64toh(key_word(tags)) ^ ones * tag;

    return (x - ones) & ~x & ones << 7;
}

/* The first place of a match that has one, which is taken out of it. */
static inline unsigned tags_next(uint64_t *match)
{
    unsigned place = (unsigned)__builtin_ctzll(*match) / 8;

    *match &= *match - 1;
    return place;
}
