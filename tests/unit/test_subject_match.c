/* Matching: a table of every combination of wildcards, then every short string
 * of a small alphabet against the oracle. And the hash.
 */
#include "proto/subject.h"

#include "tests/unit/subject_oracle.h"
#include "tests/unit/unit.h"

struct match_row {
    const char *pattern;
    const char *subject;
    bool match;
};

static const struct match_row rows[] = {
    { "a", "a", true },
    { "a", "b", false },
    { "a", "ab", false },
    { "ab", "a", false },
    { "a", "a.b", false },
    { "a.b", "a", false },
    { "a.b", "a.b", true },
    { "a.b", "a.c", false },
    { "a.b", "ab", false },
    { "a.b.c", "a.b.c", true },
    { "a.b", "a.b.c", false },
    { "A", "a", false },

    { "*", "a", true },
    { "*", "abc", true },
    { "*", "a.b", false },
    { "*.*", "a.b", true },
    { "*.*", "a", false },
    { "*.*", "a.b.c", false },
    { "a.*", "a.b", true },
    { "a.*", "a", false },
    { "a.*", "a.b.c", false },
    { "a.*", "b.b", false },
    { "*.b", "a.b", true },
    { "*.b", "a.c", false },
    { "*.b", "b", false },
    { "a.*.c", "a.b.c", true },
    { "a.*.c", "a.b.d", false },
    { "a.*.c", "a.c", false },
    { "a.*.c", "a.b.b.c", false },
    { "*.*.*", "a.b.c", true },
    { "*.b.*", "a.b.c", true },
    { "*.b.*", "a.x.c", false },

    { ">", "a", true },
    { ">", "a.b", true },
    { ">", "a.b.c.d", true },
    { "a.>", "a", false },
    { "a.>", "a.b", true },
    { "a.>", "a.b.c", true },
    { "a.>", "b.b", false },
    { "a.>", "ab.c", false },
    { "a.b.>", "a.b", false },
    { "a.b.>", "a.b.c.d", true },
    { "*.>", "a", false },
    { "*.>", "a.b", true },
    { "*.>", "a.b.c", true },
    { "*.*.>", "a.b", false },
    { "*.*.>", "a.b.c", true },
    { "a.*.>", "a.b", false },
    { "a.*.>", "a.b.c", true },
    { "a.*.>", "x.b.c", false },
    { "*.b.>", "a.b.c", true },
    { "*.b.>", "a.c.c", false },

    /* A wildcard in first place leaves a first token of '$' alone. */
    { "*", "$SYS", false },
    { ">", "$SYS", false },
    { ">", "$SYS.info", false },
    { "*.info", "$SYS.info", false },
    { "*.>", "$SYS.info", false },
    { "*", "$", false },
    { ">", "$x.y", false },
    { "$SYS.>", "$SYS.info", true },
    { "$SYS.*", "$SYS.info", true },
    { "$SYS", "$SYS", true },
    { "$SYS.info", "$SYS.info", true },
    { "$SYS.>", "$SYS", false },
    { "$SYS.>", "$SYSTEM.x", false },
    { "*", "a$", true },
    { "a.*", "a.$x", true },
    { "a.>", "a.$x", true },
    { "*.*", "a.$x", true },
    { ">", "a.$x", true },

    /* Within a longer token they are ordinary characters. */
    { "a*", "a*", true },
    { "a*", "ab", false },
    { "*a", "ba", false },
    { "*a", "*a", true },
    { "**", "ab", false },
    { "**", "**", true },
    { "a.>b", "a.>b", true },
    { "a.>b", "a.b", false },
    { ">>", ">>", true },
    { ">>", "a.b", false },
    { ">a.b", ">a.b", true },
    { "*", "**", true },
    { ">", "**.>>", true },
    { "a.*", "a.*x", true },
    { "a>", "a.b", false },

    { "\xc3\xa4.*", "\xc3\xa4.\xc3\xb6", true },
    { "*", "\xf0\x9f\x90\xa7", true },
    { "\xc3\xa4", "\xc3\xb6", false },
    { "\xc3\xa4", "a", false },
    { "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.*", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", true },
    { "*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.>", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", true },
    { "*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.>", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15", false },
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t pattern_len = strlen(rows[i].pattern), subject_len = strlen(rows[i].subject);
        char *pattern = exact_copy(rows[i].pattern, pattern_len);
        char *subject = exact_copy(rows[i].subject, subject_len);

        assert_true(pattern_valid(pattern, pattern_len, NULL));
        assert_true(subject_valid(subject, subject_len, NULL));
        if (pattern_match(pattern, pattern_len, subject, subject_len) != rows[i].match)
            fail_msg("\"%s\" against \"%s\"", rows[i].pattern, rows[i].subject);
        exact_free(pattern, pattern_len);
        exact_free(subject, subject_len);
    }
}

static void test_has_wildcard(void **state)
{
    static const char *const with[] = {
        "*", ">", "a.*", "*.a", "a.*.b", "a.>", "**.*", "\xc3\xa4.>"
    };
    static const char *const without[] = {
        "a", "a*", "*a", "a>", ">a", "**", ">>", "a.b*", "a.*b.c"
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(with); i++)
        assert_true(pattern_has_wildcard(with[i], strlen(with[i])));
    for (size_t i = 0; i < COUNT_OF(without); i++)
        assert_false(pattern_has_wildcard(without[i], strlen(without[i])));
}

/* Every string of the alphabet up to a length, one after the other. */
struct strings {
    size_t n;
    struct {
        char s[8];
        size_t len;
    } at[20000];
};

static void strings_fill(struct strings *strings, const char *alphabet, size_t max_len,
                         bool patterns)
{
    size_t base = strlen(alphabet), total = 1;

    strings->n = 0;
    for (size_t len = 1; len <= max_len; len++) {
        total *= base;
        for (size_t number = 0; number < total; number++) {
            char s[8];
            size_t rest = number;

            for (size_t i = 0; i < len; i++, rest /= base)
                s[i] = alphabet[rest % base];
            assert_int_equal(subject_valid(s, len, NULL), oracle_valid(s, len, false));
            assert_int_equal(pattern_valid(s, len, NULL), oracle_valid(s, len, true));
            if (!oracle_valid(s, len, patterns))
                continue;
            assert_true(strings->n < COUNT_OF(strings->at));
            memcpy(strings->at[strings->n].s, s, len);
            strings->at[strings->n++].len = len;
        }
    }
}

static void check_all_pairs(const char *alphabet, size_t max_len)
{
    static struct strings patterns, subjects;

    strings_fill(&patterns, alphabet, max_len, true);
    strings_fill(&subjects, alphabet, max_len, false);
    for (size_t i = 0; i < patterns.n; i++) {
        const char *p = patterns.at[i].s;
        size_t p_len = patterns.at[i].len;

        assert_int_equal(pattern_has_wildcard(p, p_len), oracle_has_wildcard(p, p_len));
        for (size_t j = 0; j < subjects.n; j++) {
            const char *s = subjects.at[j].s;
            size_t s_len = subjects.at[j].len;

            if (pattern_match(p, p_len, s, s_len) != oracle_match(p, p_len, s, s_len))
                fail_msg("\"%.*s\" against \"%.*s\"", (int)p_len, p, (int)s_len, s);
        }
    }
}

static void test_against_oracle(void **state)
{
    (void)state;
    check_all_pairs("a.*>$", 5);
    check_all_pairs("ab.*", 6);
    check_all_pairs("a.*>", 6);
    check_all_pairs("a.", 7);
    check_all_pairs("*.", 7);
}

static void test_hash_reads_what_it_is_given(void **state)
{
    char s[256];

    (void)state;
    memset(s, 'x', sizeof s);
    for (size_t len = 0; len <= 255; len++) {
        char *copy = exact_copy(s, len);
        uint64_t hash = subject_hash(copy, len, 7);

        assert_int_equal(hash, subject_hash(s, len, 7));
        assert_int_not_equal(hash, subject_hash(s, len, 8));
        assert_int_not_equal(hash, subject_hash(s, len + 1, 7));
        /* Every bit of every byte counts. */
        for (size_t bit = 0; bit < 8 * len; bit++) {
            copy[bit / 8] ^= (char)(1 << bit % 8);
            assert_int_not_equal(hash, subject_hash(copy, len, 7));
            copy[bit / 8] ^= (char)(1 << bit % 8);
        }
        exact_free(copy, len);
    }
}

/* Numbered subjects, the usual case, thrown at 4,096 buckets by low and by high
 * bits: 16 on average, and a fair hash has none beyond 50. */
static void test_hash_spreads(void **state)
{
    static unsigned low[4096], high[4096];

    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        char s[64];
        int len = snprintf(s, sizeof s, "plant.%u.sensor.%u", i / 256, i % 256);
        uint64_t hash = subject_hash(s, (size_t)len, 42);

        low[hash & 4095]++;
        high[hash >> 52]++;
    }
    for (size_t i = 0; i < 4096; i++) {
        assert_in_range(low[i], 1, 50);
        assert_in_range(high[i], 1, 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),          cmocka_unit_test(test_has_wildcard),
        cmocka_unit_test(test_against_oracle), cmocka_unit_test(test_hash_reads_what_it_is_given),
        cmocka_unit_test(test_hash_spreads),
    };

    return cmocka_run_group_tests_name("subject_match", tests, NULL, NULL);
}
