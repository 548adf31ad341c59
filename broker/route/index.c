#include "broker/route/index.h"

#include <errno.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/subject.h"

/* ---- edges ----------------------------------------------------------------- */

static size_t token_len(const char *s, size_t len)
{
    const char *dot = memchr(s, '.', len);
    return dot ? (size_t)(dot - s) : len;
}

static const char *text_of(const struct edge *edge)
{
    return edge->is_branch ? ((const struct branch *)edge)->text
                           : ((const struct node *)edge)->text;
}

/* Without a parent the whole pattern is the token. */
static size_t edge_token(const struct edge *edge, const char **ret)
{
    size_t len = edge->len - edge->at;
    *ret = text_of(edge) + edge->at;
    return edge->parent ? token_len(*ret, len) : len;
}

static uint32_t edge_hash(const struct index *index, slab_ref parent, const char *token, size_t len)
{
    uint64_t seed = index->seed ^ parent * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(subject_hash(token, len, seed) >> 32);
}

static uint32_t hash_of(const struct table *table, const void *thing)
{
    const struct index *index =
        (const struct index *)((const char *)table - offsetof(struct index, table));
    const struct edge *edge = thing;
    const char *token;
    size_t len = edge_token(edge, &token);
    return edge_hash(index, edge->parent, token, len);
}

static const struct table_kind kind = { offsetof(struct edge, next), hash_of };

/* Whether it leaves the parent by that token. */
static bool edge_is(const struct edge *edge, slab_ref parent, const char *token, size_t len)
{
    const char *text = text_of(edge) + edge->at;
    size_t has = edge->len - edge->at;
    return edge->parent == parent && has >= len && memcmp(text, token, len) == 0 &&
           (has == len || (parent && text[len] == '.'));
}

static struct edge *find_edge(const struct index *index, slab_ref parent, const char *token,
                              size_t len)
{
    uint32_t hash = edge_hash(index, parent, token, len);
    struct edge *edge = slab_at(index->slab, table_first(&index->table, hash));
    while (edge && !edge_is(edge, parent, token, len))
        edge = slab_at(index->slab, edge->next);
    return edge;
}

/* The parent's link to a child that is a wildcard; NULL: the token is none. */
static slab_ref *wildcard_of(struct branch *parent, const char *token, size_t len)
{
    if (!parent || len != 1)
        return NULL;
    return *token == '*' ? &parent->any : *token == '>' ? &parent->rest : NULL;
}

static int hang(struct index *index, struct branch *parent, struct edge *edge)
{
    const char *token;
    edge->parent = slab_ref_of(parent);
    size_t len = edge_token(edge, &token);
    int r = table_add(&index->table, &kind, index->slab, edge);
    if (r < 0)
        return r;
    slab_ref *wildcard = wildcard_of(parent, token, len);
    if (wildcard)
        *wildcard = slab_ref_of(edge);
    if (parent)
        parent->n_children++;
    return 0;
}

static void unhang(struct index *index, struct branch *parent, struct edge *edge)
{
    const char *token;
    size_t len = edge_token(edge, &token);
    slab_ref *wildcard = wildcard_of(parent, token, len);
    if (wildcard && *wildcard == slab_ref_of(edge))
        *wildcard = 0;
    table_remove(&index->table, &kind, index->slab, edge);
    if (parent)
        parent->n_children--;
}

/* ---- nodes and branches ---------------------------------------------------- */

static struct node *node_new(struct index *index, struct branch *parent, const char *text,
                             size_t len)
{
    struct node *node = slab_take(index->slab, sizeof *node + len);
    if (!node)
        return NULL;
    *node = (struct node){ .edge = { .parent = slab_ref_of(parent), .len = (uint8_t)len } };
    memcpy(node->text, text, len);
    if (len == 0) {
        parent->here = slab_ref_of(node);
    } else if (hang(index, parent, &node->edge) < 0) {
        slab_give(node);
        return NULL;
    }
    index->n_nodes++;
    return node;
}

static struct branch *branch_new(struct index *index, const char *token, size_t len)
{
    struct branch *branch = slab_take(index->slab, sizeof *branch + len);
    if (!branch)
        return NULL;
    *branch = (struct branch){ .edge = { .is_branch = true, .len = (uint8_t)len } };
    memcpy(branch->text, token, len);
    return branch;
}

static void free_edge(struct index *index, struct edge *edge)
{
    slab_give(edge);
    index->n_nodes--;
}

/* Another pattern shares the first token of the node: a branch takes its place, and the node
 * leaves that. The table is never empty meanwhile, so nothing fails once there is a branch. */
static struct branch *part(struct index *index, struct branch *parent, struct node *node)
{
    const char *token;
    size_t len = edge_token(&node->edge, &token);
    struct branch *branch = branch_new(index, token, len);
    if (!branch)
        return NULL;
    index->n_nodes++;
    (void)hang(index, parent, &branch->edge);
    unhang(index, parent, &node->edge);
    node->edge.parent = slab_ref_of(branch);
    node->edge.at = (uint8_t)(node->edge.at + len);
    if (node->edge.at == node->edge.len) {
        branch->here = slab_ref_of(node);
        return branch;
    }
    node->edge.at++; /* the dot */
    (void)hang(index, branch, &node->edge);
    return branch;
}

static bool node_is(const struct node *node, const char *text, size_t len)
{
    return node->edge.len - node->edge.at == (int)len &&
           memcmp(node->text + node->edge.at, text, len) == 0;
}

static struct node *node_with_wildcards(struct index *index, const char *pattern, size_t len)
{
    struct branch *branch = index->root;
    for (;;) {
        size_t n = token_len(pattern, len);
        struct edge *edge = find_edge(index, slab_ref_of(branch), pattern, n);
        if (!edge)
            return node_new(index, branch, pattern, len);
        if (!edge->is_branch && node_is((struct node *)edge, pattern, len))
            return (struct node *)edge;
        branch = edge->is_branch ? (struct branch *)edge
                                 : part(index, branch, (struct node *)edge);
        if (!branch)
            return NULL;
        if (n == len)
            return branch->here ? slab_at(index->slab, branch->here)
                                : node_new(index, branch, "", 0);
        pattern += n + 1;
        len -= n + 1;
    }
}

struct node *index_node(struct index *index, const char *pattern, size_t len)
{
    if (pattern_has_wildcard(pattern, len))
        return node_with_wildcards(index, pattern, len);
    struct edge *edge = find_edge(index, 0, pattern, len);
    return edge ? (struct node *)edge : node_new(index, NULL, pattern, len);
}

static bool is_needed(const struct index *index, const struct branch *branch)
{
    return branch == index->root || branch->n_children > 0 || branch->here;
}

void index_release(struct index *index, struct node *node)
{
    if (node->subs || node->services)
        return;
    struct branch *branch = slab_at(index->slab, node->edge.parent);
    if (branch && branch->here == slab_ref_of(node))
        branch->here = 0;
    else
        unhang(index, branch, &node->edge);
    free_edge(index, &node->edge);
    while (branch && !is_needed(index, branch)) {
        struct branch *parent = slab_at(index->slab, branch->edge.parent);
        unhang(index, parent, &branch->edge);
        free_edge(index, &branch->edge);
        branch = parent;
    }
}

int index_init(struct index *index, struct slab *slab, uint64_t seed)
{
    *index = (struct index){ .slab = slab, .seed = seed };
    index->root = branch_new(index, "", 0);
    return index->root ? 0 : -ENOMEM;
}

void index_deinit(struct index *index)
{
    struct edge *edge;
    while ((edge = table_any(&index->table, index->slab))) {
        table_remove(&index->table, &kind, index->slab, edge);
        if (edge->is_branch)
            slab_give(slab_at(index->slab, ((struct branch *)edge)->here));
        slab_give(edge);
    }
    slab_give(index->root);
    *index = (struct index){ 0 };
}

/* ---- walks ----------------------------------------------------------------- */

struct walk {
    const struct index *index;
    index_visit_fn visit;
    void *userdata;
};

static void visit_if_used(const struct walk *walk, slab_ref ref)
{
    struct node *node = slab_at(walk->index->slab, ref);
    if (node && (node->subs || node->services))
        walk->visit(node, walk->userdata);
}

/* Whether what stands behind the first token of the node matches what stands behind that of
 * the subject, which is n bytes long. */
static bool rest_matches(const struct node *node, const char *s, size_t n, size_t len)
{
    const char *p;
    size_t first = edge_token(&node->edge, &p);
    size_t p_len = node->edge.len - node->edge.at;
    if (first == p_len || n == len)
        return first == p_len && n == len;
    return pattern_match_rest(p + first + 1, p_len - first - 1, s + n + 1, len - n - 1);
}

/* Recursion is as deep as the subject has tokens: 16. */
static void walk_from(const struct walk *walk, const struct branch *branch, const char *s,
                      size_t len, bool wildcards)
{
    const struct index *index = walk->index;
    size_t n = token_len(s, len);
    struct edge *next[2] = {
        find_edge(index, slab_ref_of(branch), s, n),
        wildcards ? slab_at(index->slab, branch->any) : NULL,
    };
    if (wildcards)
        visit_if_used(walk, branch->rest);
    for (int i = 0; i < 2; i++) {
        if (!next[i])
            continue;
        if (next[i]->is_branch && n < len)
            walk_from(walk, (struct branch *)next[i], s + n + 1, len - n - 1, true);
        else if (next[i]->is_branch)
            visit_if_used(walk, ((struct branch *)next[i])->here);
        else if (rest_matches((struct node *)next[i], s, n, len))
            visit_if_used(walk, slab_ref_of(next[i]));
    }
}

void index_match(const struct index *index, const char *subject, size_t len, index_visit_fn visit,
                 void *userdata)
{
    struct walk walk = { index, visit, userdata };
    visit_if_used(&walk, slab_ref_of(find_edge(index, 0, subject, len)));
    if (index->root->n_children > 0)
        walk_from(&walk, index->root, subject, len, subject[0] != '$');
}

void index_each(const struct index *index, index_visit_fn visit, void *userdata)
{
    struct walk walk = { index, visit, userdata };
    struct edge *edge = NULL;
    while ((edge = table_next(&index->table, &kind, index->slab, edge)))
        visit_if_used(&walk, edge->is_branch ? ((struct branch *)edge)->here : slab_ref_of(edge));
}

size_t index_pattern(const struct index *index, const struct node *node, char *buf)
{
    const struct edge *path[MAX_TOKENS];
    size_t n = 0;
    size_t len = 0;
    for (slab_ref up = node->edge.parent; up && up != slab_ref_of(index->root);) {
        path[n] = slab_at(index->slab, up);
        up = path[n++]->parent;
    }
    while (n-- > 0) {
        memcpy(buf + len, text_of(path[n]), path[n]->len);
        len += path[n]->len;
        buf[len++] = '.';
    }
    size_t rest = (size_t)(node->edge.len - node->edge.at);
    memcpy(buf + len, node->text + node->edge.at, rest);
    len += rest;
    len -= rest == 0; /* it ends at a branch: no dot */
    buf[len] = '\0';
    return len;
}
