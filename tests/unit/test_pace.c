/* Pace: shares of rounds, debts, turns of connections, and who counts as active. */
#include "broker/guard/pace.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)

static struct pace pace;
static struct pace_user a, b;

static void both_are_here(uint64_t now_ns)
{
    pace = (struct pace){ 0 };
    a = b = (struct pace_user){ 0 };
    pace_seen(&pace, &a, now_ns);
    pace_seen(&pace, &b, now_ns);
    assert_true(pace_is_shared(&pace));
}

/* Rounds in which `user` handles as much as it may, at `ns_per_kib`. The nanoseconds used. */
static uint64_t use(struct pace_user *user, uint64_t *round, unsigned n, uint64_t ns_per_kib)
{
    uint64_t used = 0;
    while (n-- > 0) {
        uint32_t most = pace_turn(&pace, user, ++*round, MS);
        uint64_t ns = most * ns_per_kib / 1024;
        if (most > 0)
            pace_spent(user, most, ns);
        used += most > 0 ? ns : 0;
    }
    return used;
}

static void one_user_is_alone(void **state)
{
    (void)state;
    pace = (struct pace){ 0 };
    a = (struct pace_user){ 0 };
    pace_seen(&pace, &a, MS);
    pace_seen(&pace, &a, 2 * MS);
    assert_false(pace_is_shared(&pace));
    assert_int_equal(pace.n_active, 1);
}

static void who_falls_silent_wants_nothing(void **state)
{
    (void)state;
    both_are_here(MS);
    uint64_t later = PACE_ACTIVE_NS + 2 * MS;
    pace_seen(&pace, &a, later);
    pace_turn(&pace, &a, 1, later);
    assert_false(pace_is_shared(&pace));
    assert_false(b.is_active);
    pace_seen(&pace, &b, later);
    assert_true(pace_is_shared(&pace));
    pace_leave(&pace, &a);
    pace_leave(&pace, &a);
    assert_ptr_equal(pace.active, &b);
}

/* However dear each byte is, up to what the least turn costs. */
static void over_many_rounds_each_has_its_share(void **state)
{
    (void)state;
    static const uint64_t costs[] = { 1, 100, 1000, 20 * 1000, 100 * 1000, 1000 * 1000 };
    for (unsigned i = 0; i < sizeof costs / sizeof *costs; i++) {
        uint64_t round = 0;
        both_are_here(MS);
        use(&a, &round, 100, costs[i]); /* until it is known */
        uint64_t used = use(&a, &round, 1000, costs[i]);
        uint64_t share = UINT64_C(1000) * PACE_ROUND_NS / 2;
        uint64_t least_turn = PACE_BYTES_MIN / 1024 * costs[i];
        assert_true(used <= share + least_turn);
        uint64_t most = UINT64_C(1000) * PACE_BYTES_MAX / 1024 * costs[i];
        assert_true(used * 10 >= (most < share ? most : share) * 9);
    }
}

static void a_debt_is_paid_by_later_rounds(void **state)
{
    (void)state;
    both_are_here(MS);
    assert_true(pace_turn(&pace, &a, 1, MS) > 0);
    pace_spent(&a, PACE_BYTES_MIN, UINT64_C(10) * PACE_ROUND_NS);
    uint64_t round = 2;
    while (pace_turn(&pace, &a, round, MS) == 0)
        round++;
    assert_in_range(round, 19, 22); /* half a round each */
    assert_true(pace_turn(&pace, &b, 2, MS) > 0);
}

static void nothing_is_saved_up(void **state)
{
    (void)state;
    both_are_here(MS);
    pace_turn(&pace, &a, 1, MS);
    pace_turn(&pace, &a, 1000, MS);
    assert_int_equal(a.left_ns, PACE_ROUND_NS / 2);
}

static void connections_of_a_user_have_equal_parts(void **state)
{
    (void)state;
    both_are_here(MS);
    for (uint64_t round = 1; round < 50; round++) {
        for (unsigned i = 0; i < 4; i++) {
            uint32_t most = pace_turn(&pace, &a, round, MS);
            pace_spent(&a, most, most * 2 / 1024 * 1000); /* 2 us a KiB */
            if (round > 40)
                assert_in_range(most, 5 << 10, 8 << 10);
        }
    }
}

static void writing_is_paid_by_whose_messages_they_are(void **state)
{
    (void)state;
    both_are_here(MS);
    pace_turn(&pace, &a, 1, MS);
    pace_turn(&pace, &b, 1, MS);
    int64_t before = a.left_ns;
    pace_delivered(&a, 3000);
    pace_delivered(&b, 1000);
    pace_wrote(&pace, 40000);
    assert_int_equal(a.left_ns, before - 30000);
    assert_int_equal(b.left_ns, before - 10000);
    pace_wrote(&pace, 40000); /* nobody's */
    assert_int_equal(a.left_ns, before - 30000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(one_user_is_alone),
        kit_test(who_falls_silent_wants_nothing),
        kit_test(over_many_rounds_each_has_its_share),
        kit_test(a_debt_is_paid_by_later_rounds),
        kit_test(nothing_is_saved_up),
        kit_test(connections_of_a_user_have_equal_parts),
        kit_test(writing_is_paid_by_whose_messages_they_are),
    };
    return kit_run("pace", tests, KIT_LENGTH(tests));
}
