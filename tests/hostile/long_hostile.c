/*
 * Each strategy against a victim of another uid, in turn with a process that uses as much processor time elsewhere.
 *
 * With arguments: only the strategies named, those beyond the twelve too; $HOSTILE_ROUNDS and $HOSTILE_MS say how
 * many rounds there are and how long the victim works in each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/hostile/table.h"
#include "tests/kit/runner.h"

enum { ROUNDS = 3, ROUND_MS = 1200, BULK_PART = 4, N_SELDOM = 1, OTHER = 4711 };

static char **chosen;

static int number_of(const char *name, int otherwise)
{
    const char *value = getenv(name);

    return value && *value ? atoi(value) : otherwise;
}

struct comparison {
    struct contest_run attacked;
    struct contest_run burned;
};

/* Whether the broker is good for another one. */
static bool run_round(struct contest *contest, const struct strategy *strategy,
                      struct comparison *sum)
{
    const int64_t all_ns = (int64_t)number_of("HOSTILE_MS", ROUND_MS) * 1000000;
    struct contest_times times = { all_ns - all_ns / BULK_PART, all_ns / BULK_PART, N_SELDOM };
    static struct contest_run attacked, burned;

    contest_attack(contest, strategy, &times, &attacked);
    attacked.recovery = contest_await_recovery(contest);
    contest_add(&sum->attacked, &attacked);
    if (attacked.recovery.silent)
        return false;
    times.n_seldom = 0;
    contest_burn(contest, &attacked, &times, &burned);
    contest_add(&sum->burned, &burned);
    return true;
}

static bool compare(const struct strategy *strategy, const struct contest_roles *roles, int rounds)
{
    static struct comparison sum;
    struct contest contest;

    sum = (struct comparison){ 0 };
    contest_begin(&contest, roles);
    while (rounds-- > 0 && run_round(&contest, strategy, &sum))
        continue;
    bool good = table_line(strategy->name, &sum.attacked, &sum.burned);
    contest_end(&contest);
    return good;
}

static void compare_all(const struct contest_roles *roles, int rounds)
{
    int n_bad = 0;

    kit_deadline(500);
    table_head();
    for (int i = 0; !*chosen && i < N_STRATEGIES; i++)
        n_bad += !compare(strategies[i], roles, rounds);
    for (char **name = chosen; *name; name++) {
        const struct strategy *strategy = strategy_find(*name);
        if (!strategy)
            fail_msg("there is no strategy %s", *name);
        n_bad += !compare(strategy, roles, rounds);
    }
    if (n_bad > 0)
        fail_msg("%d strategies did more than as much load elsewhere", n_bad);
}

static void by_the_brokers_own_uid_against_root(void **state)
{
    (void)state;
    compare_all(&(struct contest_roles){ .broker = OTHER, .attacker = OTHER, .victim = 0 },
                number_of("HOSTILE_ROUNDS", ROUNDS));
}

static void by_root_against_the_brokers_own_uid(void **state)
{
    (void)state;
    compare_all(&(struct contest_roles){ .broker = OTHER, .attacker = 0, .victim = OTHER }, 1);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        kit_test(by_the_brokers_own_uid_against_root),
        kit_test(by_root_against_the_brokers_own_uid),
    };

    (void)argc;
    chosen = argv + 1;
    return kit_run("hostile", tests, *chosen ? 1 : KIT_LENGTH(tests));
}
