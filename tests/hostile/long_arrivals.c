/*
 * A broker that may have 64 descriptors, and 10,000 clients who come at once, or in two seconds: each is told or served within 100 ms, a
 * pair that is connected already hardly notices, and when no more come the broker rests. FAULTS: "Resources".
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tests/hostile/arrivals.h"
#include "tests/hostile/contest.h"
#include "tests/kit/runner.h"

enum {
    MS = 1000 * 1000,
    OTHER = 4711,
    MAX_WAIT_MS = 100,
    ROUNDS = 3,
    CALM_MS = 1000,
    CALM_PERCENT = 5
};

static struct arrivals *arrivals; /* shared */

static double ms(uint64_t ns)
{
    return (double)ns / MS;
}

static double p99_us(const struct contest_run *run)
{
    return (double)histogram_percentile(&run->victim.trips, 0.99) / 1000;
}

/* They are all still there, and knock no more. */
static void expect_calm(struct contest *contest)
{
    int64_t cpu_ns = broker_proc_cpu_ns(contest->broker), end_ns = kit_now_ns() + CALM_MS * MS;

    while (kit_now_ns() < end_ns)
        kit_nap();
    cpu_ns = broker_proc_cpu_ns(contest->broker) - cpu_ns;
    print_message("  afterwards: %lld %% of a processor\n",
                  (long long)cpu_ns * 100 / (CALM_MS * MS));
    assert_in_range(cpu_ns, 0, CALM_MS * MS / 100 * CALM_PERCENT);
}

static void expect_all_told(void)
{
    print_message(
        "  %llu served, %llu refused, %llu dropped; all came in %.0f ms; a word after %.1f ms "
        "(median), %.1f ms (99 %%), %.1f ms (all)\n",
        (unsigned long long)arrivals->n_served, (unsigned long long)arrivals->n_refused,
        (unsigned long long)arrivals->n_dropped, ms((uint64_t)arrivals->took_ns),
        ms(histogram_percentile(&arrivals->waits, 0.5)),
        ms(histogram_percentile(&arrivals->waits, 0.99)), ms(arrivals->waits.max_ns));
    assert_int_equal(arrivals->n_served + arrivals->n_refused, N_ARRIVALS);
    assert_in_range(arrivals->n_served, 20, 64);
    assert_in_range(arrivals->waits.max_ns / MS, 0, MAX_WAIT_MS);
}

static void come_once(struct contest *contest, int64_t gap_ns, const struct contest_times *times,
                      struct contest_run *attacked, struct contest_run *burned)
{
    static struct contest_run round, burn;

    *arrivals = (struct arrivals){ .gap_ns = gap_ns };
    contest->behind_victim = expect_calm;
    contest_disturb(contest, arrivals_run, arrivals, times, &round);
    contest_expect_unharmed(&round);
    expect_all_told();
    (void)contest_await_recovery(contest);
    contest->behind_victim = NULL;
    contest_burn(contest, &round, times, &burn);
    contest_add(attacked, &round);
    contest_add(burned, &burn);
}

static void come(int64_t gap_ns, int64_t work_ns, int rounds)
{
    const struct contest_times times = { .work_ns = work_ns };
    static struct contest_run attacked, burned, quiet;
    struct contest contest;

    kit_deadline(120);
    attacked = burned = (struct contest_run){ 0 };
    arrivals =
        mmap(NULL, sizeof *arrivals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(arrivals, MAP_FAILED);
    contest_begin(&contest,
                  &(struct contest_roles){ .broker = OTHER, .attacker = OTHER, .max_files = 64 });
    contest_attack(&contest, NULL, &times, &quiet);
    while (rounds-- > 0)
        come_once(&contest, gap_ns, &times, &attacked, &burned);
    print_message("  p99 of a connected pair: %.0f µs; with a burner %.0f µs; alone %.0f µs\n",
                  p99_us(&attacked), p99_us(&burned), p99_us(&quiet));
    if (p99_us(&attacked) > 2 * p99_us(&burned))
        fail_msg("the p99 of a connected pair is more than twice as long");
    contest_end(&contest);
    munmap(arrivals, sizeof *arrivals);
}

static void ten_thousand_at_once(void **state)
{
    (void)state;
    come(0, 400 * MS, ROUNDS);
}

static void ten_thousand_in_two_seconds(void **state)
{
    (void)state;
    come(200 * 1000, INT64_C(2000) * MS, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(ten_thousand_at_once),
        kit_test(ten_thousand_in_two_seconds),
    };

    return kit_run("arrivals", tests, KIT_LENGTH(tests));
}
