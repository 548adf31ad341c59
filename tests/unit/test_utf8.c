/* utf8_valid and utf8_step against the table of RFC 3629, section 4, taken as
 * it stands there.
 */
#include "proto/utf8.h"

#include "proto/cursor.h"
#include "tests/unit/unit.h"

static const struct {
    uint8_t len;
    uint8_t low[4], high[4];
} grammar[] = {
    { 1, { 0x00 }, { 0x7f } },
    { 2, { 0xc2, 0x80 }, { 0xdf, 0xbf } },
    { 3, { 0xe0, 0xa0, 0x80 }, { 0xe0, 0xbf, 0xbf } },
    { 3, { 0xe1, 0x80, 0x80 }, { 0xec, 0xbf, 0xbf } },
    { 3, { 0xed, 0x80, 0x80 }, { 0xed, 0x9f, 0xbf } },
    { 3, { 0xee, 0x80, 0x80 }, { 0xef, 0xbf, 0xbf } },
    { 4, { 0xf0, 0x90, 0x80, 0x80 }, { 0xf0, 0xbf, 0xbf, 0xbf } },
    { 4, { 0xf1, 0x80, 0x80, 0x80 }, { 0xf3, 0xbf, 0xbf, 0xbf } },
    { 4, { 0xf4, 0x80, 0x80, 0x80 }, { 0xf4, 0x8f, 0xbf, 0xbf } },
};

/* The length of the character at s, 0 if there is none. */
static size_t oracle_step(const uint8_t *s, size_t len)
{
    for (size_t row = 0; row < COUNT_OF(grammar); row++) {
        size_t i = 0;

        while (i < grammar[row].len && i < len && s[i] >= grammar[row].low[i] &&
               s[i] <= grammar[row].high[i])
            i++;
        if (i == grammar[row].len)
            return i;
    }
    return 0;
}

static void check(const uint8_t *s, size_t len)
{
    size_t at = 0, n, ret_at = 999;
    bool good;

    while ((n = oracle_step(s + at, len - at)) > 0)
        at += n;
    good = utf8_valid((const char *)s, len, &ret_at);
    if (good != (at == len))
        fail_msg("%02x %02x %02x %02x ..., %zu bytes", s[0], len > 1 ? s[1] : 0, len > 2 ? s[2] : 0,
                 len > 3 ? s[3] : 0, len);
    assert_int_equal(ret_at, good ? 999 : at);
}

static void test_up_to_three_bytes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1 << 24; i++) {
        uint8_t s[] = { (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };

        /* ASCII in front only repeats the shorter ones. */
        if (s[0] == 'a' || s[0] >= 0x80)
            check(s, 3);
    }
}

static void test_four_bytes(void **state)
{
    static const uint8_t edges[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0xbf, 0xc0, 0xff };

    (void)state;
    for (unsigned first = 0xe0; first < 0x100; first++) {
        for (unsigned second = 0; second < 0x100; second++) {
            for (size_t i = 0; i < 64; i++) {
                uint8_t s[] = { (uint8_t)first, (uint8_t)second, edges[i / 8], edges[i % 8] };

                check(s, 4);
            }
        }
    }
}

static size_t encode(uint32_t c, uint8_t *s)
{
    static const uint8_t lead[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        s[i] = (uint8_t)(0x80 | (c & 0x3f));
    s[0] = (uint8_t)(lead[n] | c);
    return n;
}

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint8_t s[4];
        uint32_t back = UINT32_MAX;
        size_t len = encode(c, s);
        bool surrogate = c >= 0xd800 && c <= 0xdfff;

        assert_int_equal(utf8_step(s, len, &back), surrogate ? 0 : len);
        if (!surrogate)
            assert_int_equal(back, c);
        assert_int_equal(utf8_step(s, len - 1, &back), 0);
    }
}

/* The step over eight ASCII bytes at a time neither misses nor overruns. */
static void test_every_place_in_a_long_text(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 40; len++) {
        for (size_t bad = 0; bad < len; bad++) {
            uint8_t *s = exact_copy("0123456789012345678901234567890123456789", len);
            size_t at = 0;

            assert_true(utf8_valid((char *)s, len, NULL));
            s[bad] = 0xc3; /* needs one more, which ASCII is not */
            assert_false(utf8_valid((char *)s, len, &at));
            assert_int_equal(at, bad);
            if (bad + 1 < len) {
                s[bad + 1] = 0xa4;
                assert_true(utf8_valid((char *)s, len, NULL));
            }
            exact_free(s, len);
        }
    }
    assert_true(utf8_valid("", 0, NULL));
    assert_true(utf8_valid(NULL, 0, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_to_three_bytes),
        cmocka_unit_test(test_four_bytes),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_every_place_in_a_long_text),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
