/* Who gets the socket when two brokers start at once; long_start_race.c does it 500 times. */
#include "tests/live/start_race.h"

static void two_at_once_end_with_one_owner(void **state)
{
    (void)state;
    run_start_races(25);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { kit_test(two_at_once_end_with_one_owner) };

    return kit_run("start_race", tests, KIT_LENGTH(tests));
}
