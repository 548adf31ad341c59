/* The cursor against msgpack-c on random values, and on damaged ones.
 *
 * One generator is msgpack-c's packer, which takes the shortest forms; the
 * other writes any form there is, by hand.
 */
#include "proto/cursor.h"

#include <msgpack.h>

#include "proto/limits.h"
#include "tests/unit/msgpack_compare.h"
#include "tests/unit/unit.h"

static uint64_t random_state;

static uint64_t below(uint64_t n)
{
    return random_below(&random_state, n);
}

/* Numbers crowd around the edges of the widths. */
static uint64_t random_number(void)
{
    uint64_t edge = UINT64_C(1) << below(64);

    switch (below(3)) {
    case 0:
        return edge - below(3);
    case 1:
        return edge + below(3);
    default:
        return random_next(&random_state) >> below(64);
    }
}

static size_t random_len(void)
{
    static const size_t lens[] = { 0, 1, 2, 4, 8, 16, 31, 32, 255, 256, 300 };

    return lens[below(COUNT_OF(lens))];
}

static const char text[512] = "broker \xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7";

static void pack_random(msgpack_packer *packer, unsigned depth);

static void pack_container(msgpack_packer *packer, unsigned depth)
{
    size_t n = below(20);
    bool map = below(2);

    if (map)
        msgpack_pack_map(packer, n);
    else
        msgpack_pack_array(packer, n);
    for (size_t i = 0; i < (map ? 2 * n : n); i++)
        pack_random(packer, depth - 1);
}

static void pack_blob(msgpack_packer *packer)
{
    size_t len = random_len();

    switch (below(3)) {
    case 0:
        /* The wide characters lie in 7..16; a cut must not go through them. */
        len = len < 17 && len > 7 ? 7 : len;
        msgpack_pack_str_with_body(packer, text, len);
        break;
    case 1:
        msgpack_pack_bin_with_body(packer, text, len);
        break;
    default:
        msgpack_pack_ext_with_body(packer, text, len, (int8_t)below(256));
    }
}

static void pack_random(msgpack_packer *packer, unsigned depth)
{
    switch (below(depth > 0 ? 8 : 6)) {
    case 0:
        msgpack_pack_uint64(packer, random_number());
        break;
    case 1:
        msgpack_pack_int64(packer, (int64_t)random_number());
        break;
    case 2:
        msgpack_pack_double(packer, (double)random_number());
        break;
    case 3:
        below(2) ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        break;
    case 4:
        below(2) ? msgpack_pack_nil(packer) : msgpack_pack_float(packer, 1.5f);
        break;
    case 5:
        pack_blob(packer);
        break;
    default:
        pack_container(packer, depth);
    }
}

static void check_same(const void *buf, size_t len)
{
    struct cursor cursor = { buf, (const uint8_t *)buf + len };

    assert_true(msgpack_valid(buf, len, MAX_DEPTH, NULL));
    assert_true(cursor_skip(&cursor));
    assert_ptr_equal(cursor.p, cursor.end);
    assert_true(compare_with_msgpack(buf, len));
}

static void test_shortest_forms(void **state)
{
    msgpack_sbuffer buf;
    msgpack_packer packer;

    (void)state;
    random_state = 1;
    for (unsigned round = 0; round < 5000; round++) {
        msgpack_sbuffer_init(&buf);
        msgpack_packer_init(&packer, &buf, msgpack_sbuffer_write);
        pack_random(&packer, 4);
        uint8_t *copy = exact_copy(buf.data, buf.size);
        check_same(copy, buf.size);
        exact_free(copy, buf.size);
        msgpack_sbuffer_destroy(&buf);
    }
}

static void out_number(struct out *out, uint64_t value, unsigned width)
{
    while (width-- > 0)
        out->buf[out->len++] = (uint8_t)(value >> 8 * width);
}

/* A head of the family that begins at `first`, whose forms double in width
 * from `width`; any form will do that holds the value. */
static void out_form(struct out *out, uint8_t first, unsigned width, unsigned n_forms,
                     uint64_t value)
{
    unsigned form = (unsigned)below(n_forms);

    while (width << form < 8 && value >> 8 * (width << form) > 0)
        form++;
    out->buf[out->len++] = (uint8_t)(first + form);
    out_number(out, value, width << form);
}

static void out_body(struct out *out, size_t len)
{
    memset(out->buf + out->len, 'x', len);
    out->len += len;
}

static void out_random(struct out *out, unsigned depth);

static void out_container(struct out *out, unsigned depth)
{
    uint64_t n = below(6), n_values = n;

    if (below(2)) {
        out_form(out, 0xdc, 2, 2, n);
    } else {
        out_form(out, 0xde, 2, 2, n);
        n_values = 2 * n;
    }
    for (uint64_t i = 0; i < n_values; i++)
        out_random(out, depth - 1);
}

static void out_random(struct out *out, unsigned depth)
{
    uint64_t value = below(UINT64_C(1) << (1 + below(33)));
    size_t len = below(40);

    switch (below(depth > 0 ? 9 : 7)) {
    case 0:
        out_form(out, 0xcc, 1, 4, value);
        break;
    case 1: /* signed forms, negative or not */
        out->buf[out->len++] = (uint8_t)(0xd0 + len % 4);
        out_number(out, random_next(&random_state), 1u << len % 4);
        break;
    case 2:
        out_form(out, 0xd9, 1, 3, len);
        out_body(out, len);
        break;
    case 3:
        out_form(out, 0xc4, 1, 3, len);
        out_body(out, len);
        break;
    case 4:
        out_form(out, 0xc7, 1, 3, len);
        out_body(out, len + 1);
        break;
    case 5: /* fixext */
        out->buf[out->len++] = (uint8_t)(0xd4 + len % 5);
        out_body(out, 1 + (1u << len % 5));
        break;
    case 6:
        out->buf[out->len++] = (uint8_t)(0xe0 + len % 32);
        break;
    default:
        out_container(out, depth);
    }
}

static void test_any_form(void **state)
{
    static struct out out;

    (void)state;
    random_state = 2;
    for (unsigned round = 0; round < 20000; round++) {
        out.len = 0;
        out_random(&out, 3);
        uint8_t *copy = exact_copy(out.buf, out.len);
        check_same(copy, out.len);
        exact_free(copy, out.len);
    }
}

/* Damaged values: whatever msgpack_valid still accepts, msgpack-c must read as
 * the same thing, and nothing is read outside. */
static void test_damaged(void **state)
{
    static struct out out;

    (void)state;
    random_state = 3;
    for (unsigned round = 0; round < 100000; round++) {
        out.len = 0;
        out_random(&out, 3);
        for (uint64_t n = 1 + below(3); n > 0; n--)
            out.buf[below(out.len)] = (uint8_t)below(256);
        size_t len = below(3) ? out.len : 1 + below(out.len);
        uint8_t *copy = exact_copy(out.buf, len);
        struct cursor cursor = { copy, copy + len };
        size_t at = SIZE_MAX;
        if (msgpack_valid(copy, len, MAX_DEPTH, &at))
            check_same(copy, len);
        else
            assert_true(at <= len); /* at the end: more was due */
        if (!cursor_skip(&cursor))
            assert_ptr_equal(cursor.p, copy);
        exact_free(copy, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shortest_forms),
        cmocka_unit_test(test_any_form),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests_name("cursor_oracle", tests, NULL, NULL);
}
