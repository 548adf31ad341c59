#include <string.h>

#include "broker/guard/policy_snapshot.h"

/* One question on its way through the tree. */
struct asking {
    const struct rights *rights;
    const struct policy_tree *tree;
    struct policy_tokens *subject;
    const struct policy_rule *rule;
    const struct policy_rule *audit; /* the first that would have refused, had it counted */
    uint8_t verb;                    /* its bit */
    bool dollar;
};

/* Whether the subject has an i-th token; those before it were taken. */
static inline bool has_token(const struct policy_tokens *subject, unsigned i)
{
    return i < subject->n || (subject->next && i < MAX_TOKENS);
}

/* The i-th, which there is. */
static const struct policy_token *take_token(struct policy_tokens *subject, unsigned i)
{
    if (i == subject->n) {
        const char *from = subject->next, *dot = from;
        while (dot < subject->end && *dot != '.')
            dot++;
        subject->next = dot < subject->end ? dot + 1 : NULL;
        subject->tokens[subject->n++] = policy_token_of(from, (size_t)(dot - from));
    }
    return &subject->tokens[i];
}

uint32_t rights_next(const struct rights *rights, const struct policy_range *range, uint8_t verb)
{
    const struct policy_clause *clauses = rights->policy->tree.clauses;
    for (uint32_t at = range->first; at < range->end; at++) {
        uint64_t word = rights->clauses[at / 64] >> at % 64;
        if (word == 0) {
            at |= 63; /* on to the next word */
            continue;
        }
        at += (uint32_t)__builtin_ctzll(word);
        if (at < range->end && clauses[at].verbs & verb)
            return at;
    }
    return range->end;
}

/* Whether one of the clauses decides. */
static bool clauses_say(struct asking *q, struct policy_range range)
{
    for (; (range.first = rights_next(q->rights, &range, q->verb)) < range.end; range.first++) {
        const struct policy_rule *rule = q->tree->clauses[range.first].rule;
        if (!rule->audit_only) {
            q->rule = rule;
            return true;
        }
        if (!q->audit)
            q->audit = rule;
    }
    return false;
}

/* The most specific pattern first: literal, "*", ">" at each token from the left. */
static bool node_says(struct asking *q, uint32_t number, unsigned i)
{
    const struct policy_node *node = &q->tree->nodes[number];
    if (!(node->verbs & q->verb))
        return false;
    if (!has_token(q->subject, i))
        return clauses_say(q, node->here);
    if (node->first_child) {
        uint32_t child = policy_tree_child(q->tree, number, take_token(q->subject, i));
        if (child && node_says(q, child, i + 1))
            return true;
    }
    if (i == 0 && q->dollar)
        return false;
    if (node->star) {
        (void)take_token(q->subject, i);
        if (node_says(q, node->star, i + 1))
            return true;
    }
    return clauses_say(q, node->rest);
}

static bool root_says(struct asking *q, uint32_t root)
{
    if (q->verb & POLICY_VERBS_SUBJECT && node_says(q, root, 0))
        return true;
    return clauses_say(q, q->tree->nodes[root].here);
}

static struct policy_verdict verdict_of(const struct asking *q)
{
    bool allowed = q->rule->effect == EFFECT_ALLOW;
    bool audited = !allowed && q->rights->policy->audit_only;
    return (struct policy_verdict){
        .rule = q->rule,
        .audit = allowed   ? q->audit
                 : audited ? q->rule
                           : NULL,
        .allowed = allowed || audited,
    };
}

struct policy_verdict rights_ask(const struct rights *rights, enum policy_verb verb,
                                 struct policy_tokens *subject)
{
    struct asking q = {
        .rights = rights,
        .tree = &rights->policy->tree,
        .subject = subject,
        .verb = POLICY_VERB_BIT(verb),
    };
    if (q.verb & POLICY_VERBS_SUBJECT)
        q.dollar = *(subject->n > 0 ? subject->tokens[0].s : subject->next) == '$';
    if (!root_says(&q, ROOT_WRITTEN) && !root_says(&q, ROOT_BUILTIN))
        q.rule = &policy_default_deny;
    return verdict_of(&q);
}

struct policy_verdict rights_check(const struct rights *rights, enum policy_verb verb,
                                   const char *subject, size_t len)
{
    struct policy_tokens tokens;
    tokens.n = 0;
    tokens.next = subject;
    tokens.end = subject ? subject + len : NULL;
    return rights_ask(rights, verb, &tokens);
}
