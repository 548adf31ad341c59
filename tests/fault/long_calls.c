/* Each system call of the broker about a peer fails with each errno of its man page. FAULTS: "Resources". */
#include "tests/fault/sweep.h"
#include "tests/kit/runner.h"

static void every_errno_about_a_peer(void **state)
{
    (void)state;
    sweep_run(sweep_pairs, 1);
}

static void every_call_in_turn(void **state)
{
    (void)state;
    sweep_run(sweep_every_call, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_errno_about_a_peer),
        kit_test(every_call_in_turn),
    };
    return kit_run("calls, all of them", tests, KIT_LENGTH(tests));
}
