/* Every named wire case at the client library, frames split at every byte, some mutations. FAULTS: "Bad input". */
#include "tests/live/wire_client.h"

static void every_named_case(void **state)
{
    (void)state;
    kit_deadline(120);
    wire_client_play(wire_cases_open(WIRE_CASES_CLIENT, WIRE_TWO_STATES), WIRE_TWO_STATES);
}

static void some_byte_values_at_every_offset(void **state)
{
    (void)state;
    kit_deadline(120);
    wire_client_play(wire_cases_make("client", "mutations 53 7"), WIRE_SOME);
}

static void frames_may_be_split_anywhere(void **state)
{
    (void)state;
    kit_deadline(120);
    wire_client_play_split(wire_cases_make("client", "whole"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_named_case),
        kit_test(some_byte_values_at_every_offset),
        kit_test(frames_may_be_split_anywhere),
    };
    return kit_run("wire cases at the client library", tests, KIT_LENGTH(tests));
}
