/* Queue groups: exactly one member gets a message, and which. */
#include "broker/route/group.h"

#include "tests/unit/route_kit.h"

enum { MEMBERS = 3 };

static struct cli *members[MEMBERS];

static void open_members(struct wish wish)
{
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = cli_open();
        cli_sub_as(members[i], 1, "x", wish);
    }
}

static void close_members(void)
{
    for (int i = 0; i < MEMBERS; i++)
        cli_close(members[i]);
}

static uint64_t hear_messages(struct cli *cli)
{
    uint64_t n = 0;
    for (struct heard *h; (h = hear(cli));)
        n += h->op == OP_MESSAGE;
    return n;
}

static void in_turn_among_equals(void **state)
{
    (void)state;
    start();
    struct cli *p = cli_open();
    open_members((struct wish){ .group = "g" });
    for (uint64_t i = 0; i < 9; i++) {
        cli_publish(p, "x", i, 0);
        struct heard *h = expect(members[i % MEMBERS], OP_MESSAGE);
        assert_int_equal(number_of(h), i);
    }
    assert_int_equal(counters.deliveries, 9);
    close_members();
    cli_close(p);
    stop();
}

static void the_one_with_the_least_waiting(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *p = cli_open();
    open_members((struct wish){ .group = "g" });
    cli_sub(members[0], 2, "load");
    cli_sub(members[2], 2, "load");
    cli_publish(p, "load", 0, 200000);
    turn();
    for (uint64_t i = 0; i < 10; i++) {
        cli_publish(p, "x", i, 0);
        turn();
    }
    assert_int_equal(hear_messages(members[1]), 10);
    close_members();
    cli_close(p);
    stop();
}

/* A full member stands back while another has room; only when all are full somebody waits. */
static void all_must_be_full(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *p = cli_open();
    open_members((struct wish){ .group = "g", .messages = 1 });
    for (uint64_t i = 0; i < MEMBERS; i++)
        cli_publish(p, "x", i, 40000);
    turn();
    assert_null(p->client->held_by);
    cli_publish(p, "x", 3, 40000);
    turn();
    assert_non_null(p->client->held_by);
    assert_int_equal(p->client->n_messages, 3);
    uint64_t n = 0;
    for (int i = 0; i < MEMBERS; i++)
        n += hear_messages(members[i]);
    for (int i = 0; i < MEMBERS; i++)
        n += hear_messages(members[i]);
    assert_int_equal(n, 4);
    assert_null(p->client->held_by);
    close_members();
    cli_close(p);
    stop();
}

/* No member waits: one loses. */
static void full_members_that_drop(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *p = cli_open();
    open_members((struct wish){ .group = "g", .messages = 1, .policy = POLICY_DROP_NEW });
    for (uint64_t i = 0; i < 10; i++)
        cli_publish(p, "x", i, 40000);
    cli_sync(p);
    uint64_t got = 0;
    for (int i = 0; i < MEMBERS; i++)
        got += hear_messages(members[i]);
    assert_int_equal(got + counters.lost_drop_new, 10);
    assert_true(got >= MEMBERS);
    close_members();
    cli_close(p);
    stop();
}

/* One client in several groups and with a plain subscription: one copy that names all. */
static void one_copy_for_one_client(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    cli_sub(a, 1, "x");
    cli_sub(a, 2, "x", .group = "g");
    cli_sub(a, 3, "*", .group = "h");
    cli_sub(a, 4, "y", .group = "g");
    cli_publish(a, "x", 1, 0);
    assert_int_equal(number_of(expect(a, OP_MESSAGE)), 1);
    assert_int_equal(a->n_sids, 3);
    cli_publish(a, "y", 2, 0);
    assert_int_equal(number_of(expect(a, OP_MESSAGE)), 2);
    assert_int_equal(a->n_sids, 2);
    expect_silence(a);
    cli_close(a);
    stop();
}

/* More picks than one SELECT names: 60 plain ones, and ten groups. */
static void too_many_picks(void **state)
{
    char name[8];
    uint64_t gaps = 0;
    (void)state;
    start();
    struct cli *a = cli_open();
    for (uint32_t sid = 1; sid <= 60; sid++)
        cli_sub(a, sid, "x");
    for (uint32_t sid = 61; sid <= 70; sid++) {
        snprintf(name, sizeof name, "g%u", sid);
        cli_sub(a, sid, "x", .group = name);
    }
    cli_publish(a, "x", 1, 0);
    bool got = false;
    for (struct heard *h; (h = hear(a));) {
        got |= h->op == OP_MESSAGE;
        gaps += h->op == OP_GAP && h->e.gap.reason == GAP_TOO_MANY;
    }
    assert_true(got);
    assert_int_equal(a->n_sids, MAX_SIDS);
    assert_int_equal(gaps, 6);
    cli_close(a);
    stop();
}

static void what_a_member_leaves_behind_is_counted(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *p = cli_open();
    struct cli *a = cli_open();
    cli_sub(a, 1, "x", .group = "g");
    for (uint64_t i = 0; i < 5; i++)
        cli_publish(p, "x", i, 40000);
    cli_sync(p);
    cli_close(a);
    assert_in_range(counters.lost_left, 4, 5);
    cli_close(p);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(in_turn_among_equals),
        kit_test(the_one_with_the_least_waiting),
        kit_test(all_must_be_full),
        kit_test(full_members_that_drop),
        kit_test(one_copy_for_one_client),
        kit_test(too_many_picks),
        kit_test(what_a_member_leaves_behind_is_counted),
    };
    return kit_run("group", tests, KIT_LENGTH(tests));
}
