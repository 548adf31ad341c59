/* UTF-8 and base64: the two codes that bytes of a payload are shown in. */
#include "client/brokerctl/text.h"

#include <string.h>

static size_t sequence_len(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

size_t utf8_next(const char *s, size_t len, uint32_t *ret)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = len ? sequence_len((uint8_t)s[0]) : 0;
    uint32_t c;

    if (n == 0 || n > len)
        return 0;
    c = n == 1 ? (uint8_t)s[0] : (uint8_t)s[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if (((uint8_t)s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | ((uint8_t)s[i] & 0x3f);
    }
    if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *ret = c;
    return n;
}

/* Steps over ASCII eight bytes at a time: most lines are nothing else. */
static size_t ascii_run(const char *s, size_t len)
{
    size_t n = 0;

    for (uint64_t word; n + sizeof word <= len; n += sizeof word) {
        memcpy(&word, s + n, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (n < len && (uint8_t)s[n] < 0x80)
        n++;
    return n;
}

bool utf8_check(const char *s, size_t len, size_t *ret_at)
{
    for (size_t i = 0; (i += ascii_run(s + i, len - i)) < len;) {
        uint32_t c;
        size_t n = utf8_next(s + i, len - i, &c);

        if (n == 0) {
            if (ret_at)
                *ret_at = i;
            return false;
        }
        i += n;
    }
    return true;
}

size_t utf8_width(const char *s, size_t len)
{
    size_t width = 0;

    for (size_t i = 0; i < len; i++)
        width += ((uint8_t)s[i] & 0xc0) != 0x80;
    return width;
}

/* ---- base64 (RFC 4648, section 4) ---------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void text_add_base64(struct text *text, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    char *to = text_reserve(text, len / 3 * 4 + 4);
    char *begin = to;

    for (; len >= 3; p += 3, len -= 3) {
        *to++ = digits[p[0] >> 2];
        *to++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
        *to++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
        *to++ = digits[p[2] & 63];
    }
    if (len) {
        uint8_t second = len == 2 ? p[1] : 0;

        *to++ = digits[p[0] >> 2];
        *to++ = digits[(p[0] & 3) << 4 | second >> 4];
        *to++ = len == 2 ? digits[(second & 15) << 2] : '=';
        *to++ = '=';
    }
    text->len += (size_t)(to - begin);
}

static int digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Four characters into one to three bytes; the bits that padding cuts off
 * must be 0, or two texts would stand for the same bytes. */
static size_t decode_four(const char *s, bool last, uint8_t ret[3])
{
    size_t n = !last || s[3] != '=' ? 3 : s[2] != '=' ? 2 : 1;
    uint32_t word = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i <= n ? digit_value(s[i]) : 0;

        if (value < 0)
            return 0;
        word = word << 6 | (uint32_t)value;
    }
    ret[0] = (uint8_t)(word >> 16);
    ret[1] = (uint8_t)(word >> 8);
    ret[2] = (uint8_t)word;
    return word & ((1U << (8 * (3 - n))) - 1) ? 0 : n;
}

bool text_add_unbase64(struct text *text, const char *s, size_t len)
{
    size_t before = text->len;

    if (len % 4)
        return false;
    for (size_t i = 0; i < len; i += 4) {
        uint8_t bytes[3];
        size_t n = decode_four(s + i, i + 4 == len, bytes);

        if (n == 0) {
            text->len = before;
            return false;
        }
        text_add(text, bytes, n);
    }
    return true;
}
