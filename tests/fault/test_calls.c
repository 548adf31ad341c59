/* System calls of the broker fail: at a part of the places here, at all in long_calls.c. FAULTS: "Resources", "EINTR". */
#include "tests/fault/sweep.h"
#include "tests/kit/runner.h"

static void every_errno_about_a_peer(void **state)
{
    (void)state;
    sweep_run(sweep_pairs, 20);
}

static void every_call_in_turn(void **state)
{
    (void)state;
    sweep_run(sweep_every_call, 7);
}

static void interruptions_and_short_counts_are_not_noticed(void **state)
{
    (void)state;
    sweep_run(sweep_unseen, 1);
}

static void what_lasts_does_not_spin(void **state)
{
    (void)state;
    sweep_run(sweep_lasting, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_errno_about_a_peer),
        kit_test(every_call_in_turn),
        kit_test(interruptions_and_short_counts_are_not_noticed),
        kit_test(what_lasts_does_not_spin),
    };
    return kit_run("calls", tests, KIT_LENGTH(tests));
}
