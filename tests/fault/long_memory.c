/* Every allocation of the broker fails. FAULTS: "Resources". */
#include "tests/fault/sweep.h"
#include "tests/kit/runner.h"

static void a_warm_broker(void **state)
{
    (void)state;
    sweep_run(sweep_memory, 1);
}

static void a_new_broker(void **state)
{
    (void)state;
    sweep_run(sweep_fresh_memory, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_warm_broker),
        kit_test(a_new_broker),
    };
    return kit_run("memory, all of it", tests, KIT_LENGTH(tests));
}
