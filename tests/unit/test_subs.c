/* Subscriptions and services: the table of sids, and what removing undoes. */
#include "broker/route/subs.h"

#include <malloc.h>

#include "tests/unit/route_kit.h"

static void sids_are_one_name_space(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    cli_sub(a, 1, "x");
    cli_serve(a, 2, "x", 0);
    cli_sub(b, 1, "x");
    struct registration *reg = sid_find(a->client, 1);
    assert_false(reg->lane.is_service);
    assert_ptr_equal(reg->client, a->client);
    assert_true(sid_find(a->client, 2)->lane.is_service);
    assert_null(sid_find(a->client, 3));
    assert_null(sid_find(a->client, UINT64_C(1) << 32 | 1));

    cli_unsub(a, 2, OP_UNSUB); /* it is a service */
    assert_int_equal(expect(a, OP_ERROR)->e.error.status, STATUS_NO_SID);
    cli_unsub(a, 1, OP_UNSERVE);
    assert_int_equal(expect(a, OP_ERROR)->e.error.status, STATUS_NO_SID);
    cli_unsub(a, 2, OP_UNSERVE);
    expect(a, OP_OK);
    cli_sub(a, 2, "y"); /* free again */
    assert_int_equal(a->client->sids.n, 2);
    cli_close(a);
    cli_close(b);
    assert_int_equal(session.route.index.n_nodes, 0);
    stop();
}

static void the_table_grows(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct sub_wish wish = { .max_bytes = 1, .max_messages = 1 };
    struct quota_refusal refusal;
    char pattern[8];
    for (wish.sid = 1; wish.sid <= 1000; wish.sid++) {
        wish.pattern = pattern;
        wish.pattern_len = (size_t)snprintf(pattern, sizeof pattern, "p%u", wish.sid);
        assert_int_equal(sub_add(&session.route, a->client, &wish, &refusal), STATUS_OK);
    }
    assert_int_equal(a->client->sids.n, 1000);
    assert_int_equal(a->client->sids.n_buckets, 1000);
    for (uint32_t sid = 1; sid <= 1000; sid += 7)
        sub_remove(&session.route, sub_of(&sid_find(a->client, sid)->lane));
    for (uint32_t sid = 1; sid <= 1000; sid++)
        assert_int_equal(sid_find(a->client, sid) != NULL, sid % 7 != 1);
    assert_int_equal(a->client->n_subs, session.route.n_subs);
    cli_close(a);
    stop();
}

static void what_is_queued_outlives_the_subscription(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    cli_sub(a, 5, "x", .policy = POLICY_LATEST, .group = NULL);
    cli_publish(a, "x", 1, 0);
    cli_publish(a, "x", 2, 0); /* replaces it in the same round */
    cli_unsub(a, 5, OP_UNSUB);
    struct heard *gap = expect(a, OP_GAP);
    assert_int_equal(gap->e.gap.count, 1);
    assert_int_equal(gap->e.gap.reason, GAP_REPLACED);
    assert_int_equal(number_of(expect(a, OP_MESSAGE)), 2);
    assert_int_equal(a->sids[0], 5);
    expect(a, OP_OK);
    cli_close(a);
    stop();
}

/* But for those that concern one subject, whose answer alone becomes stale. */
static void generations_rise_with_every_change(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    uint64_t before = session.route.generation;
    cli_sub(a, 2, "x");
    cli_unsub(a, 2, OP_UNSUB);
    expect(a, OP_OK);
    assert_int_equal(session.route.generation, before);
    cli_sub(a, 1, "x.>");
    assert_int_equal(session.route.generation, before + 1);
    cli_unsub(a, 1, OP_UNSUB);
    expect(a, OP_OK);
    assert_int_equal(session.route.generation, before + 2);
    cli_close(a);
    stop();
}

/* ---- very many ---------------------------------------------------------------- */

enum { MILLION = KIT_SANITIZED ? 20000 : 1000000, BYTES_EACH = 150 };

static size_t bytes_used(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd + session.route.slab.n_bytes;
}

/* What `n` took, but for the text: each subscription is of another subject. */
static void expect_small(size_t before, size_t n, size_t text)
{
    double each = (double)(bytes_used() - before - text) / (double)n;
    print_message("  %.1f bytes a subscription\n", each);
    if (!KIT_SANITIZED && each > BYTES_EACH)
        fail_msg("%.1f bytes a subscription", each);
}

/* "#" in the pattern stands for the number. */
static size_t add_one(struct cli *cli, uint32_t sid, const char *text, uint32_t number)
{
    char pattern[64];
    size_t head = strcspn(text, "#");
    const char *tail = text[head] ? text + head + 1 : "";
    int len = text[head] ? snprintf(pattern, sizeof pattern, "%.*s%06u%s", (int)head, text, number,
                                    tail)
                         : snprintf(pattern, sizeof pattern, "%s", text);
    struct sub_wish wish = {
        .sid = sid,
        .pattern = pattern,
        .pattern_len = (size_t)len,
        .max_bytes = SUB_QUEUE_BYTES,
        .max_messages = SUB_QUEUE_MESSAGES,
    };
    struct quota_refusal refusal;
    assert_int_equal(sub_add(&session.route, cli->client, &wish, &refusal), STATUS_OK);
    return (size_t)len;
}

static void remove_one(struct cli *cli, uint32_t sid)
{
    struct registration *reg = sid_find(cli->client, sid);
    assert_non_null(reg);
    sub_remove(&session.route, sub_of(&reg->lane));
}

static void bytes_of_a_subscription(void **state)
{
    enum { N = MILLION / 4 };
    static const char *const patterns[] = { "orders.r7.o#", "stock.s#.*.x", "*.a.#.>" };

    (void)state;
    for (size_t f = 0; f < COUNT_OF(patterns); f++) {
        start();
        struct cli *a = cli_open();
        size_t before = bytes_used();
        size_t text = 0;
        for (uint32_t i = 0; i < N; i++)
            text += add_one(a, i + 1, patterns[f], i);
        expect_small(before, N, text);
        assert_true(session.route.index.n_nodes <= N + 8);
        cli_close(a);
        assert_int_equal(session.route.index.n_nodes, 0);
        assert_true(session.route.slab.n_bytes < 64 * SLAB_CHUNK);
        stop();
    }
}

/* Nothing here may walk along the others: it would not end within the test's deadline. */
static void a_million_of_one_subject(void **state)
{
    enum { STRIDE = 7919 };

    (void)state;
    start();
    struct cli *clis[2] = { cli_open(), cli_open() };
    size_t before = bytes_used();
    for (uint32_t sid = 1; sid <= MILLION; sid++)
        add_one(clis[sid % 2], sid, "s", 0);
    expect_small(before, MILLION, 1);
    for (uint64_t i = 0; i < MILLION / 4; i++) { /* any of them */
        uint32_t sid = (uint32_t)(i * STRIDE % MILLION + 1);
        remove_one(clis[sid % 2], sid);
    }
    for (uint32_t sid = 1; sid <= MILLION; sid += 2) { /* the oldest first */
        if (sid_find(clis[1]->client, sid))
            remove_one(clis[1], sid);
    }
    assert_int_equal(clis[1]->client->n_subs, 0);
    assert_in_range(session.route.n_subs, MILLION / 4, MILLION / 2);
    cli_close(clis[0]);
    assert_int_equal(session.route.index.n_nodes, 0);
    cli_close(clis[1]);
    stop();
}

static void a_hundred_thousand_patterns_that_overlap(void **state)
{
    enum { N = MILLION / 10 };

    (void)state;
    start();
    struct cli *a = cli_open();
    for (uint32_t i = 0; i < N; i++)
        add_one(a, i + 1, i % 3 == 0 ? "a.*.#" : i % 3 == 1 ? "a.#.*" : "a.b#.>", i);
    cli_publish(a, "a.b000005.000006", 1, 0);
    struct heard *heard = expect(a, OP_MESSAGE);
    assert_int_equal(number_of(heard), 1);
    assert_int_equal(a->n_sids, 2);
    for (uint32_t sid = N; sid > N / 2; sid--)
        remove_one(a, sid);
    cli_close(a);
    assert_int_equal(session.route.index.n_nodes, 0);
    stop();
}

/* Sids that an unlucky choice of hash would put into one bucket. */
static void sids_of_any_kind(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    for (uint32_t step = 1; step <= 1 << 12; step *= 2) {
        enum { N = 1 << 12 };
        for (uint32_t i = 1; i < N; i++)
            add_one(a, i * step, "s#", i);
        for (uint32_t i = N - 1; i > 0; i--)
            remove_one(a, i * step);
    }
    assert_null(sid_any(a->client));
    cli_close(a);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(sids_are_one_name_space),
        kit_test(the_table_grows),
        kit_test(what_is_queued_outlives_the_subscription),
        kit_test(generations_rise_with_every_change),
        kit_test(bytes_of_a_subscription),
        kit_test(a_million_of_one_subject),
        kit_test(a_hundred_thousand_patterns_that_overlap),
        kit_test(sids_of_any_kind),
    };
    return kit_run("subs", tests, KIT_LENGTH(tests));
}
