/* A bounded reader of msgpack that allocates nothing and never recurses.
 *
 * Bytes that a peer sent are read with this, in place, before anything else
 * sees them: msgpack-c's unpacker believes a claimed element count and asks for
 * that much memory. A cursor never reads at or behind `end`.
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *p;
    const uint8_t *end;
};

enum cursor_type {
    CURSOR_NONE, /* at the end, or the first byte is 0xc1 */
    CURSOR_NIL,
    CURSOR_BOOL,
    CURSOR_UINT,
    CURSOR_INT, /* negative */
    CURSOR_FLOAT,
    CURSOR_STR,
    CURSOR_BIN,
    CURSOR_ARRAY,
    CURSOR_MAP,
    CURSOR_EXT,
};

/* The type of the next element; moves nothing. */
enum cursor_type cursor_peek(const struct cursor *cursor);

/* Each takes the next element if it has that type and lies wholly within the
 * bounds: true and the cursor stands behind it (for an array or a map: at its
 * first element). Otherwise false, and nothing has moved. Integers of every
 * width are taken; *ret_n of a map counts pairs. Text points into the buffer
 * and is not checked for UTF-8. */
bool cursor_uint(struct cursor *cursor, uint64_t *ret);
bool cursor_bool(struct cursor *cursor, bool *ret);
bool cursor_nil(struct cursor *cursor);
bool cursor_str(struct cursor *cursor, const char **ret, size_t *ret_len);
bool cursor_bin(struct cursor *cursor, const uint8_t **ret, size_t *ret_len);
bool cursor_array(struct cursor *cursor, uint32_t *ret_n);
bool cursor_map(struct cursor *cursor, uint32_t *ret_n);

/* Steps over one element with all that it holds, at most MAX_DEPTH deep.
 * false: truncated, malformed or too deep; nothing has moved. Time is
 * proportional to the bytes stepped over, whatever counts are claimed. */
bool cursor_skip(struct cursor *cursor);

/* Whether buf[0..len) is exactly one well-formed msgpack value, at most
 * max_depth deep, all of its strings UTF-8. If it is not, *ret_at (may be NULL) is the offset
 * where it goes wrong. */
bool msgpack_valid(const void *buf, size_t len, unsigned max_depth, size_t *ret_at);

/* Whether s[0..len) is UTF-8 as RFC 3629 has it (no surrogates, no overlong
 * forms, nothing beyond U+10FFFF); *ret_at as above. */
bool utf8_valid(const char *s, size_t len, size_t *ret_at);
