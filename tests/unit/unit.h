/* What the unit tests of proto/ share: cmocka with the headers it wants ahead
 * of it, repeatable random numbers, exact copies on the heap, a byte buffer.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A string literal, NUL bytes within it included. */
#define LITERAL(s) (s), (sizeof(s) - 1)

/* splitmix64: a failure is seen again on the next run. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return random_next(state) % n;
}

/* A copy of exactly `len` bytes, so that ASan sees a read of one more. The
 * caller frees it. */
static inline void *exact_copy(const void *data, size_t len)
{
    void *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    /* malloc(0) may be NULL; a block of one byte is entered at its end. */
    return len > 0 ? copy : (char *)copy + 1;
}

static inline void exact_free(void *copy, size_t len)
{
    free(len > 0 ? copy : (char *)copy - 1);
}

/* A frame or a value in the making. */
struct out {
    uint8_t buf[1 << 16];
    size_t len;
};

static inline void out_append(struct out *out, const void *data, size_t len)
{
    assert_true(len <= sizeof out->buf - out->len);
    if (len > 0)
        memcpy(out->buf + out->len, data, len);
    out->len += len;
}
