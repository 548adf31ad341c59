#include <string.h>

#include "broker/guard/policy_snapshot.h"

/* A pattern against the tree. Wherever the two overlap, the subjects that both match are again a
 * pattern; and of these subjects the one whose wildcards are tokens that no rule spells out is
 * matched by the fewest rules. What decides about any of them decides about this one, or less
 * does: so one question a place is enough. What ends in ">" asks one for each length that
 * rules can tell apart. */
struct search {
    const struct rights *rights;
    const struct policy_tree *tree;
    struct policy_token pattern[MAX_TOKENS];
    unsigned n_pattern;                      /* without a last ">" */
    bool open;                               /* it has one */
    struct policy_token subject[MAX_TOKENS]; /* as far as the walk has come */
    struct policy_verdict verdict;
    enum policy_verb verb;
    bool worst; /* look for that, and not for the best */
    bool done;
};

static const struct policy_token fresh = { .s = "", .len = 0 };

static bool is_fresh(const struct policy_token *token)
{
    return token->len == 0;
}

static int rank_of(const struct policy_verdict *verdict)
{
    return !verdict->allowed ? 0 : verdict->audit ? 1 : 2;
}

static void ask(struct search *s, unsigned n)
{
    struct policy_tokens tokens;
    tokens.n = n;
    tokens.next = NULL;
    memcpy(tokens.tokens, s->subject, n * sizeof *s->subject);
    struct policy_verdict verdict = rights_ask(s->rights, s->verb, &tokens);
    int rank = rank_of(&verdict), best = s->verdict.rule ? rank_of(&s->verdict) : -1;
    if (best < 0 || (s->worst ? rank < best : rank > best))
        s->verdict = verdict;
    s->done = rank_of(&s->verdict) == (s->worst ? 0 : 2);
}

/* subject[0..n) and, if it is open, one token or more. */
static void ask_lengths(struct search *s, unsigned n, bool open)
{
    if (!open) {
        ask(s, n);
        return;
    }
    do
        s->subject[n++] = fresh;
    while (ask(s, n), !s->done && n <= s->tree->depth && n < MAX_TOKENS);
}

/* Both the pattern from its i-th token on and all of the tree's ">". */
static void ask_rest(struct search *s, unsigned i)
{
    unsigned n = i < s->n_pattern ? s->n_pattern : i;
    for (unsigned at = i; at < s->n_pattern; at++)
        s->subject[at] = s->pattern[at];
    ask_lengths(s, n, s->open);
}

/* Whether a clause of this kind counts there: what can better, or worsen, the verdict. */
static bool matters(const struct search *s, struct policy_range range)
{
    uint8_t verb = POLICY_VERB_BIT(s->verb);
    enum policy_effect effect = s->worst ? EFFECT_DENY : EFFECT_ALLOW;
    for (; (range.first = rights_next(s->rights, &range, verb)) < range.end; range.first++) {
        if (s->tree->clauses[range.first].rule->effect == effect)
            return true;
    }
    return false;
}

static void overlap(struct search *s, uint32_t number, unsigned i);

static void overlap_children(struct search *s, const struct policy_node *node, unsigned i)
{
    for (uint32_t at = node->first_child; at && !s->done; at = s->tree->nodes[at].next_sibling) {
        s->subject[i] = s->tree->nodes[at].token;
        if (i > 0 || *s->subject[0].s != '$')
            overlap(s, at, i + 1);
    }
}

/* What the i-th token of the pattern, a wildcard or not, has in common with the node's. */
static void overlap_token(struct search *s, uint32_t number, unsigned i, bool wildcard)
{
    const struct policy_node *node = &s->tree->nodes[number];
    const struct policy_token *token = wildcard ? &fresh : &s->pattern[i];
    if (wildcard) {
        overlap_children(s, node, i);
    } else {
        uint32_t child = policy_tree_child(s->tree, number, token);
        s->subject[i] = *token;
        if (child)
            overlap(s, child, i + 1);
    }
    if (i == 0 && !wildcard && *token->s == '$')
        return;
    s->subject[i] = *token;
    if (node->star && !s->done)
        overlap(s, node->star, i + 1);
    if (!s->done && matters(s, node->rest))
        ask_rest(s, i);
}

/* subject[0..i) leads to the node, and matches the pattern that far. */
static void overlap(struct search *s, uint32_t number, unsigned i)
{
    const struct policy_node *node = &s->tree->nodes[number];
    bool complete = s->open ? i > s->n_pattern : i == s->n_pattern;
    if (s->done || !(node->verbs & POLICY_VERB_BIT(s->verb)))
        return;
    if (complete && matters(s, node->here))
        ask(s, i);
    if (!s->done && (s->open || !complete))
        overlap_token(s, number, i, i >= s->n_pattern || is_fresh(&s->pattern[i]));
}

static void split(struct search *s, const char *pattern, size_t len)
{
    const char *end = pattern + len;
    for (const char *from = pattern, *dot; from < end && !s->open; from = dot + 1) {
        dot = memchr(from, '.', (size_t)(end - from));
        dot = dot ? dot : end;
        size_t n = (size_t)(dot - from);
        s->open = n == 1 && *from == '>';
        if (!s->open && s->n_pattern < MAX_TOKENS)
            s->pattern[s->n_pattern++] = n == 1 && *from == '*' ? fresh : policy_token_of(from, n);
    }
}

static struct policy_verdict search(const struct rights *rights, enum policy_verb verb,
                                    const char *pattern, size_t len, bool worst)
{
    struct search s = {
        .rights = rights,
        .tree = &rights->policy->tree,
        .verb = verb,
        .worst = worst,
    };
    split(&s, pattern, len);
    ask_rest(&s, 0); /* what most of its subjects get, also from rules about every subject */
    if (rights_all(rights, verb))
        return s.verdict;
    overlap(&s, ROOT_WRITTEN, 0);
    overlap(&s, ROOT_BUILTIN, 0);
    return s.verdict;
}

struct policy_verdict rights_some(const struct rights *rights, enum policy_verb verb,
                                  const char *pattern, size_t len)
{
    if (!policy_verb_has_subject(verb))
        return rights_check(rights, verb, NULL, 0);
    return search(rights, verb, pattern, len, false);
}

struct policy_verdict rights_every(const struct rights *rights, enum policy_verb verb,
                                   const char *pattern, size_t len)
{
    if (!policy_verb_has_subject(verb))
        return rights_check(rights, verb, NULL, 0);
    return search(rights, verb, pattern, len, true);
}
