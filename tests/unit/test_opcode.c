/* The tables of opcodes, policies and gap reasons. */
#include "proto/opcode.h"

#include "tests/unit/unit.h"

struct row {
    uint8_t number;
    const char *name;
    unsigned from;
};

static const struct row rows[] = {
#define ROW(number, name, from) { number, #name, FROM_##from },
    OPCODE_MAP(ROW)
#undef ROW
};

static void test_every_number(void **state)
{
    (void)state;
    for (unsigned number = 0, next = 0; number < 256; number++) {
        bool known = next < COUNT_OF(rows) && rows[next].number == number;

        if (known)
            assert_string_equal(opcode_name((uint8_t)number), rows[next].name);
        else
            assert_null(opcode_name((uint8_t)number));
        assert_int_equal(opcode_from((uint8_t)number), known ? rows[next].from : 0);
        assert_int_equal(opcode_skippable((uint8_t)number), number >= 0x60 && number <= 0x7f);
        next += known;
        if (number == 255) /* ascending, without a number twice */
            assert_int_equal(next, COUNT_OF(rows));
    }
}

/* One byte in an envelope (a positive fixint), outside what is kept for
 * streams and for what may be skipped. */
static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_in_range(rows[i].number, 0x01, 0x3f);
}

static void test_the_three_go_both_ways(void **state)
{
    (void)state;
    assert_int_equal(opcode_from(OP_MESSAGE), FROM_C | FROM_B);
    assert_int_equal(opcode_from(OP_REQUEST), FROM_C | FROM_B);
    assert_int_equal(opcode_from(OP_REPLY), FROM_C | FROM_B);
    assert_int_equal(opcode_from(OP_HELLO), FROM_C);
    assert_int_equal(opcode_from(OP_WELCOME), FROM_B);
}

static void test_policies(void **state)
{
    static const char *const texts[] = { "wait", "drop-old", "drop-new", "latest", "disconnect" };

    (void)state;
    for (uint32_t i = 0; i < COUNT_OF(texts); i++)
        assert_string_equal(policy_text(i), texts[i]);
    assert_string_equal(policy_text(COUNT_OF(texts)), "unknown");
    assert_string_equal(policy_text(UINT32_MAX), "unknown");
    assert_int_equal(POLICY_WAIT, 0); /* a field left out is the default */
}

static void test_gaps(void **state)
{
    static const char *const texts[] = {
        "dropped-old", "dropped-new",     "replaced", "stalled",
        "not-held",    "connection-full", "too-many",
    };

    (void)state;
    assert_string_equal(gap_text(0), "unknown");
    for (uint32_t i = 0; i < COUNT_OF(texts); i++)
        assert_string_equal(gap_text(i + 1), texts[i]);
    assert_string_equal(gap_text(COUNT_OF(texts) + 1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_the_three_go_both_ways),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_gaps),
    };

    return cmocka_run_group_tests_name("opcode", tests, NULL, NULL);
}
