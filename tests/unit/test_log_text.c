/* One line of the log: prefixes, and what escaping leaves of hostile text. */
#include "broker/watch/log_text.h"

#include <limits.h>

#include "broker/watch/log.h"
#include "tests/unit/unit.h"

static void expect_line(const char *message, size_t len, const char *expected)
{
    char line[LOG_TEXT_LINE];
    char *copy = exact_copy(message, len);
    size_t n = log_text_line(line, false, NULL, LOG_LEVEL_INFO, copy, len, false);

    assert_int_equal(n, strlen(expected));
    assert_memory_equal(line, expected, n);
    exact_free(copy, len);
}

static void test_escaping(void **state)
{
    (void)state;
    expect_line(LITERAL(""), "\n");
    expect_line(LITERAL("plain ~ text"), "plain ~ text\n");
    expect_line(LITERAL("a\nerror: forged"), "a\\x0aerror: forged\n");
    expect_line(LITERAL("\0\t\r\x1b[2J\x7f"), "\\x00\\x09\\x0d\\x1b[2J\\x7f\n");
    expect_line(LITERAL("\xc3\xbc \xe6\x97\xa5 \xf0\x9f\x90\xa7"),
                "\xc3\xbc \xe6\x97\xa5 \xf0\x9f\x90\xa7\n");
    expect_line(LITERAL("\xc2\x9b[2J"), "\\xc2\\x9b[2J\n"); /* C1: a terminal's CSI */
    expect_line(LITERAL("\xff\xc3 \xed\xa0\x80"), "\\xff\\xc3 \\xed\\xa0\\x80\n");
    expect_line(LITERAL("\xf0\x9f\x90"), "\\xf0\\x9f\\x90\n"); /* cut off */
    expect_line(LITERAL("\\x41"), "\\x5cx41\n");
}

static void test_prefixes(void **state)
{
    static const struct {
        enum log_level level;
        bool journal;
        const char *expected;
    } rows[] = {
        { LOG_LEVEL_ERR, true, "<3>x\n" },
        { LOG_LEVEL_WARN, true, "<4>x\n" },
        { LOG_LEVEL_INFO, true, "<6>x\n" },
        { LOG_LEVEL_DEBUG, true, "<7>x\n" },
        { LOG_LEVEL_ERR, false, "brokerd: error: x\n" },
        { LOG_LEVEL_WARN, false, "brokerd: warning: x\n" },
        { LOG_LEVEL_INFO, false, "brokerd: x\n" },
        { LOG_LEVEL_DEBUG, false, "brokerd: debug: x\n" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char line[LOG_TEXT_LINE];
        int level = (int)rows[i].level;
        size_t n = log_text_line(line, rows[i].journal, "brokerd", level, "x", 1, false);

        assert_int_equal(n, strlen(rows[i].expected));
        assert_memory_equal(line, rows[i].expected, n);
    }
}

static void test_long_text(void **state)
{
    char message[LOG_TEXT_LINE];
    char line[LOG_TEXT_LINE];

    (void)state;
    memset(message, '\x01', sizeof(message));
    for (size_t len = 500; len < sizeof(message); len++) {
        size_t n = log_text_line(line, false, "brokerd", LOG_LEVEL_WARN, message, len, false);

        assert_true(n <= LOG_TEXT_LINE && n <= PIPE_BUF);
        assert_int_equal(line[n - 1], '\n');
        assert_int_equal(memcmp(line + n - 4, "...\n", 4) == 0, 18 + 4 * len > LOG_TEXT_LINE - 4);
    }
}

static void test_cut_text(void **state)
{
    char line[LOG_TEXT_LINE];

    (void)state;
    /* The character at the cut goes whole; what only looks like one is shown. */
    assert_int_equal(log_text_line(line, false, NULL, 6, "a\xe6\x97", 3, true), 5);
    assert_memory_equal(line, "a...\n", 5);
    assert_int_equal(log_text_line(line, false, NULL, 6, "\xe6\x97\xa5", 3, true), 7);
    assert_int_equal(log_text_line(line, false, NULL, 6, "\x97", 1, true), 8);
    assert_int_equal(log_text_line(line, false, NULL, 6, "", 0, true), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_cut_text),
    };

    return cmocka_run_group_tests_name("log_text", tests, NULL, NULL);
}
