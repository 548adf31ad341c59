/*
 * Every named wire case at a broker in every state, and every byte value at every offset of every frame.
 * FAULTS: "Bad input".
 */
#include "tests/live/wire_broker.h"

static void every_named_case_in_every_state(void **state)
{
    (void)state;
    kit_deadline(290);
    wire_broker_play(wire_cases_open(WIRE_CASES_BROKER, WIRE_ALL_STATES), WIRE_ALL_STATES);
}

static void every_byte_value_at_every_offset(void **state)
{
    (void)state;
    kit_deadline(290);
    wire_broker_play(wire_cases_make("broker", "mutations 1 0"), WIRE_SOME);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_named_case_in_every_state),
        kit_test(every_byte_value_at_every_offset),
    };
    return kit_run("wire cases at a broker, all of them", tests, KIT_LENGTH(tests));
}
