/* The subject index: which patterns match a subject.
 *
 * A pattern that somebody subscribes to or serves is a node; the subscriptions and
 * services hang on it. The nodes of patterns without wildcards stand in a hash
 * table by their whole text, so they are found in one step, however many there
 * are. Those with wildcards are the leaves of a trie of tokens: a branch is where
 * patterns part, and what no other pattern shares stands in the node, so most cost no more
 * than their text. The children of branches are in the same table, by branch and
 * token; the wildcards, which every walk looks for, have links. What nobody
 * hangs on is freed.
 *
 * Walks are bounded by the tokens of a subject (16) and by the branches and nodes that match
 * its beginning. Nodes stay where they are, whatever parts from them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/route/table.h"

/* What branches and nodes have in common: a place in the table. */
struct edge {
    slab_ref next;   /* in its bucket */
    slab_ref parent; /* the branch it leaves; 0: a pattern without wildcards */
    bool is_branch;
    uint8_t at;      /* of its text, where it begins: what stands before, the branches say */
    uint8_t len;     /* of its text */
};

struct node {
    struct edge edge;
    slab_ref subs;
    slab_ref services;
    char text[];
};

struct branch {
    struct edge edge;
    slab_ref any;    /* the child "*" */
    slab_ref rest;   /* the child ">" */
    slab_ref here;   /* the node of the pattern that ends here; it is not in the table */
    uint32_t n_children;
    char text[];     /* a token */
};

struct index {
    struct slab *slab;
    struct table table;
    struct branch *root;
    uint64_t seed;
    uint32_t n_nodes; /* branches are counted too, but for the root */
};

/* 0 or -ENOMEM. The slab outlives it. */
int index_init(struct index *index, struct slab *slab, uint64_t seed);
/* Idempotent, also on a zeroed one. */
void index_deinit(struct index *index);

/* The node of a valid pattern, made if there is none. The caller hangs something on it, or
 * gives it back with index_release. NULL: no memory. */
struct node *index_node(struct index *index, const char *pattern, size_t len);
/* Something was taken off the node: frees what nobody needs any more. */
void index_release(struct index *index, struct node *node);

/* Calls `visit` for every node whose pattern matches the valid subject, with
 * something hanging on it. */
typedef void (*index_visit_fn)(struct node *node, void *userdata);
void index_match(const struct index *index, const char *subject, size_t len, index_visit_fn visit,
                 void *userdata);
/* Calls `visit` for every node with something hanging on it, in no order. */
void index_each(const struct index *index, index_visit_fn visit, void *userdata);

/* The pattern of a node; buf has MAX_SUBJECT + 1 bytes. Returns its length. */
size_t index_pattern(const struct index *index, const struct node *node, char *buf);
