/* The tally of brokerctl bench: what it finds missing in streams that lack something. */
#include "client/brokerctl/mark.h"
#include "tests/unit/unit.h"

enum { RUN = 77 };

static struct tally tally;

static void begin(bool from_start)
{
    tally = (struct tally){ .from_start = from_start };
}

static bool take(enum mark_kind kind, uint8_t publisher, uint32_t number)
{
    const struct mark mark = { kind == MARK_END ? 2 : 1000, number, RUN, publisher, (uint8_t)kind };
    struct mark got;
    uint8_t payload[40] = { 0 };
    bool taken;

    memcpy(payload, &mark, sizeof mark);
    taken = tally_take(&tally, payload, sizeof payload, &got);
    if (taken)
        assert_memory_equal(&got, &mark, sizeof mark);
    return taken;
}

static void take_run(uint8_t publisher, uint32_t from, uint32_t to)
{
    for (uint32_t number = from; number != to; number++)
        assert_true(take(number % 16 ? MARK_PLAIN : MARK_TIMED, publisher, number));
}

static void assert_tally(uint64_t received, uint64_t missing, uint64_t misplaced)
{
    assert_int_equal(tally.received, received);
    assert_int_equal(tally.missing, missing);
    assert_int_equal(tally.misplaced, misplaced);
}

static void test_complete(void **state)
{
    (void)state;
    begin(true);
    for (uint32_t i = 0; i < 100; i++) {
        take_run(0, i, i + 1);
        take_run(255, 2 * i, 2 * i + 2);
    }
    assert_true(take(MARK_END, 0, 100));
    assert_false(tally_ended(&tally));
    assert_true(take(MARK_END, 0, 100)); /* twice is no other publisher's */
    assert_false(tally_ended(&tally));
    assert_true(take(MARK_END, 255, 200));
    assert_true(tally_ended(&tally));
    assert_tally(300, 0, 0);
    assert_int_equal(tally.foreign, 0);
}

static void test_holes(void **state)
{
    (void)state;
    begin(true);
    take_run(0, 3, 10); /* 0 to 2 are missing */
    take_run(0, 11, 20);
    take_run(1, 0, 5);
    assert_true(take(MARK_END, 0, 25)); /* 20 to 24, too */
    assert_true(take(MARK_END, 1, 5));
    assert_tally(7 + 9 + 5, 3 + 1 + 5, 0);
    assert_true(tally_ended(&tally));
}

static void test_all_of_one_publisher(void **state)
{
    (void)state;
    begin(true);
    assert_true(take(MARK_END, 9, 1000));
    assert_tally(0, 1000, 0);
}

/* Who comes late misses nothing. */
static void test_late(void **state)
{
    (void)state;
    begin(false);
    take_run(0, 500, 510);
    take_run(1, 0, 10);
    take_run(0, 512, 520);
    assert_tally(28, 2, 0);
    begin(false);
    assert_true(take(MARK_END, 0, 500));
    assert_tally(0, 0, 0);
}

static void test_out_of_order(void **state)
{
    (void)state;
    begin(true);
    take_run(0, 0, 10);
    take_run(0, 9, 10); /* again */
    take_run(0, 10, 20);
    take_run(0, 5, 6);
    take_run(0, 20, 30);
    assert_tally(32, 0, 2);
}

static void test_numbers_begin_anew(void **state)
{
    (void)state;
    begin(false);
    take_run(0, UINT32_MAX - 5, 6);
    take_run(0, 8, 9);
    assert_tally(13, 2, 0);
    assert_true(take(MARK_END, 0, 10));
    assert_tally(13, 3, 0);
}

static void test_foreign(void **state)
{
    struct mark mark = { 1, 0, RUN + 1, 0, MARK_PLAIN };

    (void)state;
    begin(true);
    for (size_t len = 0; len < MARK_SIZE; len++) {
        uint8_t *payload = exact_copy(&mark, len);

        assert_false(tally_take(&tally, payload, len, &mark));
        exact_free(payload, len);
    }
    assert_false(take((enum mark_kind)(MARK_PLAIN - 1), 0, 0));
    assert_false(take((enum mark_kind)(MARK_END + 1), 0, 0));
    assert_false(tally.has_run);
    take_run(0, 0, 1);
    mark = (struct mark){ 1, 1, RUN + 1, 0, MARK_PLAIN };
    assert_false(tally_take(&tally, &mark, sizeof mark, &mark));
    take_run(0, 1, 2);
    assert_tally(2, 0, 0);
    assert_int_equal(tally.foreign, MARK_SIZE + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_all_of_one_publisher),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_numbers_begin_anew),
        cmocka_unit_test(test_foreign),
    };

    return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
