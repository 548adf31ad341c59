/* <brokerclient.h> lists the statuses of proto/status.h: the same names, the
 * same numbers, none more and none less.
 */
#include "client/include/brokerclient.h"

#include "proto/status.h"
#include "tests/unit/unit.h"

/* The one name without the E. */
#define BROKER_E_OK BROKER_OK

/* A status that only the public header has makes -Wswitch speak up here, a
 * number that it has twice is an error in C. */
static const char *public_name(enum broker_status status)
{
    switch (status) {
#define CASE(number, name, exit_code, sentence) \
    case BROKER_E_##name:                       \
        return #name;
        STATUS_MAP(CASE)
#undef CASE
    }
    return NULL;
}

static void test_same_numbers(void **state)
{
    (void)state;
#define CHECK(number, name, exit_code, sentence)      \
    assert_int_equal(BROKER_E_##name, STATUS_##name); \
    assert_string_equal(public_name(number), #name);
    STATUS_MAP(CHECK)
#undef CHECK
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_numbers),
    };

    return cmocka_run_group_tests_name("status_public", tests, NULL, NULL);
}
