/* msgpack and JSON into each other: each value there is, the forms for what
 * JSON has not, and what is refused. Whatever is printed must be read back as
 * the same bytes, or as a value that prints the same.
 */
#include "client/brokerctl/json.h"

#include "client/brokerctl/mp.h"
#include "tests/unit/unit.h"

#include <brokerclient.h>
#include <msgpack.h>

struct both_row {
    const char *msgpack;
    size_t len;
    const char *json;
};

/* Both ways. */
static const struct both_row both[] = {
    { LITERAL("\xc0"), "null" },
    { LITERAL("\xc2"), "false" },
    { LITERAL("\xc3"), "true" },
    { LITERAL("\x00"), "0" },
    { LITERAL("\xff"), "-1" },
    { LITERAL("\xd0\x80"), "-128" },
    { LITERAL("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), "9223372036854775807" },
    { LITERAL("\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), "9223372036854775808" },
    { LITERAL("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615" },
    { LITERAL("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808" },
    { LITERAL("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"), "1.0" },
    { LITERAL("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), "-0.0" },
    { LITERAL("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1" },
    { LITERAL("\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"), "1.7976931348623157e+308" },
    { LITERAL("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), "{\"$float\":\"nan\"}" },
    { LITERAL("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), "{\"$float\":\"inf\"}" },
    { LITERAL("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"), "{\"$float\":\"-inf\"}" },
    { LITERAL("\xa0"), "\"\"" },
    { LITERAL("\xa5hello"), "\"hello\"" },
    { LITERAL("\xa3\"\\/"), "\"\\\"\\\\/\"" },
    { LITERAL("\xa3" "a\0b"), "\"a\\u0000b\"" },
    { LITERAL("\xa6\n\t\r\b\f\v"), "\"\\n\\t\\r\\b\\f\\u000b\"" },
    { LITERAL("\xa4\x1b[2J"), "\"\\u001b[2J\"" },
    { LITERAL("\xa1\x7f"), "\"\\u007f\"" },
    { LITERAL("\xa2\xc2\x9b"), "\"\\u009b\"" },           /* C1: CSI */
    { LITERAL("\xa3\xe2\x80\xae"), "\"\\u202e\"" },       /* right to left override */
    { LITERAL("\xa2\xc3\xa4"), "\"\xc3\xa4\"" },
    { LITERAL("\xa4\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"" },
    { LITERAL("\x90"), "[]" },
    { LITERAL("\x93\x01\xa1x\x90"), "[1,\"x\",[]]" },
    { LITERAL("\x80"), "{}" },
    { LITERAL("\x82\xa1" "a\x01\xa1" "b\x81\xa1" "c\xc0"), "{\"a\":1,\"b\":{\"c\":null}}" },
    { LITERAL("\x82\xa4$bin\x01\xa1x\x02"), "{\"$bin\":1,\"x\":2}" },
    { LITERAL("\x81\xa5$else\x01"), "{\"$else\":1}" },
    { LITERAL("\xc4\x00"), "{\"$bin\":\"\"}" },
    { LITERAL("\xc4\x01\x00"), "{\"$bin\":\"AA==\"}" },
    { LITERAL("\xc4\x02\x00\xff"), "{\"$bin\":\"AP8=\"}" },
    { LITERAL("\xc4\x03\x00\x01\x02"), "{\"$bin\":\"AAEC\"}" },
    { LITERAL("\xd4\x05" "a"), "{\"$ext\":[5,\"YQ==\"]}" },
    { LITERAL("\xd6\xff" "abcd"), "{\"$ext\":[-1,\"YWJjZA==\"]}" },
    { LITERAL("\xc7\x00\x80"), "{\"$ext\":[-128,\"\"]}" },
    { LITERAL("\x81\x01\xa1" "a"), "{\"$map\":[[1,\"a\"]]}" },
    { LITERAL("\x82\xa1" "a\x01\xa1" "a\x02"), "{\"$map\":[[\"a\",1],[\"a\",2]]}" },
    { LITERAL("\x82\xa1" "a\x01\xc0\x02"), "{\"$map\":[[\"a\",1],[null,2]]}" },
    { LITERAL("\x81\x81\xa1" "a\x01\x02"), "{\"$map\":[[{\"a\":1},2]]}" },
    { LITERAL("\x81\xa4$bin\xa1x"), "{\"$map\":[[\"$bin\",\"x\"]]}" },
    { LITERAL("\x81\xa4$map\x90"), "{\"$map\":[[\"$map\",[]]]}" },
    { LITERAL("\x81\xa5$uint\x00"), "{\"$map\":[[\"$uint\",0]]}" },
};

static void assert_text(const struct text *text, const void *data, size_t len)
{
    assert_int_equal(text->len, len);
    assert_memory_equal(text->data, data, len);
}

static void test_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        _cleanup_text_ struct text json = TEXT_INIT, msgpack = TEXT_INIT, why = TEXT_INIT;

        assert_true(json_from_msgpack(&json, both[i].msgpack, both[i].len));
        assert_string_equal(text_string(&json), both[i].json);
        assert_true(json_to_msgpack(&msgpack, both[i].json, strlen(both[i].json), &why));
        assert_text(&msgpack, both[i].msgpack, both[i].len);
    }
}

/* Other encodings of a value, and a float of 32 bits. */
static void test_only_printed(void **state)
{
    static const struct both_row rows[] = {
        { LITERAL("\xcc\x05"), "5" },
        { LITERAL("\xd3\x00\x00\x00\x00\x00\x00\x00\x05"), "5" },
        { LITERAL("\xd1\xff\xfe"), "-2" },
        { LITERAL("\xd9\x01x"), "\"x\"" },
        { LITERAL("\xdb\x00\x00\x00\x01x"), "\"x\"" },
        { LITERAL("\xdc\x00\x01\xc0"), "[null]" },
        { LITERAL("\xdf\x00\x00\x00\x01\xa1x\xc0"), "{\"x\":null}" },
        { LITERAL("\xca\x3d\xcc\xcc\xcd"), "0.1" },
        { LITERAL("\xca\x7f\x80\x00\x00"), "{\"$float\":\"inf\"}" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_text_ struct text json = TEXT_INIT;

        assert_true(json_from_msgpack(&json, rows[i].msgpack, rows[i].len));
        assert_string_equal(text_string(&json), rows[i].json);
    }
}

static void test_only_read(void **state)
{
    static const struct both_row rows[] = {
        { LITERAL("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "{\"$uint\":\"18446744073709551615\"}" },
        { LITERAL("\x07"), "{\"$uint\":\"7\"}" },
        { LITERAL("\x01"), " 1\n" },
        { LITERAL("\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xb4" "18446744073709551615"),
          "[18446744073709551615,\"18446744073709551615\"]" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_text_ struct text msgpack = TEXT_INIT, why = TEXT_INIT;

        assert_true(json_to_msgpack(&msgpack, rows[i].json, strlen(rows[i].json), &why));
        assert_text(&msgpack, rows[i].msgpack, rows[i].len);
    }
}

static void test_refused_json(void **state)
{
    static const char *const rows[] = {
        "", " ", "{", "{\"a\":1", "hello", "1 2", "[1,]", "{\"a\":1,\"a\":2}", "NaN", "\"\\ud800\"",
        "\"\xff\"", "18446744073709551616", "-9223372036854775809", "1e999",
        "{\"$bin\":1}", "{\"$bin\":\"A\"}", "{\"$bin\":\"A===\"}", "{\"$bin\":\"AB==\"}",
        "{\"$bin\":\"=AAA\"}", "{\"$bin\":\"AA==AAAA\"}",
        "{\"$ext\":[1]}", "{\"$ext\":[128,\"\"]}", "{\"$ext\":[-129,\"\"]}", "{\"$ext\":5}",
        "{\"$float\":\"x\"}", "{\"$float\":1}", "{\"$uint\":\"-1\"}", "{\"$uint\":\"\"}",
        "{\"$uint\":5}", "{\"$map\":{}}", "{\"$map\":[1]}", "{\"$map\":[[1]]}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_text_ struct text msgpack = TEXT_INIT, why = TEXT_INIT;

        text_puts(&msgpack, "kept");
        assert_false(json_to_msgpack(&msgpack, rows[i], strlen(rows[i]), &why));
        assert_text(&msgpack, "kept", 4);
        assert_true(why.len > 0);
    }
}

static void test_refused_msgpack(void **state)
{
    static const struct both_row rows[] = {
        { LITERAL(""), "" },
        { LITERAL("\xc1"), "" },
        { LITERAL("\xa2" "a"), "" },
        { LITERAL("\x01\x02"), "" },
        { LITERAL("\xa1\xff"), "" },
        { LITERAL("\xdd\xff\x00\x00\x00"), "" },
        { LITERAL("\xdf\xff\xff\xff\xff"), "" },
        { LITERAL("\x81\x01"), "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_text_ struct text json = TEXT_INIT;

        text_puts(&json, "kept");
        assert_false(json_from_msgpack(&json, rows[i].msgpack, rows[i].len));
        assert_text(&json, "kept", 4);
    }
}

static void test_depth(void **state)
{
    char deep[200], arrays[200];

    (void)state;
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    memset(arrays, '\x91', 65);
    for (size_t extra = 0; extra < 2; extra++) {
        _cleanup_text_ struct text msgpack = TEXT_INIT, json = TEXT_INIT, why = TEXT_INIT;
        size_t n = 64 + extra;

        memset(deep, '[', n);
        memset(deep + n, ']', n);
        assert_int_equal(json_to_msgpack(&msgpack, deep, 2 * n, &why), extra == 0);
        if (extra)
            assert_string_equal(text_string(&why), "nested deeper than 64");
        arrays[n - 1] = '\x90';
        assert_int_equal(json_from_msgpack(&json, arrays, n), extra == 0);
        arrays[n - 1] = '\x91';
    }
}

static void test_many_keys(void **state)
{
    (void)state;
    for (size_t duplicate = 0; duplicate < 2; duplicate++) {
        _cleanup_text_ struct text msgpack = TEXT_INIT, json = TEXT_INIT, again = TEXT_INIT;
        _cleanup_text_ struct text why = TEXT_INIT;
        msgpack_packer pk;

        msgpack_packer_init(&pk, &msgpack, json_pack_write);
        msgpack_pack_map(&pk, 1000);
        for (int i = 0; i < 1000; i++) {
            char key[16];
            int len = snprintf(key, sizeof key, "k%d", duplicate && i == 999 ? 5 : i);

            msgpack_pack_str_with_body(&pk, key, (size_t)len);
            msgpack_pack_int(&pk, i);
        }
        assert_true(json_from_msgpack(&json, msgpack.data, msgpack.len));
        assert_int_equal(!strncmp(json.data, "{\"$map\":", 8), duplicate);
        assert_true(json_to_msgpack(&again, json.data, json.len, &why));
        assert_text(&again, msgpack.data, msgpack.len);
    }
}

/* A value of any kind, from any bytes that happen to be well-formed, prints as
 * JSON that reads back as a value that prints the same. */
static void test_random_round_trip(void **state)
{
    uint64_t seed = 7, n_good = 0;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        _cleanup_text_ struct text json = TEXT_INIT, msgpack = TEXT_INIT, again = TEXT_INIT;
        _cleanup_text_ struct text why = TEXT_INIT;
        uint8_t bytes[24];
        size_t len = 1 + random_below(&seed, sizeof bytes);

        for (size_t j = 0; j < len; j++)
            bytes[j] = random_below(&seed, 3) ? (uint8_t)random_next(&seed)
                                              : (uint8_t)(0x80 + random_below(&seed, 0x24));
        if (!json_from_msgpack(&json, bytes, len))
            continue;
        n_good++;
        assert_true(utf8_check(json.data, json.len, NULL));
        assert_null(memchr(json.data, '\n', json.len));
        assert_true(json_to_msgpack(&msgpack, json.data, json.len, &why));
        assert_true(json_from_msgpack(&again, msgpack.data, msgpack.len));
        if (!strstr(text_string(&json), ".") && !strstr(json.data, "e"))
            assert_text(&again, json.data, json.len); /* floats of 32 bits print longer then */
    }
    assert_true(n_good > 1000);
}

static void test_map_members(void **state)
{
    static const char map[] = "\x84\xa1" "a\x05\xa1" "b\xa2hi\xa1" "c\x92\x01\x02\xa1" "d\xc0";
    struct mp mp = mp_of(map, sizeof map - 1), value;
    struct mp_item item;

    (void)state;
    assert_int_equal(mp_get_number(mp, "a"), 5);
    assert_int_equal(mp_get_number(mp, "b"), 0);
    assert_int_equal(mp_get_number(mp, "z"), 0);
    assert_true(mp_get_item(mp, "b", MP_STR, &item));
    assert_int_equal(item.len, 2);
    assert_false(mp_get_item(mp, "d", MP_STR, &item));
    assert_true(mp_get(mp, "c", &value));
    assert_true(mp_skip(&value));
    assert_int_equal(*value.p, 0xa1);
    mp.end -= 1; /* cut off */
    assert_true(mp_get(mp, "d", &value));
    assert_false(mp_next(&value, &item));
}

/* On bytes that nobody has checked the reader stays within them. */
static void test_reader_keeps_bounds(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[20], *copy;
        size_t len = random_below(&seed, sizeof bytes);
        struct mp mp, value;
        struct mp_item item;

        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)(random_below(&seed, 2) ? random_next(&seed)
                                                        : 0xc0 + random_below(&seed, 0x20));
        copy = exact_copy(bytes, len);
        mp = mp_of(copy, len);
        mp_skip(&mp);
        assert_true(mp.p <= mp.end);
        mp = mp_of(copy, len);
        while (mp_next(&mp, &item))
            assert_true(mp.p <= mp.end);
        mp_get(mp_of(copy, len), "a", &value);
        exact_free(copy, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),      cmocka_unit_test(test_only_printed),
        cmocka_unit_test(test_only_read),      cmocka_unit_test(test_refused_json),
        cmocka_unit_test(test_refused_msgpack), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_keys),      cmocka_unit_test(test_random_round_trip),
        cmocka_unit_test(test_map_members),    cmocka_unit_test(test_reader_keeps_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
