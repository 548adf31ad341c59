/* The subject index, against matching pattern by pattern. */
#include "broker/route/index.h"

#include "proto/limits.h"
#include "proto/subject.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { PATTERNS = 400 };

/* What hangs on a node is not looked at here: any pointer will do. */
static struct sub *mark(size_t i)
{
    return (struct sub *)(uintptr_t)(i + 1);
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
        assert_int_equal(node_pattern(w->nodes[i], buf), strlen(w->patterns[i]));
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
    node->subs = NULL;
    index_release(&w->index, node);
}

static void it_matches_as_pattern_match_does(void **state)
{
    (void)state;
    static struct world w;
    uint64_t random = 1;
    assert_int_equal(index_init(&w.index, 42), 0);
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
    assert_null(w.index.root->any);
    assert_null(w.index.root->rest);
    index_deinit(&w.index);
}

/* A row of long paths: many nodes, a table that grows, tokens as long as they may be. */
static void it_grows(void **state)
{
    (void)state;
    struct index index;
    static struct node *nodes[3000];
    char pattern[MAX_SUBJECT + 1];
    assert_int_equal(index_init(&index, 7), 0);
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        int n = snprintf(pattern, sizeof pattern, "t%zu.a.b.c.d.e.f.g.h.i.j.k.l.m.n.%zu", i, i);
        nodes[i] = index_node(&index, pattern, (size_t)n);
        nodes[i]->services = (struct service *)(uintptr_t)1;
    }
    assert_int_equal(index.n_nodes, 16 * COUNT_OF(nodes));
    memset(pattern, 'x', MAX_SUBJECT);
    struct node *longest = index_node(&index, pattern, MAX_SUBJECT);
    longest->subs = mark(0);
    struct seen seen = { .n = 0 };
    index_match(&index, pattern, MAX_SUBJECT, see, &seen);
    assert_int_equal(seen.n, 1);
    index_match(&index, LITERAL("t77.a.b.c.d.e.f.g.h.i.j.k.l.m.n.77"), see, &seen);
    assert_int_equal(seen.n, 2);
    assert_ptr_equal(seen.nodes[1], nodes[77]);
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        nodes[i]->services = NULL;
        index_release(&index, nodes[i]);
    }
    assert_int_equal(index.n_nodes, 1);
    index_deinit(&index); /* frees the one that is left */
    index_deinit(&index);
}

static void an_inner_node_stays_while_it_has_children(void **state)
{
    (void)state;
    struct index index;
    assert_int_equal(index_init(&index, 7), 0);
    struct node *leaf = index_node(&index, LITERAL("a.*.c"));
    leaf->subs = mark(0);
    struct node *inner = index_node(&index, LITERAL("a.*"));
    inner->subs = mark(1);
    assert_ptr_equal(leaf->parent, inner);
    assert_ptr_equal(index_node(&index, LITERAL("a.*")), inner);
    inner->subs = NULL;
    index_release(&index, inner);
    assert_int_equal(index.n_nodes, 3);
    leaf->subs = NULL;
    index_release(&index, leaf);
    assert_int_equal(index.n_nodes, 0);
    index_deinit(&index);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_matches_as_pattern_match_does),
        kit_test(it_grows),
        kit_test(an_inner_node_stays_while_it_has_children),
    };
    return kit_run("index", tests, KIT_LENGTH(tests));
}
