/* Allocations and system calls of the client library fail: at a part of the places here, at all in long_client.c. */
#include "tests/fault/client_run.h"
#include "tests/kit/runner.h"

static void allocations_fail(void **state)
{
    (void)state;
    client_run("memory", 2);
}

static void calls_fail(void **state)
{
    (void)state;
    client_run("calls", 31);
}

static void interruptions_and_short_counts_are_not_noticed(void **state)
{
    (void)state;
    client_run("unseen", 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(allocations_fail),
        kit_test(calls_fail),
        kit_test(interruptions_and_short_counts_are_not_noticed),
    };
    return kit_run("client", tests, KIT_LENGTH(tests));
}
