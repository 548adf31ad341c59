/* Subjects and patterns. The input is a pattern, a newline, a subject; without
 * a newline it is both.
 */
#include "proto/subject.h"

#include "proto/cursor.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/subject_oracle.h"

/* Half an input, on the heap by itself so that ASan sees its end. */
struct text {
    char *s;
    size_t len;
    bool subject, pattern;
};

static bool is_plain_ascii(const struct text *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if (text->s[i] <= 0x20 || text->s[i] >= 0x7f)
            return false;
    }
    return true;
}

static void check_errors(const struct text *text)
{
    struct subject_error subject = { 999, NULL }, pattern = { 999, NULL }, group = { 999, NULL };

    REQUIRE(subject_valid(text->s, text->len, &subject) == text->subject);
    REQUIRE(pattern_valid(text->s, text->len, &pattern) == text->pattern);
    REQUIRE(text->subject == !subject.why && text->pattern == !pattern.why);
    REQUIRE(text->subject || subject.at <= text->len);
    REQUIRE(text->pattern || pattern.at <= text->len);
    if (group_valid(text->s, text->len, &group))
        REQUIRE(text->subject && text->len <= MAX_GROUP && !memchr(text->s, '.', text->len));
    else
        REQUIRE(group.why && group.at <= text->len);
}

static void check_grammar(const struct text *text)
{
    check_errors(text);
    if (text->subject)
        REQUIRE(text->pattern && !pattern_has_wildcard(text->s, text->len));
    if (text->pattern) {
        REQUIRE(oracle_valid(text->s, text->len, true));
        REQUIRE(oracle_valid(text->s, text->len, false) == text->subject);
        REQUIRE(oracle_has_wildcard(text->s, text->len) == !text->subject);
        REQUIRE(pattern_has_wildcard(text->s, text->len) == !text->subject);
        REQUIRE(utf8_valid(text->s, text->len, NULL));
    } else if (is_plain_ascii(text)) {
        REQUIRE(!oracle_valid(text->s, text->len, true));
    }
}

static void check_match(const struct text *pattern, const struct text *subject)
{
    bool match;

    if (!pattern->pattern || !subject->subject)
        return;
    match = pattern_match(pattern->s, pattern->len, subject->s, subject->len);
    REQUIRE(match == oracle_match(pattern->s, pattern->len, subject->s, subject->len));
    /* Without a wildcard to match is to be equal. */
    if (pattern->subject)
        REQUIRE(match == (pattern->len == subject->len &&
                          memcmp(pattern->s, subject->s, subject->len) == 0));
    if (match && subject_is_sys(subject->s, subject->len))
        REQUIRE(subject_is_sys(pattern->s, pattern->len));
}

static struct text text_of(const uint8_t *data, size_t len)
{
    struct text text = { .s = calloc(1, len > 0 ? len : 1), .len = len };

    REQUIRE(text.s);
    if (len > 0)
        memcpy(text.s, data, len);
    text.subject = subject_valid(text.s, len, NULL);
    text.pattern = pattern_valid(text.s, len, NULL);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *newline = len > 0 ? memchr(data, '\n', len) : NULL;
    size_t first = newline ? (size_t)(newline - data) : len;
    struct text pattern = text_of(data, first);
    struct text subject = newline ? text_of(newline + 1, len - first - 1) : text_of(data, len);

    check_grammar(&pattern);
    check_grammar(&subject);
    check_match(&pattern, &subject);
    check_match(&subject, &pattern);
    REQUIRE(subject_hash((const char *)data, first, 1) == subject_hash(pattern.s, first, 1));
    free(pattern.s);
    free(subject.s);
    return 0;
}
