/* The loop, each test with both backends: readiness, turns, hang-ups, timers
 * and the hook. What callbacks may do to the set is in test_loop_changes.c.
 */
#include "broker/loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/loop_end.h"

/* -- readiness ----------------------------------------------------------- */

static void reads_and_writes(void)
{
    struct end end;

    open_end(&end, LOOP_IN, count);
    run();
    assert_int_equal(end.calls, 0);
    poke(&end);
    run();
    run(); /* level-triggered: nobody has read it */
    assert_int_equal(end.calls, 2);
    assert_int_equal(end.seen, LOOP_IN);
    drain(&end);
    run();
    assert_int_equal(end.calls, 2);
    assert_int_equal(loop_mod(loop, &end.entry, LOOP_IN | LOOP_OUT), 0);
    run();
    assert_int_equal(end.seen, LOOP_IN | LOOP_OUT);
    close_end(&end);
}

static void a_hang_up_is_reported_unasked(void)
{
    struct end end;

    open_end(&end, LOOP_OUT, count);
    close(end.peer);
    end.peer = -1;
    run();
    assert_true(end.seen & LOOP_HUP);
    close_end(&end);
}

/* Out of the poll set, a peer that hung up does not wake the loop; back in it,
 * it does. */
static void none_does_not_spin(void)
{
    struct end end;
    uint64_t round;
    int64_t start;

    open_end(&end, LOOP_IN, count);
    assert_int_equal(loop_mod(loop, &end.entry, LOOP_NONE), 0);
    close(end.peer);
    end.peer = -1;
    round = loop_round(loop);
    start = kit_now_ns();
    assert_int_equal(loop_run_once(loop, 30), 0);
    assert_true(kit_now_ns() - start >= 25 * 1000000);
    assert_int_equal(loop_round(loop), round + 1);
    assert_int_equal(end.calls, 0);
    assert_int_equal(loop_mod(loop, &end.entry, LOOP_IN), 0);
    run();
    assert_int_equal(end.calls, 1);
    close_end(&end);
}

static void registered_with_none(void)
{
    struct end end;

    open_end(&end, LOOP_NONE, count);
    close(end.peer);
    end.peer = -1;
    run();
    assert_int_equal(end.calls, 0);
    close_end(&end);
}

/* -- turns --------------------------------------------------------------- */

/* Three times as many are ready as a round serves, and stay so: after n rounds
 * nobody has been served twice before everybody once. */
static void everybody_has_a_turn(void)
{
    enum { ALL = 3 * LOOP_MAX_READY };
    static struct end ends[ALL];
    int total = 0;

    for (int i = 0; i < ALL; i++) {
        open_end(&ends[i], LOOP_IN, count);
        poke(&ends[i]);
    }
    run();
    for (int i = 0; i < ALL; i++)
        total += ends[i].calls;
    assert_int_equal(total, LOOP_MAX_READY);
    for (int i = 0; i < 5; i++)
        run();
    for (int i = 0; i < ALL; i++) {
        assert_int_equal(ends[i].calls, 2);
        close_end(&ends[i]);
    }
}

/* -- timers, hook, stop -------------------------------------------------- */

static char order[16];
static size_t n_order;

static void say(char c)
{
    assert_true(n_order + 1 < sizeof(order));
    order[n_order++] = c;
    order[n_order] = '\0';
}

static void say_fd(struct loop_fd *entry, unsigned events)
{
    (void)events;
    drain(end_of(entry));
    say('f');
}

static void say_timer(struct timer *timer, uint64_t now_ns)
{
    (void)timer;
    assert_int_equal(now_ns, loop_now_ns(loop));
    say('t');
}

static void say_hook(void *userdata)
{
    assert_ptr_equal(userdata, order);
    say('h');
}

static void order_of_a_round(void)
{
    struct end end;

    n_order = 0;
    open_end(&end, LOOP_IN, say_fd);
    end.timer.fn = say_timer;
    assert_int_equal(loop_arm(loop, &end.timer, loop_now_ns(loop)), 0);
    loop_set_hook(loop, say_hook, order);
    poke(&end);
    run();
    run();
    assert_string_equal(order, "fthh");
    loop_set_hook(loop, NULL, NULL);
    close_end(&end);
}

static void a_timer_wakes_the_loop(void)
{
    struct timer timer = { .fn = say_timer };
    int64_t start = kit_now_ns();

    n_order = 0;
    run();
    assert_int_equal(loop_reserve_timers(loop, 10), 0);
    assert_int_equal(loop_arm(loop, &timer, loop_now_ns(loop) + 20 * 1000000), 0);
    assert_int_equal(loop_run_once(loop, -1), 0);
    assert_string_equal(order, "t"); /* not early, so not in two rounds either */
    assert_true(kit_now_ns() - start >= 20 * 1000000);
    assert_int_equal(loop_arm(loop, &timer, loop_now_ns(loop) + UINT64_C(3600000000000)), 0);
    loop_disarm(loop, &timer);
    run();
    assert_string_equal(order, "t");
}

static void again_does_not_sleep(void)
{
    int64_t start = kit_now_ns();

    loop_again(loop);
    assert_int_equal(loop_run_once(loop, 10000), 0);
    assert_true(kit_now_ns() - start < 1000000000);
    start = kit_now_ns();
    assert_int_equal(loop_run_once(loop, 20), 0); /* only once */
    assert_true(kit_now_ns() - start >= 15 * 1000000);
}

static int n_hooks;

static void stop_in_third_round(void *userdata)
{
    (void)userdata;
    loop_again(loop);
    if (++n_hooks == 3)
        loop_stop(loop);
}

static void stop_ends_the_run(void)
{
    uint64_t round = loop_round(loop);

    n_hooks = 0;
    loop_set_hook(loop, stop_in_third_round, NULL);
    loop_again(loop);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(n_hooks, 3);
    assert_int_equal(loop_round(loop), round + 3);
    loop_stop(loop); /* ahead of the run: it is not forgotten */
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(loop_round(loop), round + 3);
}

/* -- all ----------------------------------------------------------------- */

BOTH(reads_and_writes)
BOTH(a_hang_up_is_reported_unasked)
BOTH(none_does_not_spin)
BOTH(registered_with_none)
BOTH(everybody_has_a_turn)
BOTH(order_of_a_round)
BOTH(a_timer_wakes_the_loop)
BOTH(again_does_not_sleep)
BOTH(stop_ends_the_run)

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(loop_new(&loop, "select"), -EINVAL);
    assert_int_equal(loop_new(&loop, ""), -EINVAL);
    assert_int_equal(loop_new(&loop, "auto"), 0);
    assert_string_equal(loop_backend_name(loop), "epoll");
    loop = loop_free(loop);
    assert_null(loop_free(NULL));
}

/* A plain file is something epoll cannot wait for: said, not crashed. */
static void test_failed_add(void **state)
{
    struct loop_fd entry;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(loop_new(&loop, "epoll"), 0);
    assert_int_equal(loop_add(loop, &entry, fd, LOOP_IN, count), -EPERM);
    loop_del(loop, &entry); /* not registered: nothing happens */
    loop = loop_free(loop);
    close(fd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(test_reads_and_writes),
        kit_test(test_a_hang_up_is_reported_unasked),
        kit_test(test_none_does_not_spin),
        kit_test(test_registered_with_none),
        kit_test(test_everybody_has_a_turn),
        kit_test(test_order_of_a_round),
        kit_test(test_a_timer_wakes_the_loop),
        kit_test(test_again_does_not_sleep),
        kit_test(test_stop_ends_the_run),
        kit_test(test_names),
        kit_test(test_failed_add),
    };
    struct rlimit limit;

    /* everybody_has_a_turn opens 768 descriptors; the soft limit may be 1,024. */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    return kit_run("loop", tests, KIT_LENGTH(tests));
}
