/* Rules of a policy as text, and questions to what was made of them, which the oracle answers too.
 *
 * Lines: "[ID]" begins a rule, "key = value" is a key of it, "? PATTERN" asks, for every verb and
 * some peers, "default user" and "default system" bring the defaults, "audit" makes it
 * audit-only; others are nothing.
 */
#include "broker/guard/policy_explain.h"
#include "proto/subject.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/policy_oracle.h"

enum { MAX_INPUT = 4096, MAX_QUESTIONS = 6 };

static gid_t some_groups[] = { 20, 30 };
static const struct principal people[] = {
    { .uid = 0, .gid = 0, .pidfd = -1 },
    { .uid = 1000, .gid = 10, .pidfd = -1, .groups = some_groups, .n_groups = 2 },
    { .uid = 1001, .gid = 20, .pidfd = -1, .executable = (char *)"/bin/a" },
};
static const struct policy_peer peers[] = {
    { KIND_UNIX, &people[0] },   { KIND_UNIX, &people[1] }, { KIND_UNIX, &people[2] },
    { KIND_BRIDGE, &people[1] }, { KIND_ANONYMOUS, NULL },
};
enum { N_PEERS = sizeof peers / sizeof peers[0] };

struct input {
    struct policy_builder *b;
    struct oracle_policy oracle;
    const char *questions[MAX_QUESTIONS];
    size_t n_questions;
    enum policy_defaults defaults;
    bool refused;
    char why[POLICY_WHY_MAX];
};

/* What a builder refuses has a sentence. */
static bool accepted(struct input *in, int r)
{
    REQUIRE(r <= 0);
    REQUIRE(r == 0 || (*in->why && memchr(in->why, '\0', sizeof in->why)));
    in->refused |= r < 0;
    *in->why = '\0';
    return !in->refused;
}

static void read_line(struct input *in, char *line, unsigned number)
{
    char *equals = strstr(line, " = ");
    size_t len = strlen(line);
    if (*line == '[' && len > 1) {
        line[len - 1] = '\0';
        if (accepted(in, policy_builder_rule(in->b, line + 1, "fuzz", number, in->why)))
            oracle_rule_add(&in->oracle, line + 1);
    } else if (len > 2 && strncmp(line, "? ", 2) == 0) {
        if (in->n_questions < MAX_QUESTIONS && pattern_valid(line + 2, len - 2, NULL))
            in->questions[in->n_questions++] = line + 2;
    } else if (strcmp(line, "default user") == 0) {
        in->defaults = POLICY_DEFAULTS_USER;
    } else if (strcmp(line, "default system") == 0) {
        in->defaults = POLICY_DEFAULTS_SYSTEM;
    } else if (strcmp(line, "audit") == 0) {
        in->oracle.audit_only = true;
    } else if (equals) {
        *equals = '\0';
        if (accepted(in, policy_builder_set(in->b, line, equals + 3, "fuzz", number, in->why)))
            oracle_set(&in->oracle, line, equals + 3);
    }
}

static int rank_of(const struct policy_verdict *verdict)
{
    REQUIRE(verdict->rule && (!verdict->audit || verdict->allowed));
    return !verdict->allowed ? 0 : verdict->audit ? 1 : 2;
}

static void check_answer(const struct input *in, const struct rights *rights, size_t peer,
                         enum policy_verb verb, const char *subject)
{
    struct policy_verdict verdict = rights_check(rights, verb, subject, strlen(subject));
    if (rights_pass(rights, verb, subject))
        REQUIRE(rank_of(&verdict) == 2);
    if (in->oracle.too_large)
        return;
    struct oracle_answer answer = oracle_decide(&in->oracle, &peers[peer], (int)verb, subject);
    REQUIRE(verdict.allowed == answer.allowed && strcmp(verdict.rule->id, answer.id) == 0);
    REQUIRE(!verdict.audit == !answer.audit);
    REQUIRE(!answer.audit || strcmp(verdict.audit->id, answer.audit) == 0);
}

/* No subject of a pattern gets better than its best, or worse than its worst. */
static void check_bounds(const struct input *in, const struct rights *rights, enum policy_verb verb,
                         const char *pattern)
{
    struct policy_verdict some = rights_some(rights, verb, pattern, strlen(pattern));
    struct policy_verdict every = rights_every(rights, verb, pattern, strlen(pattern));
    int best = rank_of(&some), worst = rank_of(&every);
    REQUIRE(worst <= best);
    for (size_t i = 0; i < in->n_questions; i++) {
        const char *other = in->questions[i];
        if (!policy_verb_has_subject(verb) || !subject_valid(other, strlen(other), NULL) ||
            !pattern_match(pattern, strlen(pattern), other, strlen(other)))
            continue;
        struct policy_verdict verdict = rights_check(rights, verb, other, strlen(other));
        REQUIRE(worst <= rank_of(&verdict) && rank_of(&verdict) <= best);
        if (subject_valid(pattern, strlen(pattern), NULL))
            REQUIRE(some.rule == verdict.rule && every.rule == verdict.rule);
    }
}

static void check_explanation(struct policy_snapshot *policy, const struct rights *rights,
                              size_t peer, enum policy_verb verb, const char *pattern)
{
    struct policy_explanation e;
    struct policy_verdict some = rights_some(rights, verb, pattern, strlen(pattern));
    REQUIRE(policy_explain(policy, &peers[peer], verb, pattern, strlen(pattern), &e) == 0);
    REQUIRE(e.verdict.rule == some.rule && e.verdict.audit == some.audit);
    size_t first = 0;
    while (e.grounds[first].rule->audit_only)
        first++;
    if (subject_valid(pattern, strlen(pattern), NULL))
        REQUIRE(e.grounds[first].rule == some.rule);
    REQUIRE(first < e.n_grounds && e.grounds[e.n_grounds - 1].rule == &policy_default_deny);
    policy_explanation_deinit(&e);
}

static void ask_all(const struct input *in, struct policy_snapshot *policy)
{
    for (size_t peer = 0; peer < N_PEERS; peer++) {
        struct rights *rights = NULL;
        REQUIRE(rights_of(policy, &peers[peer], &rights) == 0);
        for (size_t i = 0; i < in->n_questions * N_VERBS; i++) {
            const char *question = in->questions[i / N_VERBS];
            enum policy_verb verb = (enum policy_verb)(i % N_VERBS);
            if (subject_valid(question, strlen(question), NULL))
                check_answer(in, rights, peer, verb, question);
            check_bounds(in, rights, verb, question);
            if (peer == 1) /* the slowest part of it */
                check_explanation(policy, rights, peer, verb, question);
        }
        rights_unref(rights);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct input in;
    struct policy_snapshot *policy = NULL;
    char text[MAX_INPUT + 1], *rest = text;
    if (len > MAX_INPUT)
        return 0;
    memcpy(text, data, len);
    text[len] = '\0';
    in.b = policy_builder_new();
    in.oracle.n_rules = in.n_questions = 0;
    in.oracle.audit_only = in.oracle.too_large = in.refused = false;
    in.defaults = POLICY_DEFAULTS_NONE;
    REQUIRE(in.b);
    for (unsigned number = 1; rest; number++)
        read_line(&in, strsep(&rest, "\n"), number);
    policy_builder_defaults(in.b, in.defaults, 1000);
    policy_builder_audit_only(in.b, in.oracle.audit_only);
    int r = policy_builder_finish(in.b, &policy, in.why);
    REQUIRE((r == 0) == (policy != NULL));
    REQUIRE(r == 0 || strncmp(in.why, "fuzz:", 5) == 0);
    REQUIRE(r < 0 || !in.refused);
    if (r == 0) {
        oracle_finish(&in.oracle, in.defaults, 1000);
        ask_all(&in, policy);
    }
    policy_unref(policy);
    policy_builder_free(in.b);
    return 0;
}
