/* A growing run of bytes, and the forms in which bytes are shown.
 *
 * Everything brokerctl prints is put together in one of these first, so that
 * a line leaves whole or not at all. Embedded: TEXT_INIT, text_deinit. Running out of memory ends
 * the program with a sentence, since a command line has nobody else to tell.
 *
 * What came over the wire goes in only through text_add_json or text_add_safe:
 * they let nothing through that a terminal would obey.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data;
    size_t len;
    size_t cap;
};

#define TEXT_INIT { NULL, 0, 0 }
#define _cleanup_text_ __attribute__((cleanup(text_deinit)))

void text_deinit(struct text *text);
/* Forgets the bytes and keeps the room. */
void text_clear(struct text *text);
/* Room for `len` more bytes; returns where they go, `len` is not counted yet. */
char *text_reserve(struct text *text, size_t len);
void text_add(struct text *text, const void *bytes, size_t len);
void text_puts(struct text *text, const char *s);
void text_char(struct text *text, char c);
void text_printf(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(2)));
/* The bytes with a NUL behind them that is not counted. */
const char *text_string(struct text *text);

/* A JSON string with its quotes. Control characters, DEL, C1 and what turns
 * the direction of writing are \u escapes; bytes that are not UTF-8 U+FFFD. */
void text_add_json(struct text *text, const char *s, size_t len);
/* For people: the same characters as \n, \x1b, \u202e; a byte that is not UTF-8 as \xNN. */
void text_add_safe(struct text *text, const char *s, size_t len);
/* 16M or 65535: in the largest unit that is exact, as options take it. */
void text_add_size(struct text *text, uint64_t bytes);
void text_add_hex(struct text *text, const void *bytes, size_t len);

void text_add_base64(struct text *text, const void *bytes, size_t len);
/* Appends what base64 (with its padding, without white space) stands for; false: it is none. */
bool text_add_unbase64(struct text *text, const char *s, size_t len);

/* The character at s: its length, 1 to 4, and *ret; 0 if s[0..len) begins with no
 * UTF-8 (RFC 3629). */
size_t utf8_next(const char *s, size_t len, uint32_t *ret);
/* Whether all of it is UTF-8; if not, *ret_at (may be NULL) is the offset. */
bool utf8_check(const char *s, size_t len, size_t *ret_at);
/* Characters, which a terminal mostly shows as one column each. */
size_t utf8_width(const char *s, size_t len);

/* realloc and strdup that end the program when there is no memory. */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
