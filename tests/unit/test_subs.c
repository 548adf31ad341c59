/* Subscriptions and services: the table of sids, and what removing undoes. */
#include "broker/route/subs.h"

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
    struct registration *reg = sid_find(&session.route.sids, a->client, 1);
    assert_false(reg->is_service);
    assert_ptr_equal(reg->client, a->client);
    assert_true(sid_find(&session.route.sids, a->client, 2)->is_service);
    assert_null(sid_find(&session.route.sids, a->client, 3));
    assert_null(sid_find(&session.route.sids, a->client, UINT64_C(1) << 32 | 1));

    cli_unsub(a, 2, OP_UNSUB); /* it is a service */
    assert_int_equal(expect(a, OP_ERROR)->e.error.status, STATUS_NO_SID);
    cli_unsub(a, 1, OP_UNSERVE);
    assert_int_equal(expect(a, OP_ERROR)->e.error.status, STATUS_NO_SID);
    cli_unsub(a, 2, OP_UNSERVE);
    expect(a, OP_OK);
    cli_sub(a, 2, "y"); /* free again */
    cli_close(a);
    cli_close(b);
    assert_int_equal(session.route.sids.n, 0);
    assert_int_equal(session.route.index.n_nodes, 0);
    stop();
}

static void the_table_grows(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct sub_wish wish = { .pattern = "p", .pattern_len = 1, .max_bytes = 1, .max_messages = 1 };
    for (wish.sid = 1; wish.sid <= 1000; wish.sid++)
        assert_int_equal(sub_add(&session.route, a->client, &wish), 0);
    assert_int_equal(session.route.sids.n, 1000);
    assert_true(session.route.sids.n_buckets >= 1000);
    for (uint32_t sid = 1; sid <= 1000; sid += 7)
        sub_remove(&session.route, sub_of(&sid_find(&session.route.sids, a->client, sid)->lane));
    for (uint32_t sid = 1; sid <= 1000; sid++)
        assert_int_equal(sid_find(&session.route.sids, a->client, sid) != NULL, sid % 7 != 1);
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

static void generations_rise_with_every_change(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    uint64_t before = session.route.generation;
    cli_sub(a, 1, "x");
    assert_int_equal(session.route.generation, before + 1);
    cli_unsub(a, 1, OP_UNSUB);
    expect(a, OP_OK);
    assert_int_equal(session.route.generation, before + 2);
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
    };
    return kit_run("subs", tests, KIT_LENGTH(tests));
}
