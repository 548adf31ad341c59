/* The table of statuses: its numbers never change, so they stand here a second
 * time. That the public header has the same ones is test_status_public.c's.
 */
#include "proto/status.h"

#include <ctype.h>

#include "tests/unit/unit.h"

struct row {
    uint32_t number;
    const char *name;
    int exit_code;
    const char *sentence;
};

static const struct row rows[] = {
#define ROW(number, name, exit_code, sentence) { number, #name, exit_code, sentence },
    STATUS_MAP(ROW)
#undef ROW
};

static void test_numbers_and_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(rows[j].number < rows[i].number);
            assert_string_not_equal(rows[j].name, rows[i].name);
            assert_string_not_equal(rows[j].sentence, rows[i].sentence);
        }
    }
}

static void test_lookups(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(status_name(rows[i].number), rows[i].name);
        assert_string_equal(status_sentence(rows[i].number), rows[i].sentence);
        assert_int_equal(status_exit_code(rows[i].number), rows[i].exit_code);
    }
}

static void test_unknown(void **state)
{
    static const uint32_t numbers[] = { 9, 15, 31, 255, 4711, UINT32_MAX };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        assert_string_equal(status_name(numbers[i]), "UNKNOWN");
        assert_string_equal(status_sentence(numbers[i]), "unknown status");
        assert_int_equal(status_exit_code(numbers[i]), 1);
    }
}

/* Names are C identifiers; a sentence begins small and ends without a stop,
 * since it is put behind "error: " and before ": the rule". */
static void test_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *sentence = rows[i].sentence;
        size_t len = strlen(sentence);

        assert_int_equal(strspn(rows[i].name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(rows[i].name));
        assert_in_range(len, 1, 79);
        assert_false(isupper((unsigned char)sentence[0]) && islower((unsigned char)sentence[1]));
        assert_int_not_equal(sentence[len - 1], '.');
    }
}

/* Exit codes of the command line: 0 ok, 1 failure, 2 a negative answer, 3 denied,
 * 4 timeout, 64 usage, 65 bad data, 69 not reachable. */
static void test_exit_codes(void **state)
{
    static const struct {
        uint32_t status;
        int exit_code;
    } table[] = {
        { STATUS_OK, 0 },         { STATUS_LEFT, 0 },         { STATUS_NO_SERVER, 2 },
        { STATUS_NO_CALL, 2 },    { STATUS_DENIED, 3 },       { STATUS_UNTRUSTED_BROKER, 3 },
        { STATUS_RESERVED, 3 },   { STATUS_TIMEOUT, 4 },      { STATUS_HELLO_TIMEOUT, 4 },
        { STATUS_INVALID, 64 },   { STATUS_BAD_ADDRESS, 64 }, { STATUS_BAD_SUBJECT, 65 },
        { STATUS_BAD_FRAME, 65 }, { STATUS_UNREACHABLE, 69 }, { STATUS_NOT_CONNECTED, 69 },
        { STATUS_BUSY, 1 },       { STATUS_SERVER_GONE, 1 },  { STATUS_FAILED, 1 },
    };
    static const int allowed[] = { 0, 1, 2, 3, 4, 64, 65, 69 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        assert_int_equal(status_exit_code(table[i].status), table[i].exit_code);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t at = 0;

        while (at < COUNT_OF(allowed) && allowed[at] != rows[i].exit_code)
            at++;
        assert_true(at < COUNT_OF(allowed));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_names_are_unique),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_exit_codes),
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
