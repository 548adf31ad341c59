#include "broker/route/index.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/subject.h"

enum { BUCKETS_MIN = 64 };

static uint32_t edge_hash(const struct index *index, const struct node *parent, const char *token,
                          size_t len)
{
    return (uint32_t)(subject_hash(token, len, index->seed ^ (uintptr_t)parent) >> 32);
}

static struct node *find_child(const struct index *index, const struct node *parent,
                               const char *token, size_t len)
{
    uint32_t hash = edge_hash(index, parent, token, len);
    struct node *node = index->buckets[hash & (index->n_buckets - 1)];
    while (node && !(node->hash == hash && node->parent == parent && node->token_len == len &&
                     memcmp(node->token, token, len) == 0))
        node = node->next;
    return node;
}

static void grow(struct index *index)
{
    uint32_t n = index->n_buckets * 2;
    struct node **buckets = calloc(n, sizeof(struct node *));
    if (!buckets)
        return; /* longer chains, nothing worse */
    for (uint32_t i = 0; i < index->n_buckets; i++) {
        for (struct node *node = index->buckets[i], *next; node; node = next) {
            next = node->next;
            node->next = buckets[node->hash & (n - 1)];
            buckets[node->hash & (n - 1)] = node;
        }
    }
    free(index->buckets);
    index->buckets = buckets;
    index->n_buckets = n;
}

static struct node **wildcard_of(struct node *parent, const char *token, size_t len)
{
    if (len != 1)
        return NULL;
    return *token == '*' ? &parent->any : *token == '>' ? &parent->rest : NULL;
}

static struct node *add_child(struct index *index, struct node *parent, const char *token,
                              size_t len)
{
    struct node *node = calloc(1, sizeof *node + len);
    if (!node)
        return NULL;
    if (index->n_nodes >= index->n_buckets)
        grow(index);
    node->parent = parent;
    node->hash = edge_hash(index, parent, token, len);
    node->token_len = (uint8_t)len;
    memcpy(node->token, token, len);
    struct node **bucket = &index->buckets[node->hash & (index->n_buckets - 1)];
    node->next = *bucket;
    *bucket = node;
    struct node **wildcard = wildcard_of(parent, token, len);
    if (wildcard)
        *wildcard = node;
    parent->n_children++;
    index->n_nodes++;
    return node;
}

int index_init(struct index *index, uint64_t seed)
{
    *index = (struct index){ .n_buckets = BUCKETS_MIN, .seed = seed };
    index->buckets = calloc(BUCKETS_MIN, sizeof(struct node *));
    index->root = calloc(1, sizeof(struct node));
    if (index->buckets && index->root)
        return 0;
    index_deinit(index);
    return -ENOMEM;
}

void index_deinit(struct index *index)
{
    for (uint32_t i = 0; index->buckets && i < index->n_buckets; i++) {
        for (struct node *node = index->buckets[i], *next; node; node = next) {
            next = node->next;
            free(node);
        }
    }
    free(index->buckets);
    free(index->root);
    *index = (struct index){ 0 };
}

static bool is_needed(const struct node *node)
{
    return node->n_children > 0 || node->subs || node->services || !node->parent;
}

void index_release(struct index *index, struct node *node)
{
    while (!is_needed(node)) {
        struct node *parent = node->parent;
        struct node **link = &index->buckets[node->hash & (index->n_buckets - 1)];
        while (*link != node)
            link = &(*link)->next;
        *link = node->next;
        struct node **wildcard = wildcard_of(parent, node->token, node->token_len);
        if (wildcard)
            *wildcard = NULL;
        free(node);
        index->n_nodes--;
        parent->n_children--;
        node = parent;
    }
}

static size_t token_len(const char *s, size_t len)
{
    const char *dot = memchr(s, '.', len);
    return dot ? (size_t)(dot - s) : len;
}

struct node *index_node(struct index *index, const char *pattern, size_t len)
{
    struct node *node = index->root;
    for (;;) {
        size_t n = token_len(pattern, len);
        struct node *child = find_child(index, node, pattern, n);
        if (!child)
            child = add_child(index, node, pattern, n);
        if (!child) {
            index_release(index, node);
            return NULL;
        }
        node = child;
        if (n == len)
            return node;
        pattern += n + 1;
        len -= n + 1;
    }
}

struct walk {
    const struct index *index;
    index_visit_fn visit;
    void *userdata;
};

static void visit_if_used(const struct walk *walk, struct node *node)
{
    if (node && (node->subs || node->services))
        walk->visit(node, walk->userdata);
}

/* Recursion is as deep as the subject has tokens: 16. */
static void walk_from(const struct walk *walk, const struct node *node, const char *s, size_t len,
                      bool wildcards)
{
    size_t n = token_len(s, len);
    struct node *next[2] = { find_child(walk->index, node, s, n), wildcards ? node->any : NULL };
    if (wildcards)
        visit_if_used(walk, node->rest);
    for (int i = 0; i < 2; i++) {
        if (next[i] && n == len)
            visit_if_used(walk, next[i]);
        else if (next[i])
            walk_from(walk, next[i], s + n + 1, len - n - 1, true);
    }
}

void index_match(const struct index *index, const char *subject, size_t len, index_visit_fn visit,
                 void *userdata)
{
    struct walk walk = { index, visit, userdata };
    walk_from(&walk, index->root, subject, len, subject[0] != '$');
}

void index_each(const struct index *index, index_visit_fn visit, void *userdata)
{
    struct walk walk = { index, visit, userdata };
    for (uint32_t i = 0; i < index->n_buckets; i++) {
        for (struct node *node = index->buckets[i]; node; node = node->next)
            visit_if_used(&walk, node);
    }
}

size_t node_pattern(const struct node *node, char *buf)
{
    const struct node *path[MAX_TOKENS];
    size_t n = 0;
    size_t len = 0;
    for (; node->parent; node = node->parent)
        path[n++] = node;
    while (n-- > 0) {
        memcpy(buf + len, path[n]->token, path[n]->token_len);
        len += path[n]->token_len;
        if (n > 0)
            buf[len++] = '.';
    }
    buf[len] = '\0';
    return len;
}
