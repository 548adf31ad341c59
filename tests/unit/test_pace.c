/* Pace: who is next, what counts as had, and who counts as active. */
#include "broker/guard/pace.h"

#include <string.h>

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)

enum { TURNS = 4 };

static struct pace pace;
static struct pace_user a, b;
static struct pace_turn turns_a[TURNS], turns_b[TURNS];

static void both_are_here(uint64_t now_ns)
{
    pace = (struct pace){ 0 };
    a = b = (struct pace_user){ 0 };
    memset(turns_a, 0, sizeof turns_a);
    memset(turns_b, 0, sizeof turns_b);
    pace_seen(&pace, &a, now_ns);
    pace_seen(&pace, &b, now_ns);
    assert_true(pace_is_shared(&pace));
}

static bool is_of(const struct pace_turn *turn, const struct pace_turn *turns)
{
    return turn >= turns && turn < turns + TURNS;
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
    assert_null(pace_next(&pace, MS));
}

static void who_falls_silent_wants_nothing(void **state)
{
    (void)state;
    both_are_here(MS);
    uint64_t later = PACE_ACTIVE_NS + 2 * MS;
    pace_seen(&pace, &a, later);
    pace_wait(&pace, &a, &turns_a[0]);
    assert_ptr_equal(pace_next(&pace, later), &turns_a[0]);
    assert_false(pace_is_shared(&pace));
    assert_false(b.is_active);
    pace_seen(&pace, &b, later);
    assert_true(pace_is_shared(&pace));
    pace_leave(&pace, &a);
    pace_leave(&pace, &a);
    assert_ptr_equal(pace.active, &b);
}

static void who_waits_is_not_forgotten(void **state)
{
    (void)state;
    both_are_here(MS);
    pace_wait(&pace, &a, &turns_a[0]);
    pace_wait(&pace, &b, &turns_b[0]);
    assert_non_null(pace_next(&pace, UINT64_C(100) * PACE_ACTIVE_NS));
    assert_non_null(pace_next(&pace, UINT64_C(100) * PACE_ACTIVE_NS));
    assert_null(pace_next(&pace, UINT64_C(100) * PACE_ACTIVE_NS));
}

static void connections_of_a_user_stand_behind_each_other(void **state)
{
    (void)state;
    both_are_here(MS);
    for (int i = 0; i < TURNS; i++)
        pace_wait(&pace, &a, &turns_a[i]);
    pace_wait(&pace, &a, &turns_a[0]); /* it stands there already */
    for (int i = 0; i < TURNS; i++) {
        assert_true(pace_waits(&turns_a[i]));
        assert_ptr_equal(pace_next(&pace, MS), &turns_a[i]);
        assert_false(pace_waits(&turns_a[i]));
        if (i == 0) /* and again, behind the others */
            pace_wait(&pace, &a, &turns_a[0]);
    }
    assert_ptr_equal(pace_next(&pace, MS), &turns_a[0]);
    assert_null(pace_next(&pace, MS));
}

/* Both always want more; one has four connections, and the dearer frames. */
static void in_the_long_run_each_has_as_much_time(void **state)
{
    (void)state;
    uint64_t had_a = 0, had_b = 0;
    both_are_here(MS);
    for (int turn = 0; turn < 10000; turn++) {
        for (int i = 0; i < TURNS; i++)
            pace_wait(&pace, &a, &turns_a[i]);
        pace_wait(&pace, &b, &turns_b[0]);
        bool is_a = is_of(pace_next(&pace, MS), turns_a);
        pace_spent(is_a ? &a : &b, is_a ? 90000 : 10000);
        had_a += is_a ? 90000 : 0;
        had_b += is_a ? 0 : 10000;
    }
    assert_true(had_a < had_b + 200000 && had_b < had_a + 200000);
}

static void who_wants_little_is_always_next(void **state)
{
    (void)state;
    both_are_here(MS);
    for (int turn = 0; turn < 100; turn++) {
        pace_wait(&pace, &a, &turns_a[0]);
        pace_wait(&pace, &b, &turns_b[0]);
        assert_ptr_equal(pace_next(&pace, MS), &turns_b[0]);
        pace_spent(&b, 1000);
        assert_ptr_equal(pace_next(&pace, MS), &turns_a[0]); /* nobody waits for nothing */
        pace_spent(&a, PACE_SHARED_NS);
    }
}

static struct pace_turn *next_round(void)
{
    pace_end(&pace);
    pace_begin(&pace);
    return pace_next(&pace, MS);
}

/* One user always has more to say than a round takes. */
static void who_wants_little_does_not_wait_for_who_is_greedy(void **state)
{
    (void)state;
    both_are_here(MS);
    pace_begin(&pace);
    for (int i = 0; i < TURNS; i++)
        pace_wait(&pace, &a, &turns_a[i]);
    pace_wait(&pace, &b, &turns_b[0]);
    assert_non_null(pace_next(&pace, MS));
    assert_non_null(pace_next(&pace, MS)); /* nobody knows yet */
    assert_true(is_of(next_round(), turns_a));
    assert_true(is_of(pace_next(&pace, MS), turns_a));
    pace_spent(&a, MS);
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < TURNS; j++)
            pace_wait(&pace, &a, &turns_a[j]);
        pace_wait(&pace, &b, &turns_b[0]);
        pace_wait(&pace, &b, &turns_b[1]);
        assert_ptr_equal(next_round(), &turns_b[0]);
        assert_ptr_equal(pace_next(&pace, MS), &turns_b[1]);
        assert_null(pace_next(&pace, MS)); /* what b said is written first */
        for (int j = 0; j < TURNS / 2; j++)
            assert_true(is_of(j ? pace_next(&pace, MS) : next_round(), turns_a));
        pace_spent(&a, MS);
    }
    while (next_round())
        continue;
    pace_end(&pace);
    assert_false(a.is_greedy);
}

/* A day of silence does not entitle to a day of the broker. */
static void nothing_is_saved_up(void **state)
{
    (void)state;
    both_are_here(MS);
    for (int turn = 0; turn < 1000; turn++) {
        pace_wait(&pace, &a, &turns_a[0]);
        assert_ptr_equal(pace_next(&pace, MS), &turns_a[0]);
        pace_spent(&a, MS);
    }
    uint64_t had_b = 0;
    for (bool is_a = false; !is_a;) {
        pace_wait(&pace, &a, &turns_a[0]);
        pace_wait(&pace, &b, &turns_b[0]);
        is_a = is_of(pace_next(&pace, MS), turns_a);
        pace_spent(&b, is_a ? 0 : 1000);
        had_b += is_a ? 0 : 1000;
    }
    assert_in_range(had_b, 1000, MS + PACE_SHARED_NS + 1000);
}

static void not_all_that_was_had_is_held_against_one(void **state)
{
    (void)state;
    both_are_here(MS);
    pace_wait(&pace, &b, &turns_b[0]);
    pace_spent(&a, UINT64_C(1000) * PACE_AHEAD_NS);
    pace_wait(&pace, &a, &turns_a[0]);
    assert_ptr_equal(pace_next(&pace, MS), &turns_b[0]);
    assert_int_equal(a.had_ns, PACE_AHEAD_NS);
}

static void writing_is_paid_by_whose_messages_they_are(void **state)
{
    (void)state;
    both_are_here(MS);
    pace_routed(&a, 1000, 2);
    pace_routed(&a, 500, 0);
    pace_answered(&a, 2500);
    pace_answered(&b, 1000);
    pace_wrote(&pace, 40000);
    assert_int_equal(a.had_ns, 30000);
    assert_int_equal(b.had_ns, 10000);
    pace_wrote(&pace, 40000); /* nobody's */
    assert_int_equal(a.had_ns, 30000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(one_user_is_alone),
        kit_test(who_falls_silent_wants_nothing),
        kit_test(who_waits_is_not_forgotten),
        kit_test(connections_of_a_user_stand_behind_each_other),
        kit_test(in_the_long_run_each_has_as_much_time),
        kit_test(who_wants_little_is_always_next),
        kit_test(who_wants_little_does_not_wait_for_who_is_greedy),
        kit_test(nothing_is_saved_up),
        kit_test(not_all_that_was_had_is_held_against_one),
        kit_test(writing_is_paid_by_whose_messages_they_are),
    };
    return kit_run("pace", tests, KIT_LENGTH(tests));
}
