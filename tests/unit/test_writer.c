/* The writer: byte for byte what msgpack-c packs, and what happens when room
 * is exactly enough or one byte short.
 */
#include "proto/writer.h"

#include <msgpack.h>

#include "proto/cursor.h"
#include "tests/unit/unit.h"

/* One value to write: `number` is a value, a length or a count. */
struct item {
    enum { NIL, FALSE_, TRUE_, UINT, U32, U64, STR, BIN, ARRAY, MAP } kind;
    uint64_t number;
};

static const uint64_t edges[] = {
    0,          1,          15,         16,        31,         32,         127,
    128,        255,        256,        65535,     65536,      0x7fffffff, 0x80000000,
    UINT32_MAX, 1ull << 32, 1ull << 53, INT64_MAX, UINT64_MAX,
};

static uint8_t filling[70000];

static void write_item(struct writer *writer, const struct item *item)
{
    switch (item->kind) {
    case NIL:
        writer_nil(writer);
        break;
    case FALSE_:
    case TRUE_:
        writer_bool(writer, item->kind == TRUE_);
        break;
    case UINT:
        writer_uint(writer, item->number);
        break;
    case U32:
        writer_u32(writer, (uint32_t)item->number);
        break;
    case U64:
        writer_u64(writer, item->number);
        break;
    case STR:
        writer_str(writer, (const char *)filling, item->number);
        break;
    case BIN:
        writer_bin(writer, filling, item->number);
        break;
    case ARRAY:
        writer_array(writer, (uint32_t)item->number);
        break;
    case MAP:
        writer_map(writer, (uint32_t)item->number);
        break;
    }
}

static void pack_item(msgpack_packer *packer, const struct item *item)
{
    switch (item->kind) {
    case NIL:
        msgpack_pack_nil(packer);
        break;
    case FALSE_:
        msgpack_pack_false(packer);
        break;
    case TRUE_:
        msgpack_pack_true(packer);
        break;
    case UINT:
        msgpack_pack_uint64(packer, item->number);
        break;
    case U32:
        msgpack_pack_fix_uint32(packer, (uint32_t)item->number);
        break;
    case U64:
        msgpack_pack_fix_uint64(packer, item->number);
        break;
    case STR:
        msgpack_pack_str_with_body(packer, filling, item->number);
        break;
    case BIN:
        msgpack_pack_bin_with_body(packer, filling, item->number);
        break;
    case ARRAY:
        msgpack_pack_array(packer, item->number);
        break;
    case MAP:
        msgpack_pack_map(packer, item->number);
        break;
    }
}

static void check_full(const struct item *item, size_t room)
{
    uint8_t *buf = exact_copy(filling, room);
    struct writer writer = { buf, buf + room, false };

    write_item(&writer, item);
    assert_true(writer.full);
    assert_ptr_equal(writer.p, buf);
    /* Nothing more is written, though it would fit. */
    writer_nil(&writer);
    assert_ptr_equal(writer.p, buf);
    assert_true(room == 0 || memcmp(buf, filling, room) == 0);
    exact_free(buf, room);
}

static void check_item(const struct item *item)
{
    msgpack_sbuffer expected;
    msgpack_packer packer;

    msgpack_sbuffer_init(&expected);
    msgpack_packer_init(&packer, &expected, msgpack_sbuffer_write);
    pack_item(&packer, item);
    uint8_t *buf = malloc(expected.size);
    struct writer writer = { buf, buf + expected.size, false };
    write_item(&writer, item);
    assert_false(writer.full);
    assert_ptr_equal(writer.p, writer.end);
    assert_memory_equal(buf, expected.data, expected.size);
    for (size_t room = 0; room < expected.size && room < 40; room++)
        check_full(item, room);
    check_full(item, expected.size - 1);
    free(buf);
    msgpack_sbuffer_destroy(&expected);
}

static void test_against_msgpack(void **state)
{
    (void)state;
    memset(filling, 'f', sizeof filling);
    for (int kind = NIL; kind <= MAP; kind++) {
        for (size_t i = 0; i < COUNT_OF(edges); i++) {
            struct item item = { .number = edges[i] };

            /* A container is its head only, but a string needs its bytes. */
            item.kind = (__typeof__(item.kind))kind;
            if ((kind == STR || kind == BIN) && edges[i] > 65536)
                continue;
            if ((kind == U32 || kind == ARRAY || kind == MAP) && edges[i] > UINT32_MAX)
                continue;
            check_item(&item);
        }
    }
}

static void test_numbers_come_back(void **state)
{
    uint64_t random = 4;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t number = random_next(&random) >> random_below(&random, 64), back = ~number;
        uint8_t buf[9];
        struct writer writer = { buf, buf + sizeof buf, false };

        writer_uint(&writer, number);
        struct cursor cursor = { buf, writer.p };
        assert_true(cursor_uint(&cursor, &back));
        assert_int_equal(back, number);
        assert_ptr_equal(cursor.p, writer.p);
    }
}

static void test_nothing_may_be_null(void **state)
{
    uint8_t buf[3];
    struct writer writer = { buf, buf + sizeof buf, false };

    (void)state;
    writer_str(&writer, NULL, 0);
    writer_bin(&writer, NULL, 0);
    assert_false(writer.full);
    assert_memory_equal(buf, "\xa0\xc4\x00", 3);
}

static void test_longer_than_msgpack_can_say(void **state)
{
    uint8_t buf[16];
    struct writer writer = { buf, buf + sizeof buf, false };

    (void)state;
    writer_str(&writer, "", SIZE_MAX);
    assert_true(writer.full);
    writer = (struct writer){ buf, buf + sizeof buf, false };
    writer_bin(&writer, "", SIZE_MAX - 4);
    assert_true(writer.full);
    assert_ptr_equal(writer.p, buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_msgpack),
        cmocka_unit_test(test_numbers_come_back),
        cmocka_unit_test(test_nothing_may_be_null),
        cmocka_unit_test(test_longer_than_msgpack_can_say),
    };

    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
