/*
 * Every named wire case at the client library in every state, and every byte value at every offset of every frame.
 * FAULTS: "Bad input".
 */
#include "tests/live/wire_client.h"

static void every_named_case_in_every_state(void **state)
{
    (void)state;
    kit_deadline(890);
    wire_client_play(wire_cases_open(WIRE_CASES_CLIENT, WIRE_ALL_STATES), WIRE_ALL_STATES);
}

static void every_byte_value_at_every_offset(void **state)
{
    (void)state;
    kit_deadline(890);
    wire_client_play(wire_cases_make("client", "mutations 1 0"), WIRE_SOME);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_named_case_in_every_state),
        kit_test(every_byte_value_at_every_offset),
    };
    return kit_run("wire cases at the client library, all of them", tests, KIT_LENGTH(tests));
}
