/* What fails while a broker starts, and while it ends: a part here, all in long_starts.c. */
#include "tests/fault/sweep.h"
#include "tests/kit/runner.h"

static void a_broker_starts(void **state)
{
    (void)state;
    sweep_run(sweep_start, 11);
}

static void a_broker_ends(void **state)
{
    (void)state;
    sweep_run(sweep_end, 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_broker_starts),
        kit_test(a_broker_ends),
    };
    return kit_run("starts", tests, KIT_LENGTH(tests));
}
