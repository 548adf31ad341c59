/* The subjects that are kept: whatever comes in whatever order, the envelope is
 * that of the subject asked for.
 */
#include "client/lib/kept.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/opcode.h"
#include "tests/kit/runner.h"

enum { N_SUBJECTS = 40 };

static char subjects[N_SUBJECTS][MAX_SUBJECT + 1];

/* Prefixes of each other, of all lengths, and some that differ in one byte. */
static void make_subjects(void)
{
    for (int i = 0; i < N_SUBJECTS; i++) {
        size_t len = i < 20 ? (size_t)i + 1 : i < 30 ? 17 : (size_t)(MAX_SUBJECT - i + 30);

        memset(subjects[i], 'a', len);
        subjects[i][len] = '\0';
        if (i >= 20 && i < 30)
            subjects[i][i % 2 ? 16 : 0] = (char)('0' + i - 20);
    }
}

static void assert_envelope_of(const struct kept *place, const char *subject)
{
    struct frame frame = { .op = OP_MESSAGE, .subject = subject, .subject_len = strlen(subject) };
    uint8_t head[FRAME_MAX_HEAD], copy[FRAME_MAX_HEAD + KEPT_COPIED];
    size_t len = frame_write_head(head, &frame);

    assert_non_null(place);
    assert_string_equal(place->subject, subject);
    assert_int_equal(place->subject_len, frame.subject_len);
    assert_int_equal(place->len, len);
    kept_copy(copy, place->head, place->len);
    assert_memory_equal(copy, head, len);
}

static void any_order_gives_the_right_envelope(void **state)
{
    struct kept_subjects kept = { 0 };
    char asked[MAX_SUBJECT + 1];
    uint32_t seed = 1;

    (void)state;
    make_subjects();
    kept_init(&kept);
    for (int i = 0; i < 50000; i++) {
        seed = seed * 1103515245u + 12345u;
        /* Phases of few subjects, then of all; the same memory each time. */
        unsigned among = i / 1000 % 2 ? N_SUBJECTS : 5;
        const char *subject = subjects[((seed >> 16) % among + (unsigned)i / 3000) % N_SUBJECTS];

        strcpy(asked, subject);
        assert_envelope_of(kept_subject(&kept, asked), subject);
    }
}

static void what_comes_in_turn_is_expected(void **state)
{
    struct kept_subjects kept = { 0 };

    (void)state;
    make_subjects();
    kept_init(&kept);
    for (int i = 0; i < 5 * KEPT_PLACES; i++) {
        const char *subject = subjects[i % KEPT_PLACES];

        assert_true(i < 2 * KEPT_PLACES || kept_is(kept_expected(&kept), subject));
        assert_envelope_of(kept_subject(&kept, subject), subject);
    }
}

static void a_bad_subject_has_no_place(void **state)
{
    static const char *const bad[] = { "", ".", "a.", "a..b", "*", "a.>", "a b", "\xff", "\n" };
    struct kept_subjects kept = { 0 };
    char too_long[MAX_SUBJECT + 2];

    (void)state;
    kept_init(&kept);
    memset(too_long, 'x', sizeof too_long);
    too_long[MAX_SUBJECT + 1] = '\0';
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < KIT_LENGTH(bad); i++)
            assert_null(kept_subject(&kept, bad[i]));
        assert_null(kept_subject(&kept, too_long));
        assert_envelope_of(kept_subject(&kept, "good"), "good");
        too_long[MAX_SUBJECT] = '\0';
        assert_envelope_of(kept_subject(&kept, too_long), too_long);
        too_long[MAX_SUBJECT] = 'x';
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(any_order_gives_the_right_envelope),
        kit_test(what_comes_in_turn_is_expected),
        kit_test(a_bad_subject_has_no_place),
    };

    return kit_run("client kept", tests, KIT_LENGTH(tests));
}
