/* A key of some bytes, to tell apart quickly what mostly differs: three words of
 * them, wherever they are long. Not a hash to build a table on.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
