#include "client/brokerctl/facts.h"

#include "client/brokerctl/json.h"
#include "client/brokerctl/table.h"

#include <inttypes.h>
#include <string.h>

static void add_rows(struct table *table, struct text *prefix, struct mp *mp, size_t n_pairs);

static bool has_suffix(const struct text *name, const char *suffix)
{
    size_t len = strlen(suffix);

    return name->len >= len && !memcmp(name->data + name->len - len, suffix, len);
}

/* 93784005 ms: "1d 02:03:04" */
static void add_span(struct text *text, uint64_t ms)
{
    uint64_t s = ms / 1000;

    if (s >= 86400)
        text_printf(text, "%" PRIu64 "d ", s / 86400);
    text_printf(text, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600 % 24, s / 60 % 60, s % 60);
}

/* Strings side by side; anything else, such as groups, as JSON. */
static void add_array(struct text *text, struct mp array)
{
    struct mp elements = array;
    struct mp_item head, item;

    mp_next(&elements, &head);
    for (size_t i = 0, begin = text->len; i < head.len; i++) {
        if (!mp_next(&elements, &item) || item.type != MP_STR) {
            text->len = begin;
            json_from_msgpack(text, array.p, (size_t)(array.end - array.p));
            return;
        }
        if (i)
            text_char(text, ' ');
        text_add(text, item.data, item.len);
    }
    if (head.len == 0)
        text_char(text, '-');
}

static bool is_size(const struct text *name)
{
    return has_suffix(name, "-bytes") || has_suffix(name, "-bytes-per-connection") ||
           has_suffix(name, "-bytes-per-uid") || has_suffix(name, "max-payload") ||
           has_suffix(name, "max-headers");
}

static void add_value(struct table *table, struct text *name, struct mp value,
                      const struct mp_item *item)
{
    _cleanup_text_ struct text shown = TEXT_INIT;
    size_t name_len = name->len;

    if (item->type == MP_UINT && is_size(name)) {
        text_add_size(&shown, item->number);
    } else if (item->type == MP_UINT && has_suffix(name, "-ms")) {
        name_len -= strlen("-ms");
        add_span(&shown, item->number);
    } else if (item->type == MP_NIL) {
        text_char(&shown, '-');
    } else if (item->type == MP_STR) {
        text_add(&shown, item->data, item->len);
    } else if (item->type == MP_BIN) {
        text_add_hex(&shown, item->data, item->len);
    } else if (item->type == MP_ARRAY) {
        add_array(&shown, value);
    } else {
        json_from_msgpack(&shown, value.p, (size_t)(value.end - value.p));
    }
    table_cell(table, name->data, name_len);
    table_cell(table, shown.data, shown.len);
}

/* A map inside has its names behind its own: "limits.payload". */
static bool add_row(struct table *table, struct text *prefix, struct mp *mp)
{
    size_t before = prefix->len;
    struct mp_item key, item;
    struct mp value, inner;

    if (!mp_next(mp, &key) || key.type != MP_STR)
        return false;
    text_add(prefix, key.data, key.len);
    value = inner = *mp;
    if (!mp_skip(mp) || !mp_next(&inner, &item))
        return false;
    value.end = mp->p;
    if (has_suffix(prefix, "-list")) {
        /* a table of its own, and somebody else's */
    } else if (item.type == MP_MAP && before == 0) {
        text_char(prefix, '.');
        add_rows(table, prefix, &inner, item.len);
    } else {
        add_value(table, prefix, value, &item);
    }
    prefix->len = before;
    return true;
}

static void add_rows(struct table *table, struct text *prefix, struct mp *mp, size_t n_pairs)
{
    for (size_t i = 0; i < n_pairs; i++)
        if (!add_row(table, prefix, mp))
            return;
}

void facts_print(struct mp map, bool numbers)
{
    static const struct table_column texts_columns[] = {
        { NULL, false, false, false },
        { NULL, false, true, false },
    };
    static const struct table_column numbers_columns[] = {
        { NULL, false, false, false },
        { NULL, true, false, false },
    };
    _cleanup_table_ struct table table;
    _cleanup_text_ struct text prefix = TEXT_INIT;
    struct mp_item head;

    table_init(&table, numbers ? numbers_columns : texts_columns, 2);
    if (mp_next(&map, &head) && head.type == MP_MAP)
        add_rows(&table, &prefix, &map, head.len);
    table_print(&table);
}
