/* Allocations of the broker fail: a part of them here, all in long_memory.c. FAULTS: "Resources". */
#include "tests/fault/sweep.h"
#include "tests/kit/runner.h"

static void a_warm_broker(void **state)
{
    (void)state;
    sweep_run(sweep_memory, 5);
}

static void a_new_broker(void **state)
{
    (void)state;
    sweep_run(sweep_fresh_memory, 25);
}

/* Whose answers are packed by a library that may fail in the middle of one. */
static void what_the_broker_says_of_itself(void **state)
{
    (void)state;
    sweep_run(sweep_sys_memory, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_warm_broker),
        kit_test(a_new_broker),
        kit_test(what_the_broker_says_of_itself),
    };
    return kit_run("memory", tests, KIT_LENGTH(tests));
}
