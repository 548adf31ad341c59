/* Reads msgpack in place, one item at a time.
 *
 * Why not msgpack-c, with which everything here is packed: its unpacker follows
 * 32 levels where payloads may have 64, and builds a tree of 24 bytes an
 * element, 400 MB for one message of 16 MiB that has only nils in it. This one
 * allocates nothing, so a message costs what it weighs.
 *
 * Callers run broker_msgpack_check over the bytes first; the reader keeps its
 * bounds all the same. Pointers go into the buffer.
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp {
    const uint8_t *p;
    const uint8_t *end;
};

enum mp_type {
    MP_NIL, MP_BOOL, MP_UINT, MP_INT, MP_FLOAT, MP_STR, MP_BIN, MP_EXT, MP_ARRAY, MP_MAP,
};

struct mp_item {
    enum mp_type type;
    uint64_t number;  /* of a BOOL or UINT */
    int64_t negative; /* of an INT, always below 0 */
    double real;
    bool single;      /* the FLOAT has 32 bits */
    int ext_type;
    const char *data; /* of STR, BIN and EXT */
    size_t len;       /* bytes of those; elements of an ARRAY, pairs of a MAP */
};

static inline struct mp mp_of(const void *buf, size_t len)
{
    return (struct mp){ buf, (const uint8_t *)buf + len };
}

/* Takes the next item; of an array or map only its head, so that its first
 * element is next. false: nothing well-formed follows. */
bool mp_next(struct mp *mp, struct mp_item *ret);
/* Steps over the next item with all that it holds. */
bool mp_skip(struct mp *mp);
/* *ret stands at the value of `key` in the map that `mp` stands at. */
bool mp_get(struct mp mp, const char *key, struct mp *ret);
/* The same, and the item is taken: false too if it has another type. */
bool mp_get_item(struct mp mp, const char *key, enum mp_type type, struct mp_item *ret);
/* A number of the map, 0 if it is not there. */
uint64_t mp_get_number(struct mp mp, const char *key);
