/* Random policies against the oracle: every subject of a small world, patterns over it, and the
 * explanation, for random peers and every verb.
 *
 * BROKER_TEST_CASES says how many; without it, a million.
 */
#include "tests/unit/policy_random.h"

enum { N_CASES = 1000000, PATTERNS = 40, EXPLANATIONS = 12 };

static struct policy_peer random_peer(struct principal *who)
{
    static gid_t groups[4];
    static const char *const programs[] = { "/bin/a", "/bin/b", "/x,y", "/bin/c" };
    static const uid_t uids[] = { 0, 1, 1000, 1001, 1002, (uid_t)-1 };
    *who = (struct principal)PRINCIPAL_INIT;
    who->uid = uids[random_below(&seed, chance(95) ? 5 : 6)];
    who->gid = (gid_t)random_below(&seed, 4) * 10;
    who->groups = groups;
    who->n_groups = random_below(&seed, 3);
    for (size_t i = 0; i < who->n_groups; i++)
        groups[i] = (gid_t)random_below(&seed, 4) * 10;
    who->executable = chance(60) ? (char *)ONE_OF(programs) : NULL;
    enum policy_kind kind = chance(80) ? KIND_UNIX : chance(50) ? KIND_BRIDGE : KIND_ANONYMOUS;
    return (struct policy_peer){ .kind = kind, .who = chance(95) ? who : NULL };
}

/* -- comparing -------------------------------------------------------------------------------- */

struct run {
    struct both both;
    struct policy_peer peer;
    struct rights *rights;
    enum policy_verb verb;
    struct oracle_answer answers[WORLD_MAX];
    uint64_t n_cases;
    uint64_t n_allowed;
    uint64_t n_per_verb[N_VERBS];
};

static void disagree(const struct run *run, const char *what, const char *subject,
                     const struct policy_verdict *verdict, const struct oracle_answer *answer)
{
    for (size_t i = 0; i < run->both.oracle.n_rules; i++) {
        const struct oracle_rule *rule = &run->both.oracle.rules[i];
        printf("%s: %s%s", rule->id, rule->allow ? "allow" : "deny", rule->audit ? " (audit)" : "");
        for (size_t j = 0; j < rule->n_subjects; j++)
            printf(" %s", rule->subjects[j]);
        printf(oracle_is_for(rule, &run->peer) ? ", for this peer\n" : "\n");
    }
    fail_msg("%s %s \"%s\": %d by %s, audit %s; the oracle: %d by %s, audit %s", what,
             policy_verb_name(run->verb), subject, verdict->allowed, verdict->rule->id,
             verdict->audit ? verdict->audit->id : "-", answer->allowed, answer->id,
             answer->audit ? answer->audit : "-");
}

static bool same_id(const struct policy_rule *rule, const char *id)
{
    return rule && id ? strcmp(rule->id, id) == 0 : !rule && !id;
}

static void check_subjects(struct run *run)
{
    for (size_t i = 0; i < n_world; i++) {
        const char *subject = world[i];
        struct oracle_answer *answer = &run->answers[i];
        *answer = oracle_decide(&run->both.oracle, &run->peer, (int)run->verb, subject);
        struct policy_verdict verdict = ask(run->rights, run->verb, subject);
        if (verdict.allowed != answer->allowed || !same_id(verdict.rule, answer->id) ||
            !same_id(verdict.audit, answer->audit))
            disagree(run, "check", subject, &verdict, answer);
        if (rights_pass(run->rights, run->verb, subject) && (!answer->allowed || answer->audit))
            disagree(run, "pass", subject, &verdict, answer);
        run->n_allowed += answer->allowed;
    }
    run->n_cases += n_world;
    run->n_per_verb[run->verb] += n_world;
}

static int rank(bool allowed, bool audit)
{
    return !allowed ? 0 : audit ? 1 : 2;
}

/* Whether the rule named is one that gives some subject of the pattern this verdict. */
static bool is_of(const struct run *run, const char *pattern, const struct policy_verdict *verdict)
{
    for (size_t i = 0; i < n_world; i++) {
        if (same_id(verdict->rule, run->answers[i].id) &&
            same_id(verdict->audit, run->answers[i].audit) &&
            (!policy_verb_has_subject(run->verb) ||
             oracle_match(pattern, strlen(pattern), world[i], strlen(world[i]))))
            return true;
    }
    return false;
}

static void check_pattern(struct run *run, const char *pattern)
{
    size_t len = strlen(pattern);
    int best = -1, worst = 3;
    for (size_t i = 0; i < n_world; i++) {
        int it = rank(run->answers[i].allowed, run->answers[i].audit);
        if (policy_verb_has_subject(run->verb) &&
            !oracle_match(pattern, len, world[i], strlen(world[i])))
            continue;
        best = it > best ? it : best;
        worst = it < worst ? it : worst;
    }
    struct policy_verdict some = rights_some(run->rights, run->verb, pattern, len);
    struct policy_verdict every = rights_every(run->rights, run->verb, pattern, len);
    if (rank(some.allowed, some.audit) != best || !is_of(run, pattern, &some))
        disagree(run, "some", pattern, &some, &(struct oracle_answer){ "?", NULL, best > 0 });
    if (rank(every.allowed, every.audit) != worst || !is_of(run, pattern, &every))
        disagree(run, "every", pattern, &every, &(struct oracle_answer){ "?", NULL, worst > 0 });
    run->n_cases += 2;
}

/* How many rules have a word in it, the last resort included. */
static size_t count_words(const struct run *run, const char *subject)
{
    size_t n = 1;
    struct oracle_word word;
    for (size_t i = 0; i < run->both.oracle.n_rules; i++) {
        const struct oracle_rule *rule = &run->both.oracle.rules[i];
        n +=
            oracle_is_for(rule, &run->peer) && oracle_word_of(rule, (int)run->verb, subject, &word);
    }
    return n;
}

static void check_explanation(struct run *run, size_t i)
{
    struct policy_explanation e;
    const char *subject = world[i];
    const struct oracle_answer *answer = &run->answers[i];
    assert_int_equal(
        policy_explain(run->both.policy, &run->peer, run->verb, subject, strlen(subject), &e), 0);
    size_t first = 0;
    while (e.grounds[first].rule->audit_only)
        first++;
    if (!same_id(e.grounds[first].rule, answer->id) || e.verdict.allowed != answer->allowed ||
        !same_id(e.verdict.audit, answer->audit) || e.worst.rule != e.verdict.rule)
        disagree(run, "explain", subject, &e.verdict, answer);
    assert_int_equal(e.n_grounds, count_words(run, subject));
    assert_string_equal(e.grounds[e.n_grounds - 1].rule->id, "default:deny");
    policy_explanation_deinit(&e);
    run->n_cases++;
}

static void check_peer(struct run *run)
{
    struct principal who;
    run->peer = random_peer(&who);
    run->verb = (enum policy_verb)random_below(&seed, N_VERBS);
    assert_int_equal(rights_of(run->both.policy, &run->peer, &run->rights), 0);
    check_subjects(run);
    for (int i = 0; i < PATTERNS; i++) {
        char pattern[32];
        random_pattern(pattern);
        check_pattern(run, pattern);
    }
    for (int i = 0; i < EXPLANATIONS; i++)
        check_explanation(run, random_below(&seed, n_world));
    run->rights = rights_unref(run->rights);
}

static void it_agrees_with_the_oracle(void **state)
{
    static struct run run;
    const char *wanted = getenv("BROKER_TEST_CASES");
    uint64_t n_cases = wanted ? strtoull(wanted, NULL, 10) : N_CASES;
    (void)state;
    kit_deadline(wanted ? 3600 : 120);
    make_world();
    for (seed = 1; run.n_cases < n_cases;) {
        random_policy(&run.both, NULL);
        for (int i = 0; i < 3; i++)
            check_peer(&run);
        run.both.policy = policy_unref(run.both.policy);
    }
    printf("%zu cases, %zu subjects allowed\n", (size_t)run.n_cases, (size_t)run.n_allowed);
    for (int verb = 0; verb < N_VERBS; verb++)
        assert_true(run.n_per_verb[verb] > n_cases / 20);
    /* Neither answer is the usual one. */
    assert_in_range(run.n_allowed, n_cases / 10, n_cases / 2);
}

/* The overlap of patterns that explanations rest on, by every subject of the world. */
static void patterns_overlap_where_a_subject_is(void **state)
{
    (void)state;
    make_world();
    for (int i = 0; i < 20000; i++) {
        char a[32], b[32];
        bool some = false;
        random_pattern(a);
        random_pattern(b);
        for (size_t j = 0; j < n_world; j++)
            some |= oracle_match(a, strlen(a), world[j], strlen(world[j])) &&
                    oracle_match(b, strlen(b), world[j], strlen(world[j]));
        if (policy_patterns_overlap(a, strlen(a), b, strlen(b)) != some)
            fail_msg("\"%s\" and \"%s\"", a, b);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_agrees_with_the_oracle),
        kit_test(patterns_overlap_where_a_subject_is),
    };
    return kit_run("policy_oracle", tests, KIT_LENGTH(tests));
}
