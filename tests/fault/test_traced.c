/* Errnos in the kernel's own words, by strace(1): some here, each at its first 20 places in long_traced.c. */
#include "tests/fault/sweep.h"
#include "tests/kit/runner.h"

static void some_errnos_about_a_peer(void **state)
{
    (void)state;
    sweep_run(sweep_traced, 60);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(some_errnos_about_a_peer),
    };
    return kit_run("traced", tests, KIT_LENGTH(tests));
}
