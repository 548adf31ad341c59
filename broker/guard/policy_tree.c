#include "broker/guard/policy_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/subject.h"

/* -- clauses ---------------------------------------------------------------------------------- */

static size_t count_clauses(const struct policy_rule *rules, size_t n_rules)
{
    size_t n = 0;
    for (size_t i = 0; i < n_rules; i++)
        n += rules[i].patterns.n + 1;
    return n;
}

static void add_clause(struct policy_tree *tree, const struct policy_rule *rule,
                       const char *pattern, unsigned verbs)
{
    if (verbs)
        tree->clauses[tree->n_clauses++] = (struct policy_clause){
            .pattern = pattern,
            .rule = rule,
            .len = (uint8_t)strlen(pattern),
            .verbs = (uint8_t)verbs,
        };
}

static void add_clauses(struct policy_tree *tree, const struct policy_rule *rule)
{
    unsigned about = rule->verbs & POLICY_VERBS_SUBJECT;
    if (rule->patterns.n == 0)
        add_clause(tree, rule, "", rule->verbs);
    else
        add_clause(tree, rule, "", rule->verbs & POLICY_VERBS_PLAIN);
    for (size_t i = 0; i < rule->patterns.n; i++)
        add_clause(tree, rule, rule->patterns.texts[i], about);
}

/* Whether both are at the same place of the tree, and if not, which is sorted first. */
static int compare_places(const struct policy_clause *a, const struct policy_clause *b)
{
    if (a->rule->builtin != b->rule->builtin)
        return a->rule->builtin ? 1 : -1;
    return strcmp(a->pattern, b->pattern);
}

static int compare_clauses(const void *a, const void *b)
{
    const struct policy_clause *one = a, *other = b;
    int order = compare_places(one, other);
    return order ? order : policy_rule_order(one->rule, other->rule, NULL);
}

static int make_clauses(struct policy_tree *tree, const struct policy_rule *rules, size_t n_rules)
{
    tree->clauses = calloc(count_clauses(rules, n_rules) + 1, sizeof *tree->clauses);
    if (!tree->clauses)
        return -ENOMEM;
    for (size_t i = 0; i < n_rules; i++)
        add_clauses(tree, &rules[i]);
    struct policy_clause *clauses = tree->clauses;
    qsort(clauses, tree->n_clauses, sizeof *clauses, compare_clauses);
    for (uint32_t i = 0; i < tree->n_clauses; i++)
        clauses[i].first = i == 0 || compare_places(&clauses[i - 1], &clauses[i]) != 0;
    return 0;
}

/* -- nodes ------------------------------------------------------------------------------------ */

struct policy_token policy_token_of(const char *s, size_t len)
{
    return (struct policy_token){
        .s = s,
        .hash = (uint32_t)(subject_hash(s, len, 0) >> 32),
        .len = (uint8_t)len,
    };
}

static uint32_t edge_start(const struct policy_tree *tree, uint32_t parent, uint32_t hash)
{
    return (hash ^ parent * UINT32_C(0x9e3779b1)) & tree->edge_mask;
}

static bool is_child(const struct policy_node *node, uint32_t parent,
                     const struct policy_token *token)
{
    return node->token.hash == token->hash && node->parent == parent &&
           node->token.len == token->len && memcmp(node->token.s, token->s, token->len) == 0;
}

/* The place of the child, or the empty one where it would be. */
static uint32_t *find_edge(const struct policy_tree *tree, uint32_t parent,
                           const struct policy_token *token)
{
    uint32_t at = edge_start(tree, parent, token->hash);
    while (tree->edges[at] && !is_child(&tree->nodes[tree->edges[at]], parent, token))
        at = (at + 1) & tree->edge_mask;
    return &tree->edges[at];
}

uint32_t policy_tree_child(const struct policy_tree *tree, uint32_t parent,
                           const struct policy_token *token)
{
    return *find_edge(tree, parent, token);
}

static uint32_t node_add(struct policy_tree *tree, uint32_t parent, struct policy_token token)
{
    tree->nodes[tree->n_nodes] = (struct policy_node){ .token = token, .parent = parent };
    return tree->n_nodes++;
}

static uint32_t literal_child(struct policy_tree *tree, uint32_t parent, struct policy_token token)
{
    uint32_t *edge = find_edge(tree, parent, &token);
    if (*edge == 0) {
        *edge = node_add(tree, parent, token);
        tree->nodes[*edge].next_sibling = tree->nodes[parent].first_child;
        tree->nodes[parent].first_child = *edge;
    }
    return *edge;
}

static uint32_t star_child(struct policy_tree *tree, uint32_t parent)
{
    if (tree->nodes[parent].star == 0) {
        uint32_t star = node_add(tree, parent, (struct policy_token){ 0 });
        tree->nodes[parent].star = star;
    }
    return tree->nodes[parent].star;
}

static size_t token_end(const char *s)
{
    return strcspn(s, ".");
}

/* Where the clauses of the pattern are to be named; the nodes on the way are made. */
static struct policy_range *place_of(struct policy_tree *tree, const struct policy_clause *clause,
                                     unsigned verbs)
{
    uint32_t node = clause->rule->builtin ? ROOT_BUILTIN : ROOT_WRITTEN;
    const char *s = clause->pattern;
    unsigned n_tokens = 0;
    tree->nodes[node].verbs |= (uint8_t)verbs;
    while (*s) {
        size_t len = token_end(s);
        tree->depth = ++n_tokens > tree->depth ? n_tokens : tree->depth;
        if (len == 1 && *s == '>')
            return &tree->nodes[node].rest;
        node = len == 1 && *s == '*' ? star_child(tree, node)
                                     : literal_child(tree, node, policy_token_of(s, len));
        tree->nodes[node].verbs |= (uint8_t)verbs;
        s += s[len] ? len + 1 : len;
    }
    return &tree->nodes[node].here;
}

static void hang_clauses(struct policy_tree *tree)
{
    for (uint32_t first = 0, end; first < tree->n_clauses; first = end) {
        unsigned verbs = 0;
        end = first;
        do
            verbs |= tree->clauses[end++].verbs;
        while (end < tree->n_clauses && !tree->clauses[end].first);
        *place_of(tree, &tree->clauses[first], verbs) = (struct policy_range){ first, end };
    }
}

static size_t count_tokens(const struct policy_tree *tree)
{
    size_t n = 0;
    for (uint32_t i = 0; i < tree->n_clauses; i++) {
        if (tree->clauses[i].first) {
            for (const char *s = tree->clauses[i].pattern; *s; s++)
                n += *s == '.';
            n++;
        }
    }
    return n;
}

/* All that the nodes can need is there before the first is made: nothing fails half way. */
static int make_nodes(struct policy_tree *tree)
{
    size_t n = count_tokens(tree), room = 4;
    while (room < 2 * n)
        room *= 2;
    tree->nodes = calloc(n + N_ROOTS, sizeof *tree->nodes);
    tree->edges = calloc(room, sizeof *tree->edges);
    if (!tree->nodes || !tree->edges)
        return -ENOMEM;
    tree->n_nodes = N_ROOTS;
    tree->edge_mask = (uint32_t)(room - 1);
    hang_clauses(tree);
    return 0;
}

int policy_tree_init(struct policy_tree *tree, const struct policy_rule *rules, size_t n_rules)
{
    *tree = (struct policy_tree){ 0 };
    int r = make_clauses(tree, rules, n_rules);
    if (r == 0)
        r = make_nodes(tree);
    if (r < 0)
        policy_tree_deinit(tree);
    return r;
}

void policy_tree_deinit(struct policy_tree *tree)
{
    free(tree->clauses);
    free(tree->nodes);
    free(tree->edges);
    *tree = (struct policy_tree){ 0 };
}
