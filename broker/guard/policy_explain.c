#include "broker/guard/policy_explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/guard/policy_snapshot.h"
#include "proto/subject.h"

const char *policy_step_text(enum policy_step step)
{
    static const char *const texts[] = {
        [STEP_ORIGIN] = "a rule that was written goes before the defaults",
        [STEP_SUBJECT] = "a more specific subject goes first",
        [STEP_WHO] = "who is named more specifically goes first",
        [STEP_EFFECT] = "deny goes before allow",
        [STEP_AUDIT] = "what is enforced goes before audit-only",
        [STEP_ID] = "the same answer: the first in the order of ids is named",
        [STEP_NONE] = "",
    };
    return (unsigned)step <= STEP_NONE ? texts[step] : "unknown";
}

/* -- patterns --------------------------------------------------------------------------------- */

/* A place in a pattern; n = 0: behind its end. */
struct token_at {
    const char *s;
    size_t n;
    const char *end;
};

static struct token_at token_from(const char *s, const char *end)
{
    const char *dot = s < end ? memchr(s, '.', (size_t)(end - s)) : NULL;
    return (struct token_at){ s, (size_t)((dot ? dot : end) - s), end };
}

static void step_on(struct token_at *t)
{
    const char *behind = t->s + t->n;
    *t = token_from(behind < t->end ? behind + 1 : t->end, t->end);
}

static bool is(const struct token_at *t, char wildcard)
{
    return t->n == 1 && *t->s == wildcard;
}

static bool tokens_meet(const struct token_at *a, const struct token_at *b, bool first)
{
    bool a_wild = is(a, '*') || is(a, '>'), b_wild = is(b, '*') || is(b, '>');
    if (a_wild && b_wild)
        return true;
    if (a_wild || b_wild)
        return !first || *(a_wild ? b : a)->s != '$';
    return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
}

bool policy_patterns_overlap(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct token_at x = token_from(a, a + a_len), y = token_from(b, b + b_len);
    for (bool first = true; x.n && y.n; first = false) {
        if (!tokens_meet(&x, &y, first))
            return false;
        if (is(&x, '>') || is(&y, '>'))
            return true;
        step_on(&x);
        step_on(&y);
    }
    return x.n == 0 && y.n == 0;
}

/* The higher, the less specific. */
static int width_of(const struct token_at *t)
{
    return t->n == 0 ? 3 : is(t, '>') ? 2 : is(t, '*') ? 1 : 0;
}

int policy_pattern_order(const char *a, const char *b)
{
    struct token_at x = token_from(a, a + strlen(a)), y = token_from(b, b + strlen(b));
    for (; x.n || y.n; step_on(&x), step_on(&y)) {
        if (width_of(&x) != width_of(&y))
            return width_of(&x) - width_of(&y);
    }
    return 0;
}

/* -- grounds ---------------------------------------------------------------------------------- */

static int compare(const struct policy_ground *a, const struct policy_ground *b,
                   enum policy_step *ret_step)
{
    *ret_step = STEP_ORIGIN;
    if (a->rule->builtin != b->rule->builtin)
        return a->rule->builtin ? 1 : -1;
    *ret_step = STEP_SUBJECT;
    int order = policy_pattern_order(a->pattern, b->pattern);
    return order ? order : policy_rule_order(a->rule, b->rule, ret_step);
}

static int compare_grounds(const void *a, const void *b)
{
    enum policy_step step;
    return compare(a, b, &step); /* never 0: a rule is there once */
}

struct question {
    const struct policy_peer *peer;
    const char *subject;
    size_t len;
    enum policy_verb verb;
};

/* The pattern by which the rule speaks of the subject; NULL: by none. */
static const char *pattern_for(const struct policy_rule *rule, const struct question *q)
{
    const char *best = NULL;
    if (!(rule->verbs & POLICY_VERB_BIT(q->verb)))
        return NULL;
    if (!policy_verb_has_subject(q->verb) || rule->patterns.n == 0)
        return "";
    for (size_t i = 0; i < rule->patterns.n; i++) {
        const char *pattern = rule->patterns.texts[i];
        if (policy_patterns_overlap(pattern, strlen(pattern), q->subject, q->len) &&
            (!best || policy_pattern_order(pattern, best) < 0))
            best = pattern;
    }
    return best;
}

static size_t collect(struct policy_ground *grounds, const struct policy_snapshot *policy,
                      const struct question *q)
{
    size_t n = 0;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        const char *pattern = policy_rule_is_for(rule, q->peer) ? pattern_for(rule, q) : NULL;
        if (pattern)
            grounds[n++] = (struct policy_ground){ .rule = rule, .pattern = pattern };
    }
    if (n > 1)
        qsort(grounds, n, sizeof *grounds, compare_grounds);
    grounds[n++] = (struct policy_ground){ .rule = &policy_default_deny, .pattern = "" };
    grounds[0].step = STEP_NONE;
    for (size_t i = 1; i < n; i++)
        (void)compare(&grounds[i - 1], &grounds[i], &grounds[i].step);
    return n;
}

int policy_explain(struct policy_snapshot *policy, const struct policy_peer *peer,
                   enum policy_verb verb, const char *subject, size_t len,
                   struct policy_explanation *ret)
{
    struct question q = { peer, subject, len, verb };
    struct policy_ground *grounds = calloc(policy->n_rules + 1, sizeof *grounds);
    const struct rights *rights = grounds ? rights_draft(policy, peer) : NULL;
    if (!rights) {
        free(grounds);
        return -ENOMEM;
    }
    ret->verdict = rights_some(rights, verb, subject, len);
    ret->worst = rights_every(rights, verb, subject, len);
    ret->grounds = grounds;
    ret->n_grounds = collect(grounds, policy, &q);
    return 0;
}

void policy_explanation_deinit(struct policy_explanation *explanation)
{
    free(explanation->grounds);
    *explanation = (struct policy_explanation){ 0 };
}
