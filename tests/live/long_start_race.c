/* Who gets the socket when two brokers start at once, 500 times. */
#include "tests/live/start_race.h"

static void two_at_once_end_with_one_owner_500_times(void **state)
{
    (void)state;
    kit_deadline(300);
    run_start_races(500);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { kit_test(two_at_once_end_with_one_owner_500_times) };

    return kit_run("start_race", tests, KIT_LENGTH(tests));
}
