/* The cursor on single values: each type in each of its forms, cut off at
 * every byte, and what hostile peers claim. Random values are held against
 * msgpack-c in test_cursor_oracle.c.
 */
#include "proto/cursor.h"

#include "proto/limits.h"
#include "tests/unit/unit.h"

/* One row a form: the head bytes, how many bytes of body follow, and what the
 * number, the length or the count is. Bodies are filled with 'b'. */
struct form_row {
    const char *head;
    size_t head_len;
    size_t body_len;
    enum cursor_type type;
    uint64_t value;
};

static const struct form_row forms[] = {
    { LITERAL("\x00"), 0, CURSOR_UINT, 0 },
    { LITERAL("\x7f"), 0, CURSOR_UINT, 127 },
    { LITERAL("\xcc\x00"), 0, CURSOR_UINT, 0 },
    { LITERAL("\xcc\xff"), 0, CURSOR_UINT, 255 },
    { LITERAL("\xcd\x01\x02"), 0, CURSOR_UINT, 0x0102 },
    { LITERAL("\xcd\xff\xff"), 0, CURSOR_UINT, UINT16_MAX },
    { LITERAL("\xce\x01\x02\x03\x04"), 0, CURSOR_UINT, 0x01020304 },
    { LITERAL("\xce\xff\xff\xff\xff"), 0, CURSOR_UINT, UINT32_MAX },
    { LITERAL("\xcf\x01\x02\x03\x04\x05\x06\x07\x08"), 0, CURSOR_UINT, 0x0102030405060708 },
    { LITERAL("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), 0, CURSOR_UINT, UINT64_MAX },
    /* Signed forms of numbers that are not negative. */
    { LITERAL("\xd0\x05"), 0, CURSOR_UINT, 5 },
    { LITERAL("\xd0\x7f"), 0, CURSOR_UINT, 127 },
    { LITERAL("\xd1\x7f\xff"), 0, CURSOR_UINT, INT16_MAX },
    { LITERAL("\xd2\x7f\xff\xff\xff"), 0, CURSOR_UINT, INT32_MAX },
    { LITERAL("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), 0, CURSOR_UINT, INT64_MAX },
    { LITERAL("\xe0"), 0, CURSOR_INT, 0 },
    { LITERAL("\xff"), 0, CURSOR_INT, 0 },
    { LITERAL("\xd0\x80"), 0, CURSOR_INT, 0 },
    { LITERAL("\xd1\xff\xff"), 0, CURSOR_INT, 0 },
    { LITERAL("\xd2\x80\x00\x00\x00"), 0, CURSOR_INT, 0 },
    { LITERAL("\xd3\xff\xff\xff\xff\xff\xff\xff\xff"), 0, CURSOR_INT, 0 },
    { LITERAL("\xc0"), 0, CURSOR_NIL, 0 },
    { LITERAL("\xc2"), 0, CURSOR_BOOL, 0 },
    { LITERAL("\xc3"), 0, CURSOR_BOOL, 1 },
    { LITERAL("\xca\x00\x00\x00\x00"), 0, CURSOR_FLOAT, 0 },
    { LITERAL("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"), 0, CURSOR_FLOAT, 0 },
    { LITERAL("\xa0"), 0, CURSOR_STR, 0 },
    { LITERAL("\xbf"), 31, CURSOR_STR, 31 },
    { LITERAL("\xd9\x00"), 0, CURSOR_STR, 0 },
    { LITERAL("\xd9\xff"), 255, CURSOR_STR, 255 },
    { LITERAL("\xda\x00\x03"), 3, CURSOR_STR, 3 },
    { LITERAL("\xda\x01\x00"), 256, CURSOR_STR, 256 },
    { LITERAL("\xdb\x00\x00\x00\x02"), 2, CURSOR_STR, 2 },
    { LITERAL("\xdb\x00\x01\x00\x00"), 65536, CURSOR_STR, 65536 },
    { LITERAL("\xc4\x00"), 0, CURSOR_BIN, 0 },
    { LITERAL("\xc4\xff"), 255, CURSOR_BIN, 255 },
    { LITERAL("\xc5\x01\x00"), 256, CURSOR_BIN, 256 },
    { LITERAL("\xc6\x00\x00\x00\x01"), 1, CURSOR_BIN, 1 },
    { LITERAL("\xd4\x05"), 1, CURSOR_EXT, 0 },
    { LITERAL("\xd5\x05"), 2, CURSOR_EXT, 0 },
    { LITERAL("\xd6\xff"), 4, CURSOR_EXT, 0 },
    { LITERAL("\xd7\xff"), 8, CURSOR_EXT, 0 },
    { LITERAL("\xd8\x05"), 16, CURSOR_EXT, 0 },
    { LITERAL("\xc7\x00\x05"), 0, CURSOR_EXT, 0 },
    { LITERAL("\xc7\x03\x05"), 3, CURSOR_EXT, 0 },
    { LITERAL("\xc8\x01\x00\x05"), 256, CURSOR_EXT, 0 },
    { LITERAL("\xc9\x00\x00\x00\x02\x05"), 2, CURSOR_EXT, 0 },
    /* 'b' is a number too: bodies of containers. */
    { LITERAL("\x90"), 0, CURSOR_ARRAY, 0 },
    { LITERAL("\x9f"), 15, CURSOR_ARRAY, 15 },
    { LITERAL("\xdc\x01\x00"), 256, CURSOR_ARRAY, 256 },
    { LITERAL("\xdd\x00\x00\x00\x01"), 1, CURSOR_ARRAY, 1 },
    { LITERAL("\x80"), 0, CURSOR_MAP, 0 },
    { LITERAL("\x8f"), 30, CURSOR_MAP, 15 },
    { LITERAL("\xde\x01\x00"), 512, CURSOR_MAP, 256 },
    { LITERAL("\xdf\x00\x00\x00\x01"), 2, CURSOR_MAP, 1 },
};

/* What the six takers say of the next element: the one that takes it, its
 * number, and where its bytes lie. */
struct taken {
    enum cursor_type type;
    unsigned n_takers;
    uint64_t value;
    const void *bytes;
    const uint8_t *after;
};

static void note(struct taken *taken, enum cursor_type type, uint64_t value, const void *bytes,
                 struct cursor *cursor, const uint8_t *start)
{
    *taken = (struct taken){ type, taken->n_takers + 1, value, bytes, cursor->p };
    cursor->p = start;
}

static struct taken take_any(struct cursor *cursor)
{
    struct taken taken = { .type = CURSOR_NONE };
    const uint8_t *start = cursor->p, *bin;
    const char *str;
    uint64_t number;
    uint32_t n;
    size_t len;
    bool yes;

    if (cursor_uint(cursor, &number))
        note(&taken, CURSOR_UINT, number, NULL, cursor, start);
    if (cursor_bool(cursor, &yes))
        note(&taken, CURSOR_BOOL, yes, NULL, cursor, start);
    if (cursor_nil(cursor))
        note(&taken, CURSOR_NIL, 0, NULL, cursor, start);
    if (cursor_str(cursor, &str, &len))
        note(&taken, CURSOR_STR, len, str, cursor, start);
    if (cursor_bin(cursor, &bin, &len))
        note(&taken, CURSOR_BIN, len, bin, cursor, start);
    if (cursor_array(cursor, &n))
        note(&taken, CURSOR_ARRAY, n, NULL, cursor, start);
    if (cursor_map(cursor, &n))
        note(&taken, CURSOR_MAP, n, NULL, cursor, start);
    assert_ptr_equal(cursor->p, start); /* a refusal moves nothing */
    return taken;
}

static bool has_taker(enum cursor_type type)
{
    return type != CURSOR_INT && type != CURSOR_FLOAT && type != CURSOR_EXT;
}

static void check_form(const struct form_row *row, const uint8_t *buf, size_t len)
{
    struct cursor cursor = { buf, buf + len };
    bool container = row->type == CURSOR_ARRAY || row->type == CURSOR_MAP;
    bool bytes = row->type == CURSOR_STR || row->type == CURSOR_BIN;
    struct taken taken = take_any(&cursor);

    assert_int_equal(cursor_peek(&cursor), row->type);
    assert_int_equal(taken.n_takers, has_taker(row->type));
    if (has_taker(row->type)) {
        assert_int_equal(taken.type, row->type);
        assert_int_equal(taken.value, row->value);
        assert_ptr_equal(taken.after, container ? buf + row->head_len : cursor.end);
        assert_ptr_equal(taken.bytes, bytes ? buf + row->head_len : NULL);
    }
    assert_true(cursor_skip(&cursor));
    assert_ptr_equal(cursor.p, cursor.end);
    assert_true(msgpack_valid(buf, len, container, NULL));
}

static void check_cut_off(const struct form_row *row, const uint8_t *whole, size_t len)
{
    bool container = row->type == CURSOR_ARRAY || row->type == CURSOR_MAP;
    uint8_t *buf = exact_copy(whole, len);
    struct cursor cursor = { buf, buf + len };
    size_t at = 999;

    /* A container is taken as soon as its head is there. */
    if (!container || len < row->head_len)
        assert_int_equal(take_any(&cursor).n_takers, 0);
    cursor_peek(&cursor);
    assert_false(cursor_skip(&cursor));
    assert_ptr_equal(cursor.p, buf);
    assert_false(msgpack_valid(buf, len, MAX_DEPTH, &at));
    assert_int_equal(at, 0);
    exact_free(buf, len);
}

static void test_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        size_t len = forms[i].head_len + forms[i].body_len;
        uint8_t *buf = malloc(len);

        memset(buf, 'b', len);
        memcpy(buf, forms[i].head, forms[i].head_len);
        check_form(&forms[i], buf, len);
        for (size_t cut = 0; cut < len && cut < 600; cut++)
            check_cut_off(&forms[i], buf, cut);
        check_cut_off(&forms[i], buf, len - 1);
        free(buf);
    }
}

static void test_never_used(void **state)
{
    const uint8_t buf[] = { 0xc1, 0x00 };
    struct cursor cursor = { buf, buf + 2 };
    size_t at = 999;

    (void)state;
    assert_int_equal(cursor_peek(&cursor), CURSOR_NONE);
    assert_int_equal(take_any(&cursor).n_takers, 0);
    assert_false(cursor_skip(&cursor));
    assert_false(msgpack_valid(buf, 1, MAX_DEPTH, &at));
    assert_int_equal(at, 0);
    assert_false(msgpack_valid("\x92\x01\xc1", 3, MAX_DEPTH, &at));
    assert_int_equal(at, 2);
}

static void test_nothing(void **state)
{
    struct cursor cursor = { NULL, NULL };

    (void)state;
    assert_int_equal(cursor_peek(&cursor), CURSOR_NONE);
    assert_int_equal(take_any(&cursor).n_takers, 0);
    assert_false(cursor_skip(&cursor));
    assert_false(msgpack_valid(NULL, 0, MAX_DEPTH, NULL));
}

/* Claims far beyond the buffer, the filling being elements or heads of the same
 * claim once more; 16 MiB of it must be refused in no time. */
static void test_hostile_claims(void **state)
{
    static const char *const heads[] = { "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff",
                                         "\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff",
                                         "\xc9\xff\xff\xff\xff", "\xdd\x7f\xff\xff\xff",
                                         "\xdf\x80\x00\x00\x00", "\xdd\x01\x00\x00\x00" };
    size_t len = MAX_PAYLOAD;
    uint8_t *buf = calloc(1, len);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct cursor cursor = { buf, buf + len };
        struct cursor alone = { buf, buf + 5 };

        memcpy(buf, heads[i], 5);
        assert_false(cursor_skip(&alone));
        assert_false(cursor_skip(&cursor));
        assert_ptr_equal(cursor.p, buf);
        assert_false(msgpack_valid(buf, len, MAX_DEPTH, NULL));
    }
    for (size_t at = 0; at + 5 <= len; at += 5)
        memcpy(buf + at, heads[0], 5);
    assert_false(msgpack_valid(buf, len, MAX_DEPTH, NULL));
    free(buf);
}

static void test_nesting(void **state)
{
    static const uint8_t head[] = { 0x91, 0x81 };
    uint8_t buf[2 * MAX_DEPTH + 4] = { 0 };
    size_t at = 999;

    (void)state;
    for (size_t depth = 0; depth <= MAX_DEPTH; depth++) {
        bool deep = depth == MAX_DEPTH;
        struct cursor cursor = { buf + MAX_DEPTH - depth, buf + MAX_DEPTH + 1 };

        if (depth > 0)
            buf[MAX_DEPTH - depth] = 0x91;
        assert_true(cursor_skip(&cursor));
        assert_true(msgpack_valid(buf + MAX_DEPTH - depth, depth + 1, (unsigned)depth, NULL));
        if (depth > 0)
            assert_false(
                msgpack_valid(buf + MAX_DEPTH - depth, depth + 1, (unsigned)depth - 1, &at));
        assert_int_equal(at, depth > 0 ? depth - 1 : 999);
        assert_true(
            msgpack_valid(buf + MAX_DEPTH - depth, depth + 1, deep ? UINT32_MAX : 64, NULL));
    }
    /* One more, of arrays and of maps: [[[... and {0: {0: {0: ... */
    for (size_t kind = 0; kind < 2; kind++) {
        struct cursor cursor = { buf, buf + sizeof buf };

        memset(buf, 0, sizeof buf);
        for (size_t i = 0; i <= MAX_DEPTH; i++)
            buf[i * (kind + 1)] = head[kind];
        assert_false(cursor_skip(&cursor));
        assert_false(msgpack_valid(buf, MAX_DEPTH * (kind + 1) + 2 + kind, UINT32_MAX, &at));
        assert_int_equal(at, MAX_DEPTH * (kind + 1));
    }
}

static void test_where_it_goes_wrong(void **state)
{
    static const struct {
        const char *s;
        size_t len;
        size_t at;
    } table[] = {
        { LITERAL("\x01\x02"), 1 }, /* behind the value */
        { LITERAL("\x92\x01\xa3"
                  "ab"),
          2 },                                       /* text cut off */
        { LITERAL("\x93\x01\x02"), 0 },              /* more claimed than there is */
        { LITERAL("\x92\x92\x01\x02"), 4 },          /* an element missing at the end */
        { LITERAL("\x81\xa1k\xa2\xc3("), 4 },        /* not UTF-8 */
        { LITERAL("\x91\xa3\xed\xa0\x80"), 2 },      /* a surrogate */
        { LITERAL("\x82\xa1k\x01\xa1\xff\x02"), 5 }, /* in a key */
    };
    size_t at = 999;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        assert_false(msgpack_valid(table[i].s, table[i].len, MAX_DEPTH, &at));
        assert_int_equal(at, table[i].at);
    }
    at = 999;
    assert_true(msgpack_valid(LITERAL("\x92\xa2\xc3\xa4\xc4\x01\xff"), MAX_DEPTH, &at));
    assert_int_equal(at, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form), cmocka_unit_test(test_never_used),
        cmocka_unit_test(test_nothing),    cmocka_unit_test(test_hostile_claims),
        cmocka_unit_test(test_nesting),    cmocka_unit_test(test_where_it_goes_wrong),
    };

    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
