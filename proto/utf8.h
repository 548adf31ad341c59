/* One step of UTF-8, shared by the readers of subjects and of msgpack strings.
 *
 * Table 3-7 of the Unicode Standard (RFC 3629, section 4): the second byte
 * decides about overlong forms, surrogates and what lies beyond U+10FFFF.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A byte that may follow, shifted into place; bit 31 if it may not. */
static inline uint32_t utf8_tail(uint8_t byte, unsigned shift)
{
    return (byte & 0xc0) == 0x80 ? (uint32_t)(byte & 0x3f) << shift : UINT32_C(1) << 31;
}

static inline size_t utf8_step_2(const uint8_t *p, uint32_t *ret)
{
    *ret = (uint32_t)(p[0] & 0x1f) << 6 | utf8_tail(p[1], 0);
    return p[0] >= 0xc2 && *ret <= 0x7ff ? 2 : 0;
}

static inline size_t utf8_step_3(const uint8_t *p, uint32_t *ret)
{
    *ret = (uint32_t)(p[0] & 0x0f) << 12 | utf8_tail(p[1], 6) | utf8_tail(p[2], 0);
    if (*ret >= 0xd800 && *ret <= 0xdfff)
        return 0;
    return *ret >= 0x800 && *ret <= 0xffff ? 3 : 0;
}

static inline size_t utf8_step_4(const uint8_t *p, uint32_t *ret)
{
    *ret = (uint32_t)(p[0] & 0x07) << 18 | utf8_tail(p[1], 12) | utf8_tail(p[2], 6) |
           utf8_tail(p[3], 0);
    return p[0] <= 0xf4 && *ret >= 0x10000 && *ret <= 0x10ffff ? 4 : 0;
}

/* The length of the character at p, which holds `left` bytes, and its code
 * point; 0 if there is none or it is malformed or cut off. */
static inline size_t utf8_step(const uint8_t *p, size_t left, uint32_t *ret)
{
    if (left == 0)
        return 0;
    if (p[0] < 0x80) {
        *ret = p[0];
        return 1;
    }
    if (left >= 2 && p[0] >= 0xc0 && p[0] < 0xe0)
        return utf8_step_2(p, ret);
    if (left >= 3 && p[0] >= 0xe0 && p[0] < 0xf0)
        return utf8_step_3(p, ret);
    if (left >= 4 && p[0] >= 0xf0)
        return utf8_step_4(p, ret);
    return 0;
}
