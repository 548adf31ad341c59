/* The rules of a snapshot by their subjects: clauses in order, and a tree of
 * tokens above them.
 *
 * A clause is one rule about one pattern. Those of one pattern stand side by
 * side, the one that goes first in front, so a node of the tree names them by
 * their range; which of them count for a connection is a bit each in its rights.
 * Built once, by policy_make, and constant from then on.
 */
#pragma once

#include "broker/guard/policy_rule.h"

struct policy_clause {
    const char *pattern; /* the rule's; "" is every subject, and for verbs without one */
    const struct policy_rule *rule;
    uint8_t len;
    uint8_t verbs;
    bool first; /* of its pattern */
};

struct policy_range {
    uint32_t first, end;
};

struct policy_token {
    const char *s;
    uint32_t hash;
    uint8_t len; /* 0: a token that no rule spells out */
};

/* Links are numbers of nodes; 0 is none, as the first root is nobody's child. */
struct policy_node {
    struct policy_token token;
    uint32_t parent;
    uint32_t first_child; /* literal ones, linked by next_sibling */
    uint32_t next_sibling;
    uint32_t star;
    struct policy_range here; /* of the pattern that ends here */
    struct policy_range rest; /* of the one that has ">" here */
    uint8_t verbs;            /* of all clauses at and below it */
};

/* Each root's `here` is "". */
enum { ROOT_WRITTEN, ROOT_BUILTIN, N_ROOTS };

struct policy_tree {
    struct policy_clause *clauses;
    uint32_t n_clauses;
    struct policy_node *nodes;
    uint32_t n_nodes;
    uint32_t *edges; /* children by parent and token; 0: an empty place */
    uint32_t edge_mask;
    unsigned depth; /* tokens of the longest pattern */
};

/* 0 or -ENOMEM; the rules must outlive it. */
int policy_tree_init(struct policy_tree *tree, const struct policy_rule *rules, size_t n_rules);
/* For one that is zeroed, too. */
void policy_tree_deinit(struct policy_tree *tree);

/* The token s[0..len), hashed. */
struct policy_token policy_token_of(const char *s, size_t len);
/* The child by that token; 0: none. */
uint32_t policy_tree_child(const struct policy_tree *tree, uint32_t parent,
                           const struct policy_token *token);
