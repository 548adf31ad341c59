/* A value as the cursor reads it against the same one as msgpack-c does.
 *
 * Shared by the unit tests and the fuzzers; recursion is bounded by what
 * msgpack_valid let through.
 */
#pragma once

#include <msgpack.h>
#include <stdbool.h>
#include <string.h>

#include "proto/cursor.h"

static inline bool compare_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static inline bool compare_scalar(struct cursor *cursor, const msgpack_object *object)
{
    uint64_t number;
    bool yes;

    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return cursor_peek(cursor) == CURSOR_NIL && cursor_nil(cursor);
    case MSGPACK_OBJECT_BOOLEAN:
        return cursor_peek(cursor) == CURSOR_BOOL && cursor_bool(cursor, &yes) &&
               yes == object->via.boolean;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return cursor_peek(cursor) == CURSOR_UINT && cursor_uint(cursor, &number) &&
               number == object->via.u64;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return cursor_peek(cursor) == CURSOR_INT && !cursor_uint(cursor, &number) &&
               cursor_skip(cursor);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return cursor_peek(cursor) == CURSOR_FLOAT && cursor_skip(cursor);
    case MSGPACK_OBJECT_EXT:
        return cursor_peek(cursor) == CURSOR_EXT && cursor_skip(cursor);
    default:
        return false;
    }
}

static inline bool compare_blob(struct cursor *cursor, const msgpack_object *object)
{
    const uint8_t *bin;
    const char *str;
    size_t len;

    if (object->type == MSGPACK_OBJECT_STR)
        return cursor_peek(cursor) == CURSOR_STR && cursor_str(cursor, &str, &len) &&
               compare_bytes(str, len, object->via.str.ptr, object->via.str.size);
    return cursor_peek(cursor) == CURSOR_BIN && cursor_bin(cursor, &bin, &len) &&
           compare_bytes(bin, len, object->via.bin.ptr, object->via.bin.size);
}

static inline bool compare_value(struct cursor *cursor, const msgpack_object *object);

static inline bool compare_array(struct cursor *cursor, const msgpack_object_array *array)
{
    uint32_t n;

    if (cursor_peek(cursor) != CURSOR_ARRAY || !cursor_array(cursor, &n) || n != array->size)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!compare_value(cursor, &array->ptr[i]))
            return false;
    }
    return true;
}

static inline bool compare_map(struct cursor *cursor, const msgpack_object_map *map)
{
    uint32_t n;

    if (cursor_peek(cursor) != CURSOR_MAP || !cursor_map(cursor, &n) || n != map->size)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!compare_value(cursor, &map->ptr[i].key) || !compare_value(cursor, &map->ptr[i].val))
            return false;
    }
    return true;
}

/* Reads one value through the cursor; false at the first difference. */
static inline bool compare_value(struct cursor *cursor, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_ARRAY:
        return compare_array(cursor, &object->via.array);
    case MSGPACK_OBJECT_MAP:
        return compare_map(cursor, &object->via.map);
    case MSGPACK_OBJECT_STR:
    case MSGPACK_OBJECT_BIN:
        return compare_blob(cursor, object);
    default:
        return compare_scalar(cursor, object);
    }
}

/* Unpacks the whole of buf with msgpack-c and compares. Only for bytes that
 * msgpack_valid has accepted: msgpack-c believes the counts it reads. */
static inline bool compare_with_msgpack(const void *buf, size_t len)
{
    struct cursor cursor = { buf, (const uint8_t *)buf + len };
    msgpack_unpacked unpacked;
    size_t offset = 0;
    bool same;

    msgpack_unpacked_init(&unpacked);
    same = msgpack_unpack_next(&unpacked, buf, len, &offset) == MSGPACK_UNPACK_SUCCESS &&
           offset == len && compare_value(&cursor, &unpacked.data) && cursor.p == cursor.end;
    msgpack_unpacked_destroy(&unpacked);
    return same;
}
