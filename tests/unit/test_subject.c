/* The grammar of subjects, patterns and group names, as tables. Matching and
 * hashing are in test_subject_match.c.
 */
#include "proto/subject.h"

#include "tests/unit/unit.h"

#define GOOD     NULL, 0
#define EMPTY    "an empty token"
#define SPACE    "white space"
#define CONTROL  "a control character"
#define NOT_UTF8 "not UTF-8"
#define WILD     "a wildcard in a subject"
#define LAST     "\">\" is not the last token"

struct grammar_row {
    const char *s;
    size_t len;
    const char *subject_why; /* NULL: it is a subject */
    size_t subject_at;
    const char *pattern_why;
    size_t pattern_at;
};

/* clang-format off */
#define BOTH(s) { LITERAL(s), GOOD, GOOD }
#define PATTERN_ONLY(s, at) { LITERAL(s), WILD, at, GOOD }
#define NEITHER(s, why, at) { LITERAL(s), why, at, why, at }
/* clang-format on */

static const struct grammar_row rows[] = {
    BOTH("a"),
    BOTH("a.b"),
    BOTH("a.b.c"),
    BOTH("A-Z_0.9~"),
    BOTH("!\"#$%&'()+,/:;<=?@[\\]^`{|}"),
    BOTH("$SYS.info"),
    BOTH("$"),
    BOTH("$SYS"),
    BOTH("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16"),
    /* Wildcard characters within a longer token are ordinary. */
    BOTH("a*"),
    BOTH("*a"),
    BOTH("a*b.c"),
    BOTH("**"),
    BOTH(">>"),
    BOTH("*>"),
    BOTH(">*"),
    BOTH("a>"),
    BOTH(">a"),
    BOTH(">a.b"),
    BOTH("a.>b.c"),
    BOTH("a.*b"),
    BOTH("a.b*.c"),
    /* Characters of two, three and four bytes, at the edges of each range. */
    BOTH("\xc2\xa1"),
    BOTH("\xdf\xbf"),
    BOTH("\xe0\xa0\x80"),
    BOTH("\xed\x9f\xbf"),
    BOTH("\xee\x80\x80"),
    BOTH("\xef\xbf\xbf"),
    BOTH("\xf0\x90\x80\x80"),
    BOTH("\xf4\x8f\xbf\xbf"),
    BOTH("gr\xc3\xbc\xc3\x9f.\xe6\x97\xa5\xe6\x9c\xac"),
    BOTH("\xf0\x9f\x90\xa7.x"),
    /* Neither spaces nor separators to Unicode: a zero-width space, a Mongolian
     * vowel separator, a word joiner, a soft hyphen. */
    BOTH("a\xe2\x80\x8b"),
    BOTH("\xe1\xa0\x8e"),
    BOTH("\xe2\x81\xa0"),
    BOTH("\xc2\xad"),
    /* Neighbours of the spaces. */
    BOTH("\xe1\x99\xbf"),
    BOTH("\xe1\x9a\x81"),
    BOTH("\xe1\xbf\xbe"),
    BOTH("\xe2\x80\xa7"),
    BOTH("\xe2\x80\xaa"),
    BOTH("\xe2\x80\xae"),
    BOTH("\xe2\x80\xb0"),
    BOTH("\xe2\x81\x9e"),
    BOTH("\xe2\xbf\xbf"),
    BOTH("\xe3\x80\x81"),
    BOTH("\xef\xbb\xbe"),
    BOTH("\xef\xbc\x80"),

    PATTERN_ONLY("*", 0),
    PATTERN_ONLY(">", 0),
    PATTERN_ONLY("*.*", 0),
    PATTERN_ONLY("*.>", 0),
    PATTERN_ONLY("a.*", 2),
    PATTERN_ONLY("a.>", 2),
    PATTERN_ONLY("*.a", 0),
    PATTERN_ONLY("a.*.b", 2),
    PATTERN_ONLY("a.*.*.>", 2),
    PATTERN_ONLY("$SYS.>", 5),
    PATTERN_ONLY("*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*", 0),
    PATTERN_ONLY("*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.>", 0),
    PATTERN_ONLY("\xc3\xa4.*", 3),

    { LITERAL(">.a"), WILD, 0, LAST, 0 },
    { LITERAL(">.>"), WILD, 0, LAST, 0 },
    { LITERAL("a.>.b"), WILD, 2, LAST, 2 },
    { LITERAL("*.>.a"), WILD, 0, LAST, 2 },
    { LITERAL(">."), WILD, 0, LAST, 0 },
    { LITERAL("*."), WILD, 0, EMPTY, 2 },
    { LITERAL("*..a"), WILD, 0, EMPTY, 2 },
    { LITERAL("*. "), WILD, 0, SPACE, 2 },

    NEITHER("", "it is empty", 0),
    NEITHER(".", EMPTY, 0),
    NEITHER("..", EMPTY, 0),
    NEITHER(".a", EMPTY, 0),
    NEITHER("a.", EMPTY, 2),
    NEITHER("a..b", EMPTY, 2),
    NEITHER("a.b..", EMPTY, 4),
    NEITHER("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", "more than 16 tokens", 39),
    NEITHER("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.", EMPTY, 39),

    NEITHER(" ", SPACE, 0),
    NEITHER("a b", SPACE, 1),
    NEITHER("a.b ", SPACE, 3),
    NEITHER("a\tb", SPACE, 1),
    NEITHER("a\n", SPACE, 1),
    NEITHER("\v", SPACE, 0),
    NEITHER("\f", SPACE, 0),
    NEITHER("a\r", SPACE, 1),
    NEITHER("\0", CONTROL, 0),
    NEITHER("a\0b", CONTROL, 1),
    NEITHER("\x01", CONTROL, 0),
    NEITHER("\x08", CONTROL, 0),
    NEITHER("\x0e", CONTROL, 0),
    NEITHER("a\x1b[0m", CONTROL, 1),
    NEITHER("\x1f", CONTROL, 0),
    NEITHER("a\x7f", CONTROL, 1),
    NEITHER("\xc2\x80", CONTROL, 0),
    NEITHER("a\xc2\x85", CONTROL, 1),
    NEITHER("\xc2\x9f", CONTROL, 0),

    /* Zs, Zl and Zp beyond ASCII. */
    NEITHER("\xc2\xa0", SPACE, 0),
    NEITHER("a.b\xc2\xa0"
            "c",
            SPACE, 3),
    NEITHER("\xe1\x9a\x80", SPACE, 0),
    NEITHER("\xe2\x80\x80", SPACE, 0),
    NEITHER("\xe2\x80\x84", SPACE, 0),
    NEITHER("\xe2\x80\x8a", SPACE, 0),
    NEITHER("x\xe2\x80\xa8", SPACE, 1),
    NEITHER("\xe2\x80\xa9", SPACE, 0),
    NEITHER("\xe2\x80\xaf", SPACE, 0),
    NEITHER("\xe2\x81\x9f", SPACE, 0),
    NEITHER("\xe3\x80\x80", SPACE, 0),
    NEITHER("\xef\xbb\xbf", "a byte order mark", 0),
    NEITHER("a\xef\xbb\xbf", "a byte order mark", 1),

    NEITHER("\x80", NOT_UTF8, 0),
    NEITHER("a\xbf", NOT_UTF8, 1),
    NEITHER("\xff", NOT_UTF8, 0),
    NEITHER("\xfe", NOT_UTF8, 0),
    NEITHER("\xc0\x80", NOT_UTF8, 0),
    NEITHER("\xc1\xbf", NOT_UTF8, 0),
    NEITHER("\xe0\x9f\xbf", NOT_UTF8, 0),
    NEITHER("\xf0\x8f\xbf\xbf", NOT_UTF8, 0),
    NEITHER("a\xc0\xae"
            "b",
            NOT_UTF8, 1),
    NEITHER("\xed\xa0\x80", NOT_UTF8, 0),
    NEITHER("\xed\xbf\xbf", NOT_UTF8, 0),
    NEITHER("\xf4\x90\x80\x80", NOT_UTF8, 0),
    NEITHER("\xf8\x88\x80\x80\x80", NOT_UTF8, 0),
    NEITHER("ab\xc3", NOT_UTF8, 2),
    NEITHER("\xe2\x82", NOT_UTF8, 0),
    NEITHER("\xf0\x9f\x90", NOT_UTF8, 0),
    NEITHER("\xc3.", NOT_UTF8, 0),
    NEITHER("\xe2\x82.a", NOT_UTF8, 0),
};

typedef bool valid_fn(const char *s, size_t len, struct subject_error *error);

static void check_verdict(valid_fn *valid, const char *s, size_t len, const char *why, size_t at)
{
    struct subject_error error = { 999, "untouched" };
    char *copy = exact_copy(s, len);
    bool verdict = valid(copy, len, &error);

    if (verdict != !why)
        fail_msg("\"%.*s\": %s, expected %s", (int)len, s, verdict ? "valid" : error.why,
                 why ? why : "valid");
    assert_int_equal(valid(copy, len, NULL), verdict);
    assert_string_equal(error.why, why ? why : "untouched");
    assert_int_equal(error.at, why ? at : 999);
    exact_free(copy, len);
}

static void test_grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct grammar_row *row = &rows[i];

        check_verdict(subject_valid, row->s, row->len, row->subject_why, row->subject_at);
        check_verdict(pattern_valid, row->s, row->len, row->pattern_why, row->pattern_at);
    }
}

static void test_every_byte(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char s[] = { 'a', (char)byte, 'b' };
        bool good = byte > 0x20 && byte < 0x7f;

        assert_int_equal(subject_valid(s, 3, NULL), good);
        assert_int_equal(pattern_valid(s, 3, NULL), good);
    }
}

static void test_length(void **state)
{
    char s[257];

    (void)state;
    memset(s, 'x', sizeof s);
    check_verdict(subject_valid, s, 255, GOOD);
    check_verdict(pattern_valid, s, 255, GOOD);
    check_verdict(subject_valid, s, 256, "longer than 255 bytes", 255);
    check_verdict(pattern_valid, s, 256, "longer than 255 bytes", 255);
    s[0] = ' '; /* what is too long is not looked at */
    check_verdict(subject_valid, s, 257, "longer than 255 bytes", 255);
    memcpy(s, "xx", 2);
    memcpy(s + 253, "\xe2\x82\xac", 3);
    check_verdict(subject_valid, s, 255, NOT_UTF8, 253);
    check_verdict(subject_valid, s + 1, 255, GOOD);
}

static void test_group(void **state)
{
    static const struct {
        const char *s;
        size_t len;
        const char *why;
        size_t at;
    } table[] = {
        { LITERAL("g"), GOOD },
        { LITERAL("workers-1"), GOOD },
        { LITERAL("\xc3\xa4"), GOOD },
        { LITERAL("a*"), GOOD },
        { LITERAL(""), "it is empty", 0 },
        { LITERAL("*"), WILD, 0 },
        { LITERAL(">"), WILD, 0 },
        { LITERAL("a.b"), "more than one token", 1 },
        { LITERAL("."), EMPTY, 0 },
        { LITERAL("a."), EMPTY, 2 },
        { LITERAL("a b"), SPACE, 1 },
        { LITERAL("\xff"), NOT_UTF8, 0 },
    };
    char longest[65];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        check_verdict(group_valid, table[i].s, table[i].len, table[i].why, table[i].at);
    memset(longest, 'g', sizeof longest);
    check_verdict(group_valid, longest, 64, GOOD);
    check_verdict(group_valid, longest, 65, "longer than 64 bytes", 64);
}

static void test_is_sys(void **state)
{
    static const struct {
        const char *s;
        bool sys;
    } table[] = {
        { "$SYS", true },     { "$SYS.", true },   { "$SYS.info", true }, { "$SYS.>", true },
        { "$SYSTEM", false }, { "$SY", false },    { "$", false },        { "", false },
        { "$sys.x", false },  { "a.$SYS", false }, { "*.x", false },      { ">", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        size_t len = strlen(table[i].s);
        char *copy = exact_copy(table[i].s, len);

        assert_int_equal(subject_is_sys(copy, len), table[i].sys);
        exact_free(copy, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_length),  cmocka_unit_test(test_group),
        cmocka_unit_test(test_is_sys),
    };

    return cmocka_run_group_tests_name("subject", tests, NULL, NULL);
}
