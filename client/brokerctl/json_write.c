/* msgpack to JSON, straight from the bytes. */
#include "client/brokerctl/json.h"

#include "client/brokerctl/mp.h"

#include <brokerclient.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_DEPTH = 64, /* as broker_msgpack_check has it */
    FEW_KEYS = 12,  /* up to here comparing each with each beats sorting */
};

static bool write_value(struct text *out, struct mp *mp, unsigned depth);

bool json_key_is_form(const char *key, size_t len)
{
    static const char *const forms[] = { "$bin", "$ext", "$float", "$map", "$uint" };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (len == strlen(forms[i]) && !memcmp(key, forms[i], len))
            return true;
    return false;
}

/* The fewest digits that read back as the same number. */
static void write_real(struct text *out, double real, bool single)
{
    int digits = single ? 6 : 15, most = single ? 9 : 17;
    char s[40];

    if (!isfinite(real)) {
        text_printf(out, "{\"$float\":\"%s\"}", isnan(real) ? "nan" : real > 0 ? "inf" : "-inf");
        return;
    }
    for (;; digits++) {
        double back;

        snprintf(s, sizeof s, "%.*g", digits, real);
        back = single ? (double)strtof(s, NULL) : strtod(s, NULL);
        if (digits == most || memcmp(&back, &real, sizeof back) == 0)
            break;
    }
    text_puts(out, s);
    if (!strpbrk(s, ".e"))
        text_puts(out, ".0"); /* stays a float when it is read again */
}

static void write_base64(struct text *out, const struct mp_item *item)
{
    text_char(out, '"');
    text_add_base64(out, item->data, item->len);
    text_char(out, '"');
}

static void write_scalar(struct text *out, const struct mp_item *item)
{
    switch (item->type) {
    case MP_BOOL:
        text_puts(out, item->number ? "true" : "false");
        break;
    case MP_UINT:
        text_printf(out, "%" PRIu64, item->number);
        break;
    case MP_INT:
        text_printf(out, "%" PRId64, item->negative);
        break;
    case MP_FLOAT:
        write_real(out, item->real, item->single);
        break;
    case MP_STR:
        text_add_json(out, item->data, item->len);
        break;
    case MP_BIN:
        text_puts(out, "{\"$bin\":");
        write_base64(out, item);
        text_char(out, '}');
        break;
    case MP_EXT:
        text_printf(out, "{\"$ext\":[%d,", item->ext_type);
        write_base64(out, item);
        text_puts(out, "]}");
        break;
    default:
        text_puts(out, "null");
    }
}

/* ---- maps ---------------------------------------------------------------- */

static int compare_keys(const void *left, const void *right)
{
    const struct mp_item *a = left, *b = right;

    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return memcmp(a->data, b->data, a->len);
}

static bool has_duplicate(struct mp_item *keys, size_t n)
{
    if (n <= FEW_KEYS) {
        for (size_t i = 1; i < n; i++)
            for (size_t j = 0; j < i; j++)
                if (compare_keys(&keys[i], &keys[j]) == 0)
                    return true;
        return false;
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (compare_keys(&keys[i - 1], &keys[i]) == 0)
            return true;
    return false;
}

/* Whether the n pairs that follow make an object that reads back as they are. */
static bool pairs_are_plain(struct mp mp, size_t n)
{
    struct mp_item few[FEW_KEYS], *keys = n <= FEW_KEYS ? few : xrealloc(NULL, n * sizeof *keys);
    bool plain = true;

    for (size_t i = 0; plain && i < n; i++)
        plain = mp_next(&mp, &keys[i]) && keys[i].type == MP_STR && mp_skip(&mp);
    if (plain && n == 1)
        plain = !json_key_is_form(keys[0].data, keys[0].len);
    else if (plain)
        plain = !has_duplicate(keys, n);
    if (keys != few)
        free(keys);
    return plain;
}

static bool write_pairs(struct text *out, struct mp *mp, size_t n, unsigned depth, bool plain)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            text_char(out, ',');
        if (!plain)
            text_char(out, '[');
        if (!write_value(out, mp, depth))
            return false;
        text_char(out, plain ? ':' : ',');
        if (!write_value(out, mp, depth))
            return false;
        if (!plain)
            text_char(out, ']');
    }
    return true;
}

static bool write_map(struct text *out, struct mp *mp, size_t n, unsigned depth)
{
    bool plain = pairs_are_plain(*mp, n);

    text_puts(out, plain ? "{" : "{\"$map\":[");
    if (!write_pairs(out, mp, n, depth, plain))
        return false;
    text_puts(out, plain ? "}" : "]}");
    return true;
}

static bool write_array(struct text *out, struct mp *mp, size_t n, unsigned depth)
{
    text_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            text_char(out, ',');
        if (!write_value(out, mp, depth))
            return false;
    }
    text_char(out, ']');
    return true;
}

/* Recursion ends at MAX_DEPTH, whatever was sent. */
static bool write_value(struct text *out, struct mp *mp, unsigned depth)
{
    struct mp_item item;

    if (!mp_next(mp, &item))
        return false;
    if (item.type != MP_ARRAY && item.type != MP_MAP) {
        write_scalar(out, &item);
        return true;
    }
    if (depth == 0)
        return false;
    return (item.type == MP_MAP ? write_map : write_array)(out, mp, item.len, depth - 1);
}

bool json_from_msgpack(struct text *out, const void *buf, size_t len)
{
    size_t before = out->len;
    struct mp mp = mp_of(buf, len);

    if (broker_msgpack_check(buf, len, MAX_DEPTH, NULL) == 0 &&
        write_value(out, &mp, MAX_DEPTH) && mp.p == mp.end)
        return true;
    out->len = before;
    return false;
}
