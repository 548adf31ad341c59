/* Lines: what is a section, what a pair, and everything that is neither. */
#include "broker/config_lines.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static char heard[65536];

static void hear(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void hear(const char *format, ...)
{
    size_t len = strlen(heard);
    va_list args;
    va_start(args, format);
    vsnprintf(heard + len, sizeof heard - len, format, args);
    va_end(args);
}

static void on_section(void *userdata, const char *word, const char *id, unsigned line)
{
    (void)userdata;
    if (id)
        hear("%u[%s \"%s\"]\n", line, word, id);
    else
        hear("%u[%s]\n", line, word);
}

static void on_pair(void *userdata, const char *key, const char *value, unsigned line)
{
    (void)userdata;
    hear("%u<%s><%s>\n", line, key, value);
}

static void on_bad(void *userdata, unsigned line, const char *why)
{
    (void)userdata;
    hear("%u: %s\n", line, why);
}

static void expect_bytes(const char *text, size_t len, const char *expected)
{
    static const struct config_lines_ops ops = { on_section, on_pair, on_bad };
    char *copy = exact_copy(text, len);
    *heard = '\0';
    assert_int_equal(config_lines_parse(copy, len, &ops, NULL), 0);
    exact_free(copy, len);
    assert_string_equal(heard, expected);
}

#define EXPECT(text, expected) expect_bytes(LITERAL(text), expected)

static void pairs(void **state)
{
    (void)state;
    EXPECT("", "");
    EXPECT("a = b", "1<a><b>\n");
    EXPECT("a=b\n", "1<a><b>\n");
    EXPECT("a\t=\tb c  \nd==e=f\n", "1<a><b c>\n2<d><=e=f>\n");
    EXPECT("a =\n", "1<a><>\n");
    EXPECT("a b = c\n", "1<a b><c>\n");
    EXPECT("k = x:y\n", "1<k><x:y>\n");
    EXPECT("a = b\r\n\r\nc = d\r\n", "1<a><b>\n3<c><d>\n");
    EXPECT("a = \xc3\xa4\n", "1<a><\xc3\xa4>\n");
}

static void comments(void **state)
{
    (void)state;
    EXPECT("# one\n; two\n  # three\n\t;\n\n  \n", "");
    EXPECT("a = b ; comment\n", "1<a><b>\n");
    EXPECT("a = b;no comment\n", "1<a><b;no comment>\n");
    EXPECT("a = b # no comment\n", "1<a><b # no comment>\n");
    EXPECT("a = ; nothing\n", "1<a><>\n");
    EXPECT("[s] ; c\n[t] # c\n", "1[s]\n2[t]\n");
}

static void sections(void **state)
{
    static const char wrong[] = "a section is written [name], or [rule \"ID\"]";
    static const char *const bad[] = {
        "[",           "[]",    "[s",         "[ s]",        "[s]x",
        "[s]#",        "[s t]", "[rule \"a]", "[rule\"a\"]", "[rule \"a\" x]",
        "[rule \"a\"", "[[s]]", "[\"a\"]",    "[s\"a\"]",    "[s] a = b"
    };
    char expected[200];
    (void)state;
    EXPECT("[s]\n[s ]\n[rule \"a b]\"]\n[rule\t\"\" ]",
           "1[s]\n2[s]\n3[rule \"a b]\"]\n4[rule \"\"]\n");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(expected, sizeof expected, "1: %s\n1[]\n", wrong);
        expect_bytes(bad[i], strlen(bad[i]), expected);
    }
    /* longer than libinih's own 49 bytes */
    EXPECT("[rule \"0123456789012345678901234567890123456789012345678901234567890123\"]",
           "1[rule \"0123456789012345678901234567890123456789012345678901234567890123\"]\n");
}

static void what_libinih_would_let_pass(void **state)
{
    (void)state;
    EXPECT("a = b\n c = d\ne = f\n",
           "1<a><b>\n"
           "2: white space at the beginning: no value goes on in a second line\n"
           "3<e><f>\n");
    EXPECT("a: b\n", "1: a key and its value are parted by '=', not by ':'\n");
    EXPECT("= b\n", "1: there is no key before the '='\n");
    EXPECT("word\nother ; comment = x\na = b",
           "1: neither a [section], nor key = value, nor a # comment\n"
           "2: neither a [section], nor key = value, nor a # comment\n"
           "3<a><b>\n");
    EXPECT("a = b\nword", "1<a><b>\n2: neither a [section], nor key = value, nor a # comment\n");
}

static void bytes(void **state)
{
    (void)state;
    EXPECT("\xef\xbb\xbf[s]\na = b\n",
           "1: a byte order mark: save the file as UTF-8 without one\n2<a><b>\n");
    EXPECT("a = \xff\nb = \xc3\n# \xe4\n", "1: not UTF-8\n2: not UTF-8\n3: not UTF-8\n");
    EXPECT("a = \x1b[31m\nb = \x7f\nc = \xc2\x9b\nd\x01 = e\n# \x07\nf = \rg\n",
           "1: a control character\n2: a control character\n3: a control character\n"
           "4: a control character\n5: a control character\n6: a control character\n");
    EXPECT("a = b\nc = \0d\ne = f\n", "1<a><b>\n2: a NUL byte: this is no text file\n");
    EXPECT("a = \xc2\xa0x\n", "1<a><\xc2\xa0x>\n");
}

static void long_lines(void **state)
{
    static char line[CONFIG_LINE_MAX + 3], expected[CONFIG_LINE_MAX + 64];
    (void)state;
#ifndef HAVE_INI_MAX_LINE
    kit_skip("this libinih has a line buffer of its own size");
#endif
    memset(line, 'v', sizeof line);
    memcpy(line, "k=", 2);
    snprintf(expected, sizeof expected, "1<k><%.*s>\n", CONFIG_LINE_MAX - 2, line + 2);
    expect_bytes(line, CONFIG_LINE_MAX, expected);
    expect_bytes(line, CONFIG_LINE_MAX + 1, "1: longer than 1000 bytes\n");
    line[CONFIG_LINE_MAX] = '\r';
    line[CONFIG_LINE_MAX + 1] = '\n';
    expect_bytes(line, CONFIG_LINE_MAX + 2, expected);
    line[0] = '#'; /* a comment is a line too */
    line[CONFIG_LINE_MAX] = 'v';
    expect_bytes(line, CONFIG_LINE_MAX + 2, "1: longer than 1000 bytes\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(pairs),    kit_test(comments),
        kit_test(sections), kit_test(what_libinih_would_let_pass),
        kit_test(bytes),    kit_test(long_lines),
    };
    return kit_run("config_lines", tests, KIT_LENGTH(tests));
}
