/* All that can fail while a broker starts, and while it ends. */
#include "tests/fault/sweep.h"
#include "tests/kit/runner.h"

static void a_broker_starts(void **state)
{
    (void)state;
    sweep_run(sweep_start, 1);
}

static void a_broker_ends(void **state)
{
    (void)state;
    sweep_run(sweep_end, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_broker_starts),
        kit_test(a_broker_ends),
    };
    return kit_run("starts, all of them", tests, KIT_LENGTH(tests));
}
