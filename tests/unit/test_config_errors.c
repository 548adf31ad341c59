/* Sentences about a configuration: kept in order, bounded, and fit for a terminal. */
#include "broker/config_errors.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct config_errors errors;

static void in_order(void **state)
{
    (void)state;
    config_errors_clear(&errors);
    assert_null(config_errors_next(&errors, NULL));
    config_errors_add(&errors, "a.conf", 3, "%s", "wrong");
    config_errors_add(&errors, "b.conf", 0, "missing");
    config_errors_add(&errors, NULL, 0, "out of memory");
    const char *error = config_errors_next(&errors, NULL);
    assert_string_equal(error, "a.conf:3: wrong");
    error = config_errors_next(&errors, error);
    assert_string_equal(error, "b.conf: missing");
    error = config_errors_next(&errors, error);
    assert_string_equal(error, "out of memory");
    assert_null(config_errors_next(&errors, error));
    assert_int_equal(config_errors_total(&errors), 3);
}

static void more_than_there_is_room_for(void **state)
{
    char text[CONFIG_ERROR_LEN + 100];
    size_t n = 0;
    (void)state;
    config_errors_clear(&errors);
    for (int i = 0; i < 2 * CONFIG_ERRORS_MAX; i++)
        config_errors_add(&errors, "f", 1, "%d", i);
    assert_int_equal(errors.n, CONFIG_ERRORS_MAX);
    assert_int_equal(config_errors_total(&errors), 2 * CONFIG_ERRORS_MAX);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    config_errors_clear(&errors);
    for (int i = 0; i < CONFIG_ERRORS_MAX; i++)
        config_errors_add(&errors, "f", 1, "%s", text);
    for (const char *error = NULL; (error = config_errors_next(&errors, error)); n++)
        assert_int_equal(strlen(error), CONFIG_ERROR_LEN - 1);
    assert_int_equal(n, errors.n);
    assert_in_range(n, 16, CONFIG_ERRORS_MAX);
    assert_int_equal(config_errors_total(&errors), CONFIG_ERRORS_MAX);
}

static void long_names(void **state)
{
    char path[5000];
    (void)state;
    memset(path, 'p', sizeof path);
    strcpy(path + sizeof path - 8, "/x.conf");
    config_errors_clear(&errors);
    config_errors_add(&errors, path, 4294967295, "wrong");
    const char *error = config_errors_next(&errors, NULL);
    assert_memory_equal(error, "...p", 4);
    assert_non_null(strstr(error, "p/x.conf:4294967295: wrong"));
}

static void safe(const char *text, const char *expected)
{
    char copy[64];
    strcpy(copy, text);
    config_make_safe(copy);
    assert_string_equal(copy, expected);
}

static void nothing_that_a_terminal_obeys(void **state)
{
    (void)state;
    safe("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
         "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
    safe("\x1b[31m", "?[31m");
    safe("a\nb\tc\x7f", "a?b?c?");
    safe("\xc2\x9bx", "??x");
    safe("\xff\xc3", "??");
    safe("cut \xe2\x82", "cut ??");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(in_order),
        kit_test(more_than_there_is_room_for),
        kit_test(long_names),
        kit_test(nothing_that_a_terminal_obeys),
    };
    return kit_run("config_errors", tests, KIT_LENGTH(tests));
}
