/* The subject index: a trie of tokens that says which patterns match a subject.
 *
 * Every pattern that somebody subscribes to or serves is a path of nodes; the
 * subscriptions and services hang on its last node. Children are found in one
 * hash table for all, keyed by parent and token, so a node costs the same
 * whether it has one child or a million; the wildcards, which every walk looks
 * for, have pointers. A node without children and without anybody hanging on it
 * is freed. Walks are bounded by the tokens of a subject (16) and by the nodes
 * that really match.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sub;
struct service;

struct node {
    struct node *parent;
    struct node *next; /* in its bucket */
    struct node *any;  /* the child "*" */
    struct node *rest; /* the child ">" */
    struct sub *subs;
    struct service *services;
    uint32_t n_children;
    uint32_t hash;
    uint8_t token_len;
    char token[];
};

struct index {
    struct node **buckets;
    uint32_t n_buckets; /* a power of two */
    uint32_t n_nodes;
    uint64_t seed;
    struct node *root;
};

/* 0 or -ENOMEM. */
int index_init(struct index *index, uint64_t seed);
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
size_t node_pattern(const struct node *node, char *buf);
