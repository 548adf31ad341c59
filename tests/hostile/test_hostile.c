/*
 * Each strategy for half a second: a victim of another uid loses nothing without a word and is not cut off, and the
 * broker has everything back when the attacker has gone. How long the victim has to wait long_hostile.c measures.
 */
#include "tests/hostile/contest.h"
#include "tests/kit/runner.h"

/* Lists of receivers that may be asked for again are kept, 64 MiB of them. */
enum { MS = 1000 * 1000, OTHER = 4711, SLACK_MIB = 72, GIVEN_BACK_MS = 5000 };

/* It lets a second or two pass before it gives memory back. */
static void expect_memory_back(struct contest *contest, int64_t rss)
{
    int64_t end_ns = kit_now_ns() + (int64_t)GIVEN_BACK_MS * MS;

    while (rss >> 20 > SLACK_MIB && kit_now_ns() < end_ns) {
        kit_nap();
        rss = broker_proc_rss(contest->broker) - contest->rss;
    }
    if (rss >> 20 > SLACK_MIB)
        fail_msg("the broker has kept %lld MiB", (long long)rss >> 20);
}

static void attack(const char *name, const struct contest_roles *roles)
{
    static const struct contest_times times = { 350 * MS, 150 * MS };
    const struct strategy *strategy = strategy_find(name);
    static struct contest_run run;
    struct contest_recovery recovery;
    struct contest contest;

    assert_non_null(strategy);
    kit_deadline(60); /* more than a recovery may take: so that only this strategy fails */
    contest_begin(&contest, roles);
    contest_attack(&contest, strategy, &times, &run);
    contest_expect_unharmed(&run);
    recovery = contest_await_recovery(&contest);
    assert_false(recovery.silent);
    expect_memory_back(&contest, recovery.rss);
    contest_end(&contest);
    print_message("  %s: %llu connections, %llu cut, %llu MB sent, %llu trips, p99 %llu µs\n", name,
                  (unsigned long long)run.n_opened, (unsigned long long)run.n_cut,
                  (unsigned long long)run.bytes_out / 1000000,
                  (unsigned long long)run.victim.trips.n,
                  (unsigned long long)histogram_percentile(&run.victim.trips, 0.99) / 1000);
}

static const struct contest_roles own_against_root = { .broker = OTHER,
                                                       .attacker = OTHER,
                                                       .victim = 0 };
static const struct contest_roles root_against_own = { .broker = OTHER,
                                                       .attacker = 0,
                                                       .victim = OTHER };

#define STRATEGY(function, name)         \
    static void function(void **state)   \
    {                                    \
        (void)state;                     \
        attack(name, &own_against_root); \
    }

STRATEGY(flood, "flood")
STRATEGY(never_read, "never-read")
STRATEGY(half_frames, "half-frames")
STRATEGY(subscription_bomb, "subscription-bomb")
STRATEGY(wildcard_bomb, "wildcard-bomb")
STRATEGY(request_flood, "request-flood")
STRATEGY(reply_flood, "reply-flood")
STRATEGY(error_flood, "error-flood")
STRATEGY(churn, "churn")
STRATEGY(huge_frames, "huge-frames")
STRATEGY(slow_hello, "slow-hello")
STRATEGY(stop_continue, "stop-continue")
STRATEGY(pile, "pile")
STRATEGY(collide, "collide")

static void flood_by_root(void **state)
{
    (void)state;
    attack("flood", &root_against_own);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(flood),         kit_test(never_read),
        kit_test(half_frames),   kit_test(subscription_bomb),
        kit_test(wildcard_bomb), kit_test(request_flood),
        kit_test(reply_flood),   kit_test(error_flood),
        kit_test(churn),         kit_test(huge_frames),
        kit_test(slow_hello),    kit_test(stop_continue),
        kit_test(pile),          kit_test(collide),
        kit_test(flood_by_root),
    };
    return kit_run("hostile", tests, KIT_LENGTH(tests));
}
