/* The heap of timers: order, moving, and every change from inside a callback. */
#include "broker/loop/timer.h"

#include "tests/unit/unit.h"

enum { MANY = 2000 };

static struct timer_heap heap;
static struct timer *fired[MANY];
static size_t n_fired;

static void note(struct timer *timer, uint64_t now_ns)
{
    assert_true(timer->when_ns <= now_ns);
    assert_int_equal(timer->place, 0); /* disarmed before it is called */
    assert_true(n_fired < MANY);
    fired[n_fired++] = timer;
}

static int setup(void **state)
{
    (void)state;
    n_fired = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    timer_heap_deinit(&heap);
    return 0;
}

static void arm(struct timer *timer, uint64_t when_ns)
{
    assert_int_equal(timer_heap_arm(&heap, timer, when_ns), 0);
}

/* Every node is no later than its children, and knows its place. */
static void check_heap(void)
{
    for (uint32_t i = 0; i < heap.n; i++) {
        assert_int_equal(heap.slot[i]->place, i + 1);
        if (i > 0)
            assert_true(heap.slot[(i - 1) / 4]->when_ns <= heap.slot[i]->when_ns);
    }
}

static void test_empty(void **state)
{
    struct timer timer = { .fn = note };

    (void)state;
    assert_true(timer_heap_next_ns(&heap) == UINT64_MAX);
    timer_heap_fire(&heap, UINT64_MAX - 1);
    timer_heap_disarm(&heap, &timer); /* a disarmed one: nothing happens */
    timer_heap_deinit(&heap);
    timer_heap_deinit(&heap);
    assert_int_equal(n_fired, 0);
}

static void test_order(void **state)
{
    static struct timer timers[MANY];
    uint64_t seed = 1;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        timers[i] = (struct timer){ .fn = note };
        arm(&timers[i], 1 + random_below(&seed, 500));
    }
    check_heap();
    for (uint64_t now = 0; now <= 500; now += 50) {
        timer_heap_fire(&heap, now);
        assert_true(timer_heap_next_ns(&heap) > now);
    }
    assert_int_equal(n_fired, MANY);
    for (size_t i = 1; i < MANY; i++)
        assert_true(fired[i - 1]->when_ns <= fired[i]->when_ns);
}

/* Random arming, moving and disarming, beside a plain array of what is armed. */
static void test_against_a_model(void **state)
{
    static struct timer timers[200];
    uint64_t seed = 7;

    (void)state;
    memset(timers, 0, sizeof(timers));
    for (int step = 0; step < 20000; step++) {
        struct timer *timer = &timers[random_below(&seed, COUNT_OF(timers))];
        uint64_t earliest = UINT64_MAX;

        timer->fn = note;
        if (random_below(&seed, 3) == 0)
            timer_heap_disarm(&heap, timer);
        else
            arm(timer, 1 + random_below(&seed, 1000));
        for (size_t i = 0; i < COUNT_OF(timers); i++)
            if (timers[i].place && timers[i].when_ns < earliest)
                earliest = timers[i].when_ns;
        assert_true(timer_heap_next_ns(&heap) == earliest);
        if (step % 100 == 0)
            check_heap();
    }
}

static void test_moving(void **state)
{
    struct timer a = { .fn = note }, b = { .fn = note };

    (void)state;
    arm(&a, 10);
    arm(&b, 20);
    arm(&a, 30); /* later */
    assert_int_equal(timer_heap_next_ns(&heap), 20);
    arm(&a, 5); /* earlier */
    timer_heap_fire(&heap, 25);
    assert_int_equal(n_fired, 2);
    assert_ptr_equal(fired[0], &a);
    assert_ptr_equal(fired[1], &b);
}

static void arm_again_at_once(struct timer *timer, uint64_t now_ns)
{
    note(timer, now_ns);
    arm(timer, 0); /* long past */
}

/* One that arms itself for "now" lets go of the loop, and of the others' turn. */
static void test_rearming_itself(void **state)
{
    struct timer eager = { .fn = arm_again_at_once }, other = { .fn = note };

    (void)state;
    arm(&eager, 1);
    arm(&other, 2);
    timer_heap_fire(&heap, 10);
    assert_int_equal(n_fired, 2);
    assert_ptr_equal(fired[1], &other);
    assert_int_equal(timer_heap_next_ns(&heap), 11);
    timer_heap_fire(&heap, 11);
    assert_int_equal(n_fired, 3);
    timer_heap_disarm(&heap, &eager);
}

static struct timer *victim;

static void disarm_victim(struct timer *timer, uint64_t now_ns)
{
    note(timer, now_ns);
    timer_heap_disarm(&heap, victim);
}

static void test_disarming_another_that_is_due(void **state)
{
    struct timer first = { .fn = disarm_victim }, second = { .fn = note }, third = { .fn = note };

    (void)state;
    victim = &second;
    arm(&first, 1);
    arm(&second, 2);
    arm(&third, 3);
    timer_heap_fire(&heap, 3);
    assert_int_equal(n_fired, 2);
    assert_ptr_equal(fired[1], &third);
    assert_int_equal(second.place, 0);
}

static void free_itself(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    n_fired++;
    memset(timer, 0xa5, sizeof(*timer));
    free(timer);
}

static void test_freeing_its_own_memory(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        struct timer *timer = calloc(1, sizeof(*timer));

        assert_non_null(timer);
        timer->fn = free_itself;
        arm(timer, 1 + i % 3);
    }
    timer_heap_fire(&heap, 3);
    assert_int_equal(n_fired, 10);
    assert_int_equal(heap.n, 0);
}

static struct timer fresh[100];

static void arm_many(struct timer *timer, uint64_t now_ns)
{
    note(timer, now_ns);
    for (size_t i = 0; i < COUNT_OF(fresh); i++) {
        fresh[i] = (struct timer){ .fn = note };
        arm(&fresh[i], now_ns - i);
    }
}

/* The heap grows, and so moves, under the feet of timer_heap_fire. */
static void test_growing_inside_a_callback(void **state)
{
    struct timer one = { .fn = arm_many }, last = { .fn = note };

    (void)state;
    arm(&one, 1000);
    arm(&last, 1001);
    timer_heap_fire(&heap, 1001);
    assert_int_equal(n_fired, 2);
    timer_heap_fire(&heap, 1002);
    assert_int_equal(n_fired, 2 + COUNT_OF(fresh));
}

static void test_reserving(void **state)
{
    static struct timer timers[300];
    struct timer **slot;

    (void)state;
    assert_int_equal(timer_heap_reserve(&heap, COUNT_OF(timers)), 0);
    slot = heap.slot;
    for (size_t i = 0; i < COUNT_OF(timers); i++) {
        timers[i] = (struct timer){ .fn = note };
        arm(&timers[i], i + 1);
    }
    assert_ptr_equal(heap.slot, slot);
    timer_heap_deinit(&heap);
    assert_int_equal(timers[5].place, 0); /* disarmed: it may be armed elsewhere */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_empty),
        TEST(test_order),
        TEST(test_against_a_model),
        TEST(test_moving),
        TEST(test_rearming_itself),
        TEST(test_disarming_another_that_is_due),
        TEST(test_freeing_its_own_memory),
        TEST(test_growing_inside_a_callback),
        TEST(test_reserving),
    };

    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
