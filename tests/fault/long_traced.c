/* Each errno of each call about a peer at its first 20 places, in the kernel's own words, by strace(1). */
#include "tests/fault/sweep.h"
#include "tests/kit/runner.h"

static void every_errno_about_a_peer(void **state)
{
    (void)state;
    sweep_run(sweep_traced, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_errno_about_a_peer),
    };
    return kit_run("traced, all of them", tests, KIT_LENGTH(tests));
}
