/* Every byte value at every offset of every frame that a client sends. FAULTS: "Bad input". */
#include "tests/live/byte_faults.h"

static void every_byte_value_at_every_offset(void **state)
{
    (void)state;
    kit_deadline(300);
    try_byte_values(1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_byte_value_at_every_offset),
    };
    return kit_run("bad bytes, all of them", tests, KIT_LENGTH(tests));
}
