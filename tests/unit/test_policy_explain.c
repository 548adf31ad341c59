/* The explanation: who has a word in it, in which order, and why. */
#include "tests/unit/policy_kit.h"

static struct policy_explanation explain(struct policy_snapshot *policy, enum policy_verb verb,
                                         const char *subject)
{
    struct principal who = principal_with(.uid = 1000, .gid = 100);
    struct policy_peer peer = { .kind = KIND_UNIX, .who = &who };
    struct policy_explanation e;
    assert_int_equal(policy_explain(policy, &peer, verb, subject, strlen(subject), &e), 0);
    return e;
}

static void assert_ground(const struct policy_explanation *e, size_t i, const char *id,
                          const char *pattern, enum policy_step step)
{
    assert_in_range(i, 0, e->n_grounds - 1);
    assert_string_equal(e->grounds[i].rule->id, id);
    assert_string_equal(e->grounds[i].pattern, pattern);
    assert_int_equal(e->grounds[i].step, step);
}

static void each_ground_says_why_it_lost(void **state)
{
    (void)state;
    struct policy_snapshot *policy =
        policy_of("[all]\nallow = publish\n"
                  "[not-me]\ndeny = publish\nuid = 5\n"
                  "[not-this]\ndeny = publish\nsubject = b\n"
                  "[not-so]\ndeny = subscribe\nsubject = a.b\n"
                  "[star]\nallow = publish\nsubject = a.>, a.*\n"
                  "[mine]\nallow = publish\nsubject = a.*\nuid = 1000\n"
                  "[no]\ndeny = publish\nsubject = a.*\nuid = 1000\n"
                  "[no-too]\ndeny = publish\nsubject = a.*\nuid = 1000\n"
                  "[try]\ndeny = publish\nsubject = a.*\nuid = 1000\naudit-only = yes\n",
                  POLICY_DEFAULTS_USER, 1000);
    struct policy_explanation e = explain(policy, VERB_PUBLISH, "a.b");
    assert_verdict(e.verdict, false, "no");
    assert_verdict(e.worst, false, "no");
    assert_int_equal(e.n_grounds, 8);
    assert_ground(&e, 0, "no", "a.*", STEP_NONE);
    assert_ground(&e, 1, "no-too", "a.*", STEP_ID);
    assert_ground(&e, 2, "try", "a.*", STEP_AUDIT);
    assert_ground(&e, 3, "mine", "a.*", STEP_EFFECT);
    assert_ground(&e, 4, "star", "a.*", STEP_WHO);
    assert_ground(&e, 5, "all", ">", STEP_SUBJECT);
    assert_ground(&e, 6, "default:owner", "", STEP_ORIGIN);
    assert_ground(&e, 7, "default:deny", "", STEP_WHO);
    assert_string_equal(e.grounds[0].rule->file, "policy.conf");
    assert_int_equal(e.grounds[0].rule->line, 19);
    policy_explanation_deinit(&e);
    policy_explanation_deinit(&e);
    policy_unref(policy);
}

static void where_nothing_matches_the_last_resort_stands_alone(void **state)
{
    (void)state;
    struct policy_snapshot *policy = policy_of("[r]\nallow = publish");
    struct policy_explanation e = explain(policy, VERB_PUBLISH, "$a");
    assert_verdict(e.verdict, false, "default:deny");
    assert_int_equal(e.n_grounds, 1);
    assert_ground(&e, 0, "default:deny", "", STEP_NONE);
    policy_explanation_deinit(&e);
    e = explain(policy, VERB_CONNECT, "");
    assert_int_equal(e.n_grounds, 1);
    policy_explanation_deinit(&e);
    policy_unref(policy);
}

static void a_pattern_is_explained_by_what_overlaps_it(void **state)
{
    (void)state;
    struct policy_snapshot *policy =
        policy_of("[r]\nallow = subscribe\nsubject = a.>\n[s]\ndeny = subscribe\n"
                  "subject = a.secret, b.secret\n[t]\ndeny = subscribe\nsubject = c.>");
    struct policy_explanation e = explain(policy, VERB_SUBSCRIBE, "a.*");
    assert_verdict(e.verdict, true, "r");
    assert_verdict(e.worst, false, "s");
    assert_int_equal(e.n_grounds, 3);
    assert_ground(&e, 0, "s", "a.secret", STEP_NONE);
    assert_ground(&e, 1, "r", "a.>", STEP_SUBJECT);
    assert_ground(&e, 2, "default:deny", "", STEP_ORIGIN);
    policy_explanation_deinit(&e);
    policy_unref(policy);
}

/* It asks without leaving a trace: no number is taken from those who are connected. */
static void to_explain_costs_nobody_a_number(void **state)
{
    (void)state;
    struct policy_snapshot *policy = policy_of("[r]\nallow = publish\nuid = 1000");
    struct policy_explanation e = explain(policy, VERB_PUBLISH, "a");
    struct principal who = principal_with(.uid = 7);
    policy_explanation_deinit(&e);
    struct rights *rights = rights_for(policy, &who);
    assert_int_equal(rights->index, 0);
    assert_int_equal(rights_epoch(policy), 0);
    rights_unref(rights);
    policy_unref(policy);
}

struct order_row {
    const char *a, *b;
    int order;
};

static void patterns_have_an_order(void **state)
{
    static const struct order_row rows[] = {
        { "a", "a", 0 },      { "a", "b", 0 },      { "a", "*", -1 },     { "*", ">", -1 },
        { "a.b", "a.*", -1 }, { "a.>", "*.b", -1 }, { "*.>", "*.*", 1 },  { ">", "", -1 },
        { "a", "", -1 },      { "", "", 0 },        { "a.b", "a.>", -1 }, { "a.*.c", "a.*.*", -1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int order = policy_pattern_order(rows[i].a, rows[i].b);
        int other = policy_pattern_order(rows[i].b, rows[i].a);
        assert_int_equal((order > 0) - (order < 0), rows[i].order);
        assert_int_equal((other > 0) - (other < 0), -rows[i].order);
    }
}

static void steps_have_texts(void **state)
{
    (void)state;
    for (int step = STEP_ORIGIN; step < STEP_NONE; step++)
        assert_true(strlen(policy_step_text((enum policy_step)step)) > 5);
    assert_string_equal(policy_step_text(STEP_NONE), "");
    assert_string_equal(policy_step_text((enum policy_step)99), "unknown");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_ground_says_why_it_lost),
        kit_test(where_nothing_matches_the_last_resort_stands_alone),
        kit_test(a_pattern_is_explained_by_what_overlaps_it),
        kit_test(to_explain_costs_nobody_a_number),
        kit_test(patterns_have_an_order),
        kit_test(steps_have_texts),
    };
    return kit_run("policy_explain", tests, KIT_LENGTH(tests));
}
