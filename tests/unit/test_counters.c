/* The table of counters, walked by index as $SYS.stats does. */
#include "broker/watch/counters.h"

#include "tests/unit/unit.h"

static void test_by_name(void **state)
{
    struct counters counters = { 0 };
    uint64_t *flat = (uint64_t *)&counters;

    (void)state;
    for (size_t i = 0; i < N_COUNTERS; i++)
        flat[i] = 1000 + i;
    for (size_t i = 0; i < N_COUNTERS; i++) {
        assert_int_equal(counters_value(&counters, i), 1000 + i);
        assert_true(strlen(counters_name(i)) > 0 && strlen(counters_sentence(i)) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(counters_name(i), counters_name(j));
    }
    assert_string_equal(counters_name(0), "accepted");
    assert_int_equal(counters.accepted, 1000);
    assert_int_equal(counters.log_lines_lost, 1000 + N_COUNTERS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_by_name) };

    return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
