#include "client/brokerctl/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(void)
{
    fputs("brokerctl: out of memory\n", stderr);
    exit(1);
}

void *xrealloc(void *p, size_t size)
{
    p = realloc(p, size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

char *xstrdup(const char *s)
{
    char *copy = strdup(s);

    if (!copy)
        out_of_memory();
    return copy;
}

void text_deinit(struct text *text)
{
    free(text->data);
    *text = (struct text)TEXT_INIT;
}

void text_clear(struct text *text)
{
    text->len = 0;
}

char *text_reserve(struct text *text, size_t len)
{
    size_t need;

    if (__builtin_add_overflow(text->len, len, &need) || need > SIZE_MAX / 2)
        out_of_memory();
    if (need > text->cap) {
        size_t cap = text->cap ? text->cap : 128;

        while (cap < need)
            cap *= 2;
        text->data = xrealloc(text->data, cap);
        text->cap = cap;
    }
    return text->data + text->len;
}

void text_add(struct text *text, const void *bytes, size_t len)
{
    if (!len)
        return;
    memcpy(text_reserve(text, len), bytes, len);
    text->len += len;
}

void text_puts(struct text *text, const char *s)
{
    text_add(text, s, strlen(s));
}

void text_char(struct text *text, char c)
{
    *text_reserve(text, 1) = c;
    text->len++;
}

/* Most of what is printed fits into the first try. */
void text_printf(struct text *text, const char *format, ...)
{
    enum { GUESS = 64 };
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(text_reserve(text, GUESS), GUESS, format, args);
    va_end(args);
    if (len >= GUESS)
        vsnprintf(text_reserve(text, (size_t)len + 1), (size_t)len + 1, format, again);
    if (len > 0)
        text->len += (size_t)len;
    va_end(again);
}

const char *text_string(struct text *text)
{
    *text_reserve(text, 1) = '\0';
    return text->data;
}

void text_add_size(struct text *text, uint64_t bytes)
{
    static const char *const units[] = { "", "K", "M", "G" };
    size_t unit = 0;

    for (; bytes && bytes % 1024 == 0 && unit < 3; unit++)
        bytes /= 1024;
    text_printf(text, "%" PRIu64 "%s", bytes, units[unit]);
}

void text_add_hex(struct text *text, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < len; i++) {
        text_char(text, "0123456789abcdef"[p[i] >> 4]);
        text_char(text, "0123456789abcdef"[p[i] & 15]);
    }
}

/* ---- what a terminal must not see ---------------------------------------- */

static bool is_plain_byte(uint8_t c)
{
    return c >= 0x20 && c < 0x7f;
}

/* C0, DEL, C1; line separators; marks and overrides of the direction of
 * writing, which make text read as other text; the byte order mark. */
static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void add_json_escape(struct text *text, uint32_t c)
{
    static const char short_forms[] = "btn\0fr"; /* of 8 to 13; 11 has none */

    if (c >= 8 && c <= 13 && c != 11)
        text_printf(text, "\\%c", short_forms[c - 8]);
    else
        text_printf(text, "\\u%04x", (unsigned)c);
}

void text_add_json(struct text *text, const char *s, size_t len)
{
    text_char(text, '"');
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t c;

        for (n = 0; i + n < len && is_plain_byte((uint8_t)s[i + n]) && s[i + n] != '"' &&
                    s[i + n] != '\\';)
            n++;
        if (n) {
            text_add(text, s + i, n);
            continue;
        }
        n = utf8_next(s + i, len - i, &c);
        if (n == 0) {
            text_puts(text, "\\ufffd");
            n = 1;
        } else if (c == '"' || c == '\\') {
            text_printf(text, "\\%c", (char)c);
        } else if (is_unsafe(c)) {
            add_json_escape(text, c);
        } else {
            text_add(text, s + i, n);
        }
    }
    text_char(text, '"');
}

static void add_safe_escape(struct text *text, uint32_t c)
{
    if (c == '\n' || c == '\t' || c == '\r')
        text_puts(text, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
    else if (c < 0x80)
        text_printf(text, "\\x%02x", (unsigned)c);
    else
        text_printf(text, "\\u%04x", (unsigned)c);
}

void text_add_safe(struct text *text, const char *s, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t c;

        for (n = 0; i + n < len && is_plain_byte((uint8_t)s[i + n]);)
            n++;
        if (n) {
            text_add(text, s + i, n);
            continue;
        }
        n = utf8_next(s + i, len - i, &c);
        if (n == 0) {
            text_printf(text, "\\x%02x", (unsigned)(uint8_t)s[i]);
            n = 1;
        } else if (is_unsafe(c)) {
            add_safe_escape(text, c);
        } else {
            text_add(text, s + i, n);
        }
    }
}
