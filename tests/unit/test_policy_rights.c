/* Rights: who shares them, their numbers, the answers without a look-up, patterns. */
#include "tests/unit/policy_kit.h"

static struct rights *rights_of_uid(struct policy_snapshot *policy, uid_t uid)
{
    struct principal who = principal_with(.uid = uid, .gid = 1);
    return rights_for(policy, &who);
}

static void who_cannot_tell_the_difference_shares(void **state)
{
    (void)state;
    struct policy_snapshot *policy = policy_of("[one]\nallow = publish\nuid = 1, 2\n"
                                               "[other]\nallow = publish\nuid = 2\n"
                                               "[third]\nallow = tap\nuid = 3");
    struct rights *one = rights_of_uid(policy, 1), *two = rights_of_uid(policy, 2);
    struct rights *three = rights_of_uid(policy, 3), *nobody = rights_of_uid(policy, 9);
    assert_ptr_equal(one, two); /* "other" never decides */
    assert_ptr_not_equal(one, three);
    assert_ptr_not_equal(one, nobody);
    assert_ptr_equal(rights_of_uid(policy, 10), nobody);
    assert_int_equal(nobody->refs, 2);
    rights_unref(nobody);
    rights_unref(nobody);
    rights_unref(three);
    rights_unref(two);
    assert_verdict(ask(one, VERB_PUBLISH, "a"), true, "one");
    /* They are kept for who comes again, and hold their snapshot as long as somebody has them. */
    policy_unref(policy);
    assert_verdict(ask(one, VERB_PUBLISH, "a"), true, "one");
    assert_null(rights_unref(one));
    assert_null(rights_unref(NULL));
}

static struct policy_snapshot *one_rule_a_uid(unsigned n)
{
    struct policy_snapshot *policy = NULL;
    struct policy_builder *b = policy_builder_new();
    for (unsigned i = 0; i < n; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        assert_int_equal(policy_builder_rule(b, text, "f", i, why), 0);
        assert_int_equal(policy_builder_set(b, "uid", text, "f", i, why), 0);
        assert_int_equal(policy_builder_set(b, "allow", "publish", "f", i, why), 0);
    }
    assert_int_equal(policy_builder_finish(b, &policy, why), 0);
    policy_builder_free(b);
    return policy;
}

static void the_first_sets_have_numbers(void **state)
{
    enum { N = 100 };
    struct rights *rights[N];
    uint64_t bits = 0;
    (void)state;
    struct policy_snapshot *policy = one_rule_a_uid(2 * N);
    for (unsigned i = 0; i < N; i++) {
        rights[i] = rights_of_uid(policy, i);
        assert_int_equal(rights[i]->index, i < RIGHTS_INDEXES ? i : RIGHTS_NO_INDEX);
        assert_int_equal(bits & rights_bit(rights[i]), 0);
        bits |= rights_bit(rights[i]);
        char id[16];
        snprintf(id, sizeof id, "%u", i);
        assert_verdict(ask(rights[i], VERB_PUBLISH, "a"), true, id);
    }
    assert_true(bits == UINT64_MAX);
    assert_int_equal(rights_epoch(policy), 0);
    for (unsigned i = 0; i < N; i++)
        rights_unref(rights[i]);

    /* Who comes again has its number again. */
    rights[5] = rights_of_uid(policy, 5);
    assert_int_equal(rights[5]->index, 5);
    assert_int_equal(rights_epoch(policy), 0);
    /* Another takes that of one who left; nobody may go by what was kept for that number. */
    rights[0] = rights_of_uid(policy, N + 1);
    assert_int_equal(rights[0]->index, 0);
    assert_int_equal(rights_epoch(policy), 1);
    rights[1] = rights_of_uid(policy, 0); /* which is not there any more */
    assert_int_equal(rights[1]->index, 1);
    assert_int_equal(rights_epoch(policy), 2);
    assert_verdict(ask(rights[1], VERB_PUBLISH, "a"), true, "0");
    rights_unref(rights[0]);
    rights_unref(rights[1]);
    policy_unref(policy);
    assert_int_equal(rights[5]->index, 5);
    rights_unref(rights[5]);
}

/* -- without a look-up ------------------------------------------------------------------------ */

struct pass_row {
    const char *text;
    enum policy_verb verb;
    bool all, plain;
};

static const struct pass_row pass_rows[] = {
    { "", VERB_PUBLISH, false, false },
    { "[r]\nallow = publish", VERB_PUBLISH, false, true },
    { "[r]\nallow = publish", VERB_SUBSCRIBE, false, false },
    { "[r]\nallow = all", VERB_PUBLISH, false, true },
    { "[r]\nallow = all", VERB_CONNECT, true, true },
    { "[r]\nallow = all\nsubject = >, $SYS.>", VERB_PUBLISH, false, true },
    { "[r]\nallow = all\nsubject = *, a.>", VERB_PUBLISH, false, false },
    { "[r]\nallow = publish\n[s]\ndeny = publish\nsubject = a", VERB_PUBLISH, false, false },
    { "[r]\nallow = publish\n[s]\ndeny = publish\nsubject = a\naudit-only = yes", VERB_PUBLISH,
      false, false },
    { "[r]\nallow = publish\n[s]\ndeny = subscribe", VERB_PUBLISH, false, true },
    { "[r]\nallow = publish\n[s]\ndeny = publish\nuid = 99", VERB_PUBLISH, false, true },
    /* A deny that never has its say. */
    { "[r]\nallow = publish\nuid = 1\n[s]\ndeny = publish", VERB_PUBLISH, false, true },
    { "[r]\nallow = connect\nuid = 1\n[s]\ndeny = connect", VERB_CONNECT, true, true },
    { "[r]\nallow = connect\n[s]\ndeny = connect\nuid = 1", VERB_CONNECT, false, false },
};

static void what_is_allowed_whole_needs_no_look(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pass_rows); i++) {
        const struct pass_row *row = &pass_rows[i];
        struct policy_snapshot *policy = policy_of(row->text);
        struct rights *rights = rights_of_uid(policy, 1);
        assert_int_equal(rights_all(rights, row->verb), row->all);
        assert_int_equal(rights_pass(rights, row->verb, "a"), row->plain);
        assert_int_equal(rights_pass(rights, row->verb, "$a"), row->all);
        rights_unref(rights);
        policy_unref(policy);
    }
}

static void the_defaults_pass_until_something_is_denied(void **state)
{
    (void)state;
    struct policy_snapshot *policy =
        policy_of("[s]\ndeny = publish\nsubject = x", POLICY_DEFAULTS_USER, 1);
    struct rights *rights = rights_of_uid(policy, 1);
    assert_true(rights_all(rights, VERB_SUBSCRIBE));
    assert_false(rights_all(rights, VERB_PUBLISH) || rights_pass(rights, VERB_PUBLISH, "a"));
    rights_unref(rights);
    policy_unref(policy);
    policy = policy_of("", POLICY_DEFAULTS_NONE, .audit_only = true);
    rights = rights_of_uid(policy, 1);
    assert_false(rights_all(rights, VERB_SUBSCRIBE)); /* there is something to report */
    rights_unref(rights);
    policy_unref(policy);
}

/* -- patterns --------------------------------------------------------------------------------- */

/* The best and the worst that subjects of the pattern get: '+' allowed, '-' refused. */
struct pattern_row {
    const char *text;
    const char *pattern;
    const char *verdicts;
};

#define STARS_TO_15                                                                    \
    "*, *.*, *.*.*, *.*.*.*, *.*.*.*.*, *.*.*.*.*.*, *.*.*.*.*.*.*, *.*.*.*.*.*.*.*,"  \
    "*.*.*.*.*.*.*.*.*, *.*.*.*.*.*.*.*.*.*, *.*.*.*.*.*.*.*.*.*.*,"                   \
    "*.*.*.*.*.*.*.*.*.*.*.*, *.*.*.*.*.*.*.*.*.*.*.*.*, *.*.*.*.*.*.*.*.*.*.*.*.*.*," \
    "*.*.*.*.*.*.*.*.*.*.*.*.*.*.*"
#define STARS_16 "*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*"

static const struct pattern_row pattern_rows[] = {
    { "[r]\nallow = all", ">", "++" },
    { "[r]\nallow = all", "a", "++" },
    { "[r]\nallow = all", "$x.>", "--" },
    { "", ">", "--" },
    { "[r]\nallow = all\nsubject = a.b", "a.*", "+-" },
    { "[r]\nallow = all\nsubject = a.b", "*.*", "+-" },
    { "[r]\nallow = all\nsubject = a.b", ">", "+-" },
    { "[r]\nallow = all\nsubject = a.b", "a.b", "++" },
    { "[r]\nallow = all\nsubject = a.b", "a.b.>", "--" },
    { "[r]\nallow = all\nsubject = a.b", "*", "--" },
    { "[r]\nallow = all\nsubject = a.b", "*.c", "--" },
    { "[r]\nallow = all\nsubject = a.*", "*.b", "+-" },
    { "[r]\nallow = all\nsubject = a.>", "*.*.c", "+-" },
    { "[r]\nallow = all\nsubject = a.>", "a.b.>", "++" },
    { "[r]\nallow = all\nsubject = a.>", "a", "--" },
    { "[r]\nallow = all\nsubject = $SYS.>", ">", "--" },
    { "[r]\nallow = all\nsubject = $SYS.>", "*.info", "--" },
    { "[r]\nallow = all\nsubject = $SYS.>", "$SYS.*", "++" },
    { "[r]\nallow = all\nsubject = *.info", "$SYS.*", "--" },
    /* Everything below it is denied by others, piece by piece. */
    { "[r]\nallow = all\nsubject = a.>\n[s]\ndeny = all\nsubject = a.*, a.*.>", ">", "--" },
    { "[r]\nallow = all\nsubject = a.>\n[s]\ndeny = all\nsubject = a.*, a.*.*.>", ">", "+-" },
    { "[r]\nallow = all\n[s]\ndeny = all\nsubject = " STARS_TO_15 "," STARS_16, ">", "--" },
    { "[r]\nallow = all\n[s]\ndeny = all\nsubject = " STARS_TO_15, ">", "+-" },
    { "[r]\nallow = all\n[s]\ndeny = all\nsubject = " STARS_TO_15, "a.b.>", "+-" },
    { "[r]\nallow = all\n[s]\ndeny = all\nsubject = " STARS_16, ">", "+-" },
    { "[r]\nallow = all\n[s]\ndeny = all\nsubject = " STARS_16, "a.*.*.*.*.*.*.*.*.*.*.*.*.*.*.>",
      "--" },
    { "[r]\nallow = all\n[s]\ndeny = all\nsubject = a.b", "a.*", "+-" },
    { "[r]\nallow = all\n[s]\ndeny = all\nsubject = a.b", "a.b", "--" },
    { "[r]\nallow = all\n[s]\ndeny = all\nsubject = a.b", "a.c.>", "++" },
    { "[r]\nallow = all\nsubject = a.b\n[s]\ndeny = all\nsubject = a.>", "a.*", "+-" },
    { "[r]\nallow = all\nsubject = *.b\n[s]\ndeny = all\nsubject = a.>", "a.*", "--" },
    { "[r]\nallow = all\nsubject = a.*.c\n[s]\ndeny = all\nsubject = a.b.*", "a.b.*", "--" },
    { "[r]\nallow = all\nsubject = a.*.c\n[s]\ndeny = all\nsubject = a.b.*", "a.*.*", "+-" },
};

static void a_pattern_gets_what_its_subjects_get(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pattern_rows); i++) {
        const struct pattern_row *row = &pattern_rows[i];
        size_t len = strlen(row->pattern);
        struct policy_snapshot *policy = policy_of(row->text);
        struct rights *rights = rights_of_uid(policy, 1);
        struct policy_verdict some = rights_some(rights, VERB_SUBSCRIBE, row->pattern, len);
        struct policy_verdict every = rights_every(rights, VERB_SUBSCRIBE, row->pattern, len);
        if (some.allowed != (row->verdicts[0] == '+') || every.allowed != (row->verdicts[1] == '+'))
            fail_msg("\"%s\" of \"%s\": %c%c by %s, %s", row->pattern, row->text,
                     some.allowed ? '+' : '-', every.allowed ? '+' : '-', some.rule->id,
                     every.rule->id);
        rights_unref(rights);
        policy_unref(policy);
    }
}

/* What is allowed without a word is better than what is allowed with a report. */
static void a_report_counts_as_less(void **state)
{
    (void)state;
    struct policy_snapshot *policy =
        policy_of("[r]\nallow = all\nsubject = a.>\n[s]\ndeny = all\nsubject = a.b\n"
                  "audit-only = yes");
    struct rights *rights = rights_of_uid(policy, 1);
    struct policy_verdict verdict = rights_some(rights, VERB_SUBSCRIBE, "a.*", 3);
    assert_true(verdict.allowed && !verdict.audit);
    verdict = rights_every(rights, VERB_SUBSCRIBE, "a.*", 3);
    assert_true(verdict.allowed);
    assert_string_equal(verdict.audit->id, "s");
    verdict = rights_some(rights, VERB_SUBSCRIBE, "*.b", 3);
    assert_true(verdict.allowed);
    assert_string_equal(verdict.audit->id, "s");
    verdict = rights_some(rights, VERB_CONNECT, NULL, 0);
    assert_verdict(verdict, false, "default:deny");
    assert_verdict(rights_every(rights, VERB_ADMIN, NULL, 0), false, "default:deny");
    rights_unref(rights);
    policy_unref(policy);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(who_cannot_tell_the_difference_shares),
        kit_test(the_first_sets_have_numbers),
        kit_test(what_is_allowed_whole_needs_no_look),
        kit_test(the_defaults_pass_until_something_is_denied),
        kit_test(a_pattern_gets_what_its_subjects_get),
        kit_test(a_report_counts_as_less),
    };
    return kit_run("policy_rights", tests, KIT_LENGTH(tests));
}
