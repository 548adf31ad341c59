/* The msgpack cursor. What it calls valid msgpack-c must read, as the same
 * values; what it does not, it must leave alone.
 */
#include "proto/cursor.h"

#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/msgpack_compare.h"

enum { MSGPACK_C_DEPTH = 32 }; /* its unpacker's own stack */

/* Takes the next element by the function for its type; false: none took it. */
static bool take_typed(struct cursor *cursor)
{
    const uint8_t *bin;
    const char *str;
    uint64_t number;
    uint32_t n;
    size_t len;
    bool yes;

    switch (cursor_peek(cursor)) {
    case CURSOR_NIL:
        return cursor_nil(cursor);
    case CURSOR_BOOL:
        return cursor_bool(cursor, &yes);
    case CURSOR_UINT:
        return cursor_uint(cursor, &number);
    case CURSOR_STR:
        return cursor_str(cursor, &str, &len) && (const uint8_t *)str + len == cursor->p;
    case CURSOR_BIN:
        return cursor_bin(cursor, &bin, &len) && bin + len == cursor->p;
    case CURSOR_ARRAY:
        return cursor_array(cursor, &n);
    case CURSOR_MAP:
        return cursor_map(cursor, &n);
    case CURSOR_INT:
    case CURSOR_FLOAT:
    case CURSOR_EXT:
        return cursor_skip(cursor);
    case CURSOR_NONE:
        break;
    }
    REQUIRE(!cursor_skip(cursor));
    return false;
}

/* Element by element through anything, what containers hold as if it stood
 * beside them. */
static void check_takers(const uint8_t *data, size_t len)
{
    struct cursor cursor = { data, data + len };
    const uint8_t *before = data;

    while (take_typed(&cursor)) {
        REQUIRE(cursor.p > before && cursor.p <= cursor.end);
        before = cursor.p;
    }
    REQUIRE(cursor.p == before);
}

static void check_skip(const uint8_t *data, size_t len)
{
    struct cursor cursor = { data, data + len };
    size_t at = SIZE_MAX;
    bool skipped = cursor_skip(&cursor);

    REQUIRE(cursor.p <= cursor.end && (cursor.p > data) == skipped);
    /* Whether what was skipped is valid depends on its text alone. */
    if (skipped && !msgpack_valid(data, (size_t)(cursor.p - data), MAX_DEPTH, &at))
        REQUIRE(at < len && data[at] >= 0x80);
    if (!skipped)
        REQUIRE(!msgpack_valid(data, len, MAX_DEPTH, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t at = SIZE_MAX;

    check_takers(data, len);
    check_skip(data, len);
    if (msgpack_valid(data, len, MSGPACK_C_DEPTH, &at)) {
        REQUIRE(at == SIZE_MAX);
        REQUIRE(msgpack_valid(data, len, MAX_DEPTH, NULL));
        REQUIRE(compare_with_msgpack(data, len));
    } else {
        REQUIRE(at <= len);
    }
    return 0;
}
