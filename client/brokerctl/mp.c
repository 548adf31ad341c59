#include "client/brokerctl/mp.h"

#include <string.h>

static bool take(struct mp *mp, size_t width, uint64_t *ret)
{
    uint64_t value = 0;

    if ((size_t)(mp->end - mp->p) < width)
        return false;
    while (width--)
        value = value << 8 | *mp->p++;
    *ret = value;
    return true;
}

static bool take_bytes(struct mp *mp, enum mp_type type, uint64_t len, struct mp_item *ret)
{
    if (len > (size_t)(mp->end - mp->p))
        return false;
    ret->type = type;
    ret->data = (const char *)mp->p;
    ret->len = (size_t)len;
    mp->p += len;
    return true;
}

/* An element takes a byte at least, so a larger claim is a lie. */
static bool take_head(struct mp *mp, enum mp_type type, uint64_t n, struct mp_item *ret)
{
    if (n > (size_t)(mp->end - mp->p) / (type == MP_MAP ? 2 : 1))
        return false;
    ret->type = type;
    ret->len = (size_t)n;
    return true;
}

static bool take_ext(struct mp *mp, uint64_t len, struct mp_item *ret)
{
    uint64_t type;

    if (!take(mp, 1, &type))
        return false;
    ret->ext_type = (int8_t)type;
    return take_bytes(mp, MP_EXT, len, ret);
}

static bool take_signed(struct mp *mp, size_t width, struct mp_item *ret)
{
    unsigned shift = (unsigned)(64 - 8 * width);
    uint64_t bits;

    if (!take(mp, width, &bits))
        return false;
    ret->negative = (int64_t)(bits << shift) >> shift;
    ret->number = (uint64_t)ret->negative;
    ret->type = ret->negative < 0 ? MP_INT : MP_UINT;
    return true;
}

static bool take_float(struct mp *mp, bool single, struct mp_item *ret)
{
    uint64_t bits;

    if (!take(mp, single ? 4 : 8, &bits))
        return false;
    if (single) {
        uint32_t half = (uint32_t)bits;
        float f;

        memcpy(&f, &half, sizeof f);
        ret->real = (double)f;
    } else {
        memcpy(&ret->real, &bits, sizeof bits);
    }
    ret->single = single;
    ret->type = MP_FLOAT;
    return true;
}

static bool take_sized(struct mp *mp, enum mp_type type, size_t width, struct mp_item *ret)
{
    uint64_t n;

    if (!take(mp, width, &n))
        return false;
    if (type == MP_EXT)
        return take_ext(mp, n, ret);
    if (type == MP_ARRAY || type == MP_MAP)
        return take_head(mp, type, n, ret);
    return take_bytes(mp, type, n, ret);
}

/* 0xc0 to 0xdf */
static bool take_wide(struct mp *mp, uint8_t byte, struct mp_item *ret)
{
    switch (byte) {
    case 0xc0:
        ret->type = MP_NIL;
        return true;
    case 0xc2:
    case 0xc3:
        ret->type = MP_BOOL;
        ret->number = byte & 1;
        return true;
    case 0xc4 ... 0xc6:
        return take_sized(mp, MP_BIN, (size_t)1 << (byte - 0xc4), ret);
    case 0xc7 ... 0xc9:
        return take_sized(mp, MP_EXT, (size_t)1 << (byte - 0xc7), ret);
    case 0xca:
    case 0xcb:
        return take_float(mp, byte == 0xca, ret);
    case 0xcc ... 0xcf:
        ret->type = MP_UINT;
        return take(mp, (size_t)1 << (byte - 0xcc), &ret->number);
    case 0xd0 ... 0xd3:
        return take_signed(mp, (size_t)1 << (byte - 0xd0), ret);
    case 0xd4 ... 0xd8:
        return take_ext(mp, UINT64_C(1) << (byte - 0xd4), ret);
    case 0xd9 ... 0xdb:
        return take_sized(mp, MP_STR, (size_t)1 << (byte - 0xd9), ret);
    case 0xdc ... 0xdd:
        return take_sized(mp, MP_ARRAY, (size_t)2 << (byte - 0xdc), ret);
    case 0xde ... 0xdf:
        return take_sized(mp, MP_MAP, (size_t)2 << (byte - 0xde), ret);
    default:
        return false; /* 0xc1 */
    }
}

bool mp_next(struct mp *mp, struct mp_item *ret)
{
    uint8_t byte;

    if (mp->p == mp->end)
        return false;
    *ret = (struct mp_item){ .type = MP_NIL };
    byte = *mp->p++;
    if (byte < 0x80) {
        ret->type = MP_UINT;
        ret->number = byte;
        return true;
    }
    if (byte < 0x90)
        return take_head(mp, MP_MAP, byte & 15, ret);
    if (byte < 0xa0)
        return take_head(mp, MP_ARRAY, byte & 15, ret);
    if (byte < 0xc0)
        return take_bytes(mp, MP_STR, byte & 31, ret);
    if (byte < 0xe0)
        return take_wide(mp, byte, ret);
    ret->type = MP_INT;
    ret->negative = (int8_t)byte;
    return true;
}

bool mp_skip(struct mp *mp)
{
    for (uint64_t left = 1; left; left--) {
        struct mp_item item;

        if (!mp_next(mp, &item))
            return false;
        if (item.type == MP_ARRAY || item.type == MP_MAP)
            left += item.len * (item.type == MP_MAP ? 2U : 1U);
    }
    return true;
}

bool mp_get(struct mp mp, const char *key, struct mp *ret)
{
    struct mp_item map, name;

    if (!mp_next(&mp, &map) || map.type != MP_MAP)
        return false;
    for (size_t i = 0; i < map.len; i++) {
        if (!mp_next(&mp, &name))
            return false;
        if (name.type == MP_STR && name.len == strlen(key) && !memcmp(name.data, key, name.len)) {
            *ret = mp;
            return true;
        }
        if (name.type == MP_ARRAY || name.type == MP_MAP)
            return false; /* no map of the broker has such keys */
        if (!mp_skip(&mp))
            return false;
    }
    return false;
}

bool mp_get_item(struct mp mp, const char *key, enum mp_type type, struct mp_item *ret)
{
    struct mp value;
    struct mp_item item;

    if (!mp_get(mp, key, &value) || !mp_next(&value, &item) || item.type != type)
        return false;
    *ret = item;
    return true;
}

uint64_t mp_get_number(struct mp mp, const char *key)
{
    struct mp_item item;

    return mp_get_item(mp, key, MP_UINT, &item) ? item.number : 0;
}
