/* The subject index, against matching pattern by pattern. */
#include "broker/route/index.h"

#include "proto/limits.h"
#include "proto/subject.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { PATTERNS = 400 };

/* What hangs on a node is not looked at here: any name will do. */
static slab_ref mark(size_t i)
{
    return (slab_ref)(i + 1);
}

struct seen {
    struct node *nodes[PATTERNS];
    size_t n;
};

static void see(struct node *node, void *userdata)
{
    struct seen *seen = userdata;
    for (size_t i = 0; i < seen->n; i++)
        assert_ptr_not_equal(seen->nodes[i], node);
    assert_true(seen->n < PATTERNS);
    seen->nodes[seen->n++] = node;
}

static bool was_seen(const struct seen *seen, const struct node *node)
{
    for (size_t i = 0; i < seen->n; i++) {
        if (seen->nodes[i] == node)
            return true;
    }
    return false;
}

static void make_name(uint64_t *random, char *buf, bool pattern)
{
    static const char *const tokens[] = { "a", "b", "c", "$SYS", "a*", ">>", "*", ">" };
    size_t n = 1 + random_below(random, 4);
    buf[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        size_t which = random_below(random, pattern ? 8 : 6);
        if (which == 7 && i + 1 < n)
            which = 6;
        if (i > 0)
            strcat(buf, ".");
        strcat(buf, tokens[which]);
    }
}

struct world {
    struct slab slab;
    struct index index;
    struct node *nodes[PATTERNS];
    char patterns[PATTERNS][64];
};

static void check_match(struct world *w, uint64_t *random)
{
    char subject[64];
    struct seen seen = { .n = 0 };
    make_name(random, subject, false);
    assert_true(subject_valid(subject, strlen(subject), NULL));
    index_match(&w->index, subject, strlen(subject), see, &seen);
    for (size_t i = 0; i < PATTERNS; i++) {
        if (!w->nodes[i])
            continue;
        bool wanted =
            pattern_match(w->patterns[i], strlen(w->patterns[i]), subject, strlen(subject));
        if (wanted != was_seen(&seen, w->nodes[i]))
            fail_msg("%s and %s", w->patterns[i], subject);
    }
}

static void check_each(struct world *w)
{
    char buf[MAX_SUBJECT + 1];
    struct seen seen = { .n = 0 };
    index_each(&w->index, see, &seen);
    for (size_t i = 0; i < PATTERNS; i++) {
        if (!w->nodes[i])
            continue;
        assert_true(was_seen(&seen, w->nodes[i]));
        assert_int_equal(index_pattern(&w->index, w->nodes[i], buf), strlen(w->patterns[i]));
        assert_string_equal(buf, w->patterns[i]);
    }
}

/* As subs.c does it: several may hang on one node. */
static void hang(struct world *w, size_t i)
{
    w->nodes[i] = index_node(&w->index, w->patterns[i], strlen(w->patterns[i]));
    assert_non_null(w->nodes[i]);
    w->nodes[i]->subs = mark(i);
}

static void take_down(struct world *w, size_t i)
{
    struct node *node = w->nodes[i];
    w->nodes[i] = NULL;
    for (size_t j = 0; j < PATTERNS; j++) {
        if (w->nodes[j] == node)
            return;
    }
    node->subs = 0;
    index_release(&w->index, node);
}

static void it_matches_as_pattern_match_does(void **state)
{
    (void)state;
    static struct world w;
    uint64_t random = 1;
    assert_int_equal(index_init(&w.index, &w.slab, 42), 0);
    for (int round = 0; round < 6000; round++) {
        size_t i = random_below(&random, PATTERNS);
        if (w.nodes[i]) {
            take_down(&w, i);
        } else {
            make_name(&random, w.patterns[i], true);
            hang(&w, i);
        }
        if (round % 10 == 0)
            check_match(&w, &random);
        if (round % 500 == 0)
            check_each(&w);
    }
    for (size_t i = 0; i < PATTERNS; i++) {
        if (w.nodes[i])
            take_down(&w, i);
    }
    assert_int_equal(w.index.n_nodes, 0);
    assert_int_equal(w.index.root->n_children, 0);
    assert_int_equal(w.index.root->any, 0);
    assert_int_equal(w.index.root->rest, 0);
    index_deinit(&w.index);
    slab_deinit(&w.slab);
}

/* A long row of nodes of both kinds, and a token as long as may be. */
static void it_grows(void **state)
{
    static struct node *nodes[6000];
    char pattern[MAX_SUBJECT + 1];
    struct slab slab = { 0 };
    struct index index;
    struct seen seen = { .n = 0 };

    (void)state;
    assert_int_equal(index_init(&index, &slab, 7), 0);
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        int n = snprintf(pattern, sizeof pattern, "t%zu.a.b.c.d.e.f.g.h.i.j.k.l.m.%s.%zu", i / 2,
                         i % 2 ? "*" : "n", i / 2);
        nodes[i] = index_node(&index, pattern, (size_t)n);
        nodes[i]->services = mark(i);
    }
    assert_int_equal(index.n_nodes, COUNT_OF(nodes)); /* nothing parts from any */
    memset(pattern, 'x', MAX_SUBJECT);
    struct node *longest = index_node(&index, pattern, MAX_SUBJECT);
    longest->subs = mark(0);
    index_match(&index, pattern, MAX_SUBJECT, see, &seen);
    assert_int_equal(seen.n, 1);
    index_match(&index, LITERAL("t77.a.b.c.d.e.f.g.h.i.j.k.l.m.n.77"), see, &seen);
    assert_int_equal(seen.n, 3);
    assert_ptr_equal(seen.nodes[1], nodes[154]);
    assert_ptr_equal(seen.nodes[2], nodes[155]);
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        nodes[i]->services = 0;
        index_release(&index, nodes[i]);
    }
    assert_int_equal(index.n_nodes, 1);
    index_deinit(&index); /* frees the one that is left */
    index_deinit(&index);
    slab_deinit(&slab);
}

static struct node *hang_one(struct index *index, const char *pattern)
{
    struct node *node = index_node(index, pattern, strlen(pattern));
    assert_non_null(node);
    node->subs = mark(0);
    return node;
}

static void take_one_off(struct index *index, struct node *node)
{
    node->subs = 0;
    index_release(index, node);
}

static void expect_pattern(const struct index *index, const struct node *node, const char *pattern)
{
    char buf[MAX_SUBJECT + 1];
    assert_int_equal(index_pattern(index, node, buf), strlen(pattern));
    assert_string_equal(buf, pattern);
}

/* However many patterns part from it: who hangs on a node is not moved. */
static void a_node_stays_where_it_is(void **state)
{
    struct slab slab = { 0 };
    struct index index;

    (void)state;
    assert_int_equal(index_init(&index, &slab, 7), 0);
    struct node *a = hang_one(&index, "a.*");
    struct node *b = hang_one(&index, "a.*.c");
    struct node *c = hang_one(&index, "a.*.c.>");
    struct node *d = hang_one(&index, "a.>");
    struct node *e = hang_one(&index, "a");
    assert_ptr_equal(index_node(&index, LITERAL("a.*")), a);
    assert_ptr_equal(index_node(&index, LITERAL("a.*.c")), b);
    assert_ptr_equal(index_node(&index, LITERAL("a.*.c.>")), c);
    assert_ptr_equal(index_node(&index, LITERAL("a.>")), d);
    assert_ptr_equal(index_node(&index, LITERAL("a")), e);
    expect_pattern(&index, a, "a.*");
    expect_pattern(&index, b, "a.*.c");
    expect_pattern(&index, c, "a.*.c.>");
    expect_pattern(&index, d, "a.>");
    expect_pattern(&index, e, "a");
    assert_int_equal(index.n_nodes, 8); /* branches: a, a.*, a.*.c */
    take_one_off(&index, a);
    take_one_off(&index, d);
    expect_pattern(&index, b, "a.*.c");
    expect_pattern(&index, c, "a.*.c.>");
    take_one_off(&index, b);
    take_one_off(&index, c);
    assert_int_equal(index.n_nodes, 1);
    take_one_off(&index, e);
    assert_int_equal(index.n_nodes, 0);
    index_deinit(&index);
    slab_deinit(&slab);
}

/* Behind the first token '$' is a character like others. */
static void wildcards_and_the_dollar(void **state)
{
    struct slab slab = { 0 };
    struct index index;
    struct seen seen = { .n = 0 };

    (void)state;
    assert_int_equal(index_init(&index, &slab, 7), 0);
    hang_one(&index, ">");
    hang_one(&index, "*.$a.>");
    hang_one(&index, "x.*.b");
    hang_one(&index, "x.>");
    index_match(&index, LITERAL("x.$a.b"), see, &seen);
    assert_int_equal(seen.n, 4);
    seen.n = 0;
    index_match(&index, LITERAL("$x.$a.b"), see, &seen);
    assert_int_equal(seen.n, 0);
    index_deinit(&index);
    slab_deinit(&slab);
}

/* What a walk costs does not depend on how many patterns there are beside its way. */
static void many_patterns_part_at_one_place(void **state)
{
    static struct node *nodes[KIT_SANITIZED ? 2000 : 50000];
    char text[64];
    struct slab slab = { 0 };
    struct index index;

    (void)state;
    assert_int_equal(index_init(&index, &slab, 7), 0);
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        snprintf(text, sizeof text, "stock.s%zu.*.x", i);
        nodes[i] = hang_one(&index, text);
    }
    assert_in_range(index.n_nodes, COUNT_OF(nodes), COUNT_OF(nodes) + 1);
    for (size_t i = 0; i < COUNT_OF(nodes); i += 7) {
        struct seen seen = { .n = 0 };
        snprintf(text, sizeof text, "stock.s%zu.k3.x", i);
        index_match(&index, text, strlen(text), see, &seen);
        assert_int_equal(seen.n, 1);
        assert_ptr_equal(seen.nodes[0], nodes[i]);
    }
    for (size_t i = 0; i < COUNT_OF(nodes); i++)
        take_one_off(&index, nodes[i]);
    assert_int_equal(index.n_nodes, 0);
    index_deinit(&index);
    slab_deinit(&slab);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_matches_as_pattern_match_does),
        kit_test(it_grows),
        kit_test(a_node_stays_where_it_is),
        kit_test(wildcards_and_the_dollar),
        kit_test(many_patterns_part_at_one_place),
    };
    return kit_run("index", tests, KIT_LENGTH(tests));
}
