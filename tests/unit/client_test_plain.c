/* What is taken for a plain subject is a subject, wherever its bytes stand; and
 * what is plain is taken for one.
 */
#include "client/lib/plain.h"

#include <stdlib.h>

#include "proto/subject.h"
#include "tests/kit/runner.h"

enum { BEFORE = 1 };

static uint32_t seed;

static unsigned chance(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

/* In memory of its very size, for the sanitizers; `before` is the byte ahead. */
static bool is_plain(const char *subject, size_t len, char before)
{
    char *copy = malloc(BEFORE + len + PLAIN_WIDTH);
    bool plain;

    copy[0] = before;
    memcpy(copy + BEFORE, subject, len);
    plain_pad(copy + BEFORE, len);
    plain = plain_valid(copy + BEFORE, len);
    free(copy);
    return plain;
}

/* Whether subject.h has to be asked, whatever it says. */
static bool is_odd(const char *subject, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (subject[i] == '*' || subject[i] == '>' || (subject[i] & 0x80))
            return true;
    }
    return false;
}

static void check(const char *subject, size_t len, char before)
{
    bool valid = subject_valid(subject, len, NULL);
    bool plain = is_plain(subject, len, before);

    if (is_odd(subject, len) ? plain : plain != valid)
        fail_msg("'%.*s' is %s, and %s", (int)len, subject, valid ? "valid" : "not valid",
                 plain ? "taken as plain" : "not taken as plain");
}

static void each_byte_at_each_place(void **state)
{
    static const size_t lens[] = { 1, 2, 15, 16, 17, 31, 32, 33, 48, 254, 255 };
    char subject[MAX_SUBJECT];

    (void)state;
    for (size_t k = 0; k < KIT_LENGTH(lens); k++) {
        for (size_t at = 0; at < lens[k]; at++) {
            memset(subject, 'a', sizeof subject);
            for (int c = 0; c < 256; c++) {
                subject[at] = (char)c;
                check(subject, lens[k], c % 2 ? '.' : 'a');
            }
        }
    }
}

static void dots_anywhere(void **state)
{
    char subject[MAX_SUBJECT];

    (void)state;
    seed = 1;
    for (int i = 0; i < 200000; i++) {
        size_t len = chance(4) ? 1 + chance(40) : 1 + chance(MAX_SUBJECT);
        unsigned one_in = 2 + chance(30);

        for (size_t at = 0; at < len; at++)
            subject[at] = chance(one_in) ? (char)('!' + chance(9)) : '.';
        check(subject, len, chance(2) ? '.' : (char)0xa5);
    }
}

static void sixteen_tokens_and_no_more(void **state)
{
    char subject[2 * (MAX_TOKENS + 1)];

    (void)state;
    for (size_t n = 1; n <= MAX_TOKENS + 1; n++) {
        for (size_t i = 0; i < 2 * n; i++)
            subject[i] = i % 2 ? '.' : 'a';
        check(subject, 2 * n - 1, 'a');
        assert_int_equal(is_plain(subject, 2 * n - 1, 'a'), n <= MAX_TOKENS);
        assert_false(is_plain(subject, 2 * n, 'a'));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_byte_at_each_place),
        kit_test(dots_anywhere),
        kit_test(sixteen_tokens_and_no_more),
    };

    return kit_run("client plain", tests, KIT_LENGTH(tests));
}
