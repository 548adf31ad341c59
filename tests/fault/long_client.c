/* Every allocation and every system call of the client library fails. */
#include "tests/fault/client_run.h"
#include "tests/kit/runner.h"

static void allocations_fail(void **state)
{
    (void)state;
    client_run("memory", 1);
}

static void calls_fail(void **state)
{
    (void)state;
    client_run("calls", 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(allocations_fail),
        kit_test(calls_fail),
    };
    return kit_run("client, all of it", tests, KIT_LENGTH(tests));
}
