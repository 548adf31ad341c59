/* JSON to msgpack: jansson reads, msgpack-c packs. */
#include "client/brokerctl/json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

static bool pack_value(msgpack_packer *pk, const json_t *value, unsigned depth, struct text *why);

int json_pack_write(void *text, const char *buf, size_t len)
{
    text_add(text, buf, len);
    return 0;
}

static bool complain(struct text *why, const char *what)
{
    text_clear(why);
    text_puts(why, what);
    return false;
}

/* ---- the forms ------------------------------------------------------------ */

static bool pack_bytes(msgpack_packer *pk, const json_t *base64, const int *ext, struct text *why)
{
    _cleanup_text_ struct text bytes = TEXT_INIT;

    if (!json_is_string(base64) ||
        !text_add_unbase64(&bytes, json_string_value(base64), json_string_length(base64)))
        return complain(why, ext ? "\"$ext\" wants [a number from -128 to 127, base64]"
                                 : "\"$bin\" wants a string of base64");
    if (ext)
        msgpack_pack_ext_with_body(pk, bytes.len ? bytes.data : "", bytes.len, (int8_t)*ext);
    else
        msgpack_pack_bin_with_body(pk, bytes.len ? bytes.data : "", bytes.len);
    return true;
}

static bool pack_ext(msgpack_packer *pk, const json_t *pair, struct text *why)
{
    const json_t *type = json_array_get(pair, 0);
    json_int_t number = json_is_integer(type) ? json_integer_value(type) : 128;
    int ext;

    if (json_array_size(pair) != 2 || number < -128 || number > 127)
        return complain(why, "\"$ext\" wants [a number from -128 to 127, base64]");
    ext = (int)number;
    return pack_bytes(pk, json_array_get(pair, 1), &ext, why);
}

static bool pack_float(msgpack_packer *pk, const json_t *name, struct text *why)
{
    const char *s = json_is_string(name) ? json_string_value(name) : "";

    if (!strcmp(s, "nan"))
        msgpack_pack_double(pk, (double)NAN);
    else if (!strcmp(s, "inf") || !strcmp(s, "-inf"))
        msgpack_pack_double(pk, *s == '-' ? -(double)INFINITY : (double)INFINITY);
    else
        return complain(why, "\"$float\" wants \"nan\", \"inf\" or \"-inf\"");
    return true;
}

static bool pack_uint(msgpack_packer *pk, const json_t *name, struct text *why)
{
    const char *s = json_is_string(name) ? json_string_value(name) : "";
    char *end;
    uint64_t number;

    errno = 0;
    number = strtoull(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || errno)
        return complain(why, "\"$uint\" wants a string with a number from 0 to 2^64 - 1");
    msgpack_pack_uint64(pk, number);
    return true;
}

static bool pack_map(msgpack_packer *pk, const json_t *pairs, unsigned depth, struct text *why)
{
    size_t i;
    json_t *pair;

    if (!json_is_array(pairs))
        return complain(why, "\"$map\" wants an array of [key, value] pairs");
    if (depth == 0)
        return complain(why, "nested deeper than 64");
    msgpack_pack_map(pk, json_array_size(pairs));
    json_array_foreach(pairs, i, pair) {
        if (!json_is_array(pair) || json_array_size(pair) != 2)
            return complain(why, "\"$map\" wants an array of [key, value] pairs");
        if (!pack_value(pk, json_array_get(pair, 0), depth - 1, why) ||
            !pack_value(pk, json_array_get(pair, 1), depth - 1, why))
            return false;
    }
    return true;
}

static bool pack_form(msgpack_packer *pk, const char *key, const json_t *value, unsigned depth,
                      struct text *why)
{
    if (!strcmp(key, "$bin"))
        return pack_bytes(pk, value, NULL, why);
    if (!strcmp(key, "$ext"))
        return pack_ext(pk, value, why);
    if (!strcmp(key, "$float"))
        return pack_float(pk, value, why);
    if (!strcmp(key, "$uint"))
        return pack_uint(pk, value, why);
    return pack_map(pk, value, depth, why);
}

/* ---- values --------------------------------------------------------------- */

static bool pack_object(msgpack_packer *pk, json_t *object, unsigned depth, struct text *why)
{
    const char *key;
    json_t *value;

    if (json_object_size(object) == 1) {
        key = json_object_iter_key(json_object_iter(object));
        if (json_key_is_form(key, strlen(key)))
            return pack_form(pk, key, json_object_get(object, key), depth, why);
    }
    if (depth == 0)
        return complain(why, "nested deeper than 64");
    msgpack_pack_map(pk, json_object_size(object));
    json_object_foreach(object, key, value) {
        msgpack_pack_str_with_body(pk, key, strlen(key));
        if (!pack_value(pk, value, depth - 1, why))
            return false;
    }
    return true;
}

static bool pack_array(msgpack_packer *pk, const json_t *array, unsigned depth, struct text *why)
{
    size_t i;
    json_t *value;

    if (depth == 0)
        return complain(why, "nested deeper than 64");
    msgpack_pack_array(pk, json_array_size(array));
    json_array_foreach(array, i, value)
        if (!pack_value(pk, value, depth - 1, why))
            return false;
    return true;
}

static bool pack_value(msgpack_packer *pk, const json_t *value, unsigned depth, struct text *why)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return pack_object(pk, (json_t *)value, depth, why);
    case JSON_ARRAY:
        return pack_array(pk, value, depth, why);
    case JSON_STRING:
        msgpack_pack_str_with_body(pk, json_string_value(value), json_string_length(value));
        return true;
    case JSON_INTEGER:
        msgpack_pack_int64(pk, json_integer_value(value));
        return true;
    case JSON_REAL:
        msgpack_pack_double(pk, json_real_value(value));
        return true;
    case JSON_TRUE:
        msgpack_pack_true(pk);
        return true;
    case JSON_FALSE:
        msgpack_pack_false(pk);
        return true;
    default:
        msgpack_pack_nil(pk);
        return true;
    }
}

/* ---- integers that jansson does not hold ---------------------------------- */

static size_t string_len(const char *s, size_t len)
{
    size_t n = 1;

    while (n < len && s[n] != '"')
        n += s[n] == '\\' ? 2 : 1;
    return n < len ? n + 1 : len;
}

/* A positive integer above 2^63 - 1 that 64 bits still hold. */
static bool is_large_integer(const char *s, size_t len)
{
    char copy[24];

    if (len < 19 || len > 20 || strspn(s, "0123456789") < len || *s == '0')
        return false;
    memcpy(copy, s, len);
    copy[len] = '\0';
    errno = 0;
    return strtoull(copy, NULL, 10) > INT64_MAX && errno == 0;
}

/* Writes such integers as {"$uint": "…"}. `json` ends in a NUL. */
static void widen_integers(struct text *out, const char *json, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = json[i] == '"' ? string_len(json + i, len - i)
                           : strspn(json + i, "0123456789+-.eE");
        if (n && json[i] != '"' && is_large_integer(json + i, n)) {
            text_printf(out, "{\"$uint\":\"%.*s\"}", (int)n, json + i);
            continue;
        }
        n = n ? n : 1;
        text_add(out, json + i, n);
    }
}

static json_t *load(const char *json, size_t len, json_error_t *error)
{
    size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;

    return json_loadb(json ? json : "", len, flags, error);
}

static json_t *load_wide(const char *json, size_t len, json_error_t *error)
{
    _cleanup_text_ struct text copy = TEXT_INIT, wide = TEXT_INIT;

    text_add(&copy, json, len);
    widen_integers(&wide, text_string(&copy), len);
    return load(wide.data, wide.len, error);
}

bool json_to_msgpack(struct text *out, const char *json, size_t len, struct text *ret_why)
{
    size_t before = out->len;
    msgpack_packer pk;
    json_error_t error;
    json_t *value = load(json, len, &error);
    bool ok;

    if (!value && json_error_code(&error) == json_error_numeric_overflow)
        value = load_wide(json, len, &error);
    if (!value) {
        text_clear(ret_why);
        if (error.line > 1)
            text_printf(ret_why, "line %d, ", error.line);
        text_printf(ret_why, "column %d: %s", error.column, error.text);
        return false;
    }
    msgpack_packer_init(&pk, out, json_pack_write);
    ok = pack_value(&pk, value, MAX_DEPTH, ret_why);
    if (!ok)
        out->len = before;
    json_decref(value);
    return ok;
}
