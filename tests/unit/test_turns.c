/* Turns: who is served when those who shared a round are gone, and how long a round lasts. */
#include "broker/net/turns.h"

#include "tests/unit/route_kit.h"

static int n_let_in;

static void count_let_in(void *userdata, uint64_t until_ns)
{
    (void)userdata;
    (void)until_ns;
    n_let_in++;
}

static void start_with_a_door(void)
{
    start();
    n_let_in = 0;
    session.net.let_in = count_let_in;
}

static void who_comes_waits_while_others_share_the_round(void **state)
{
    struct pace *pace = &session.quota.pace;
    struct pace_user a = { 0 }, b = { 0 };
    (void)state;
    start_with_a_door();
    turns_want_arrivals(&session.net);
    assert_int_equal(n_let_in, 1); /* nobody to wait for */
    pace_seen(pace, &a, loop_now_ns(loop));
    pace_seen(pace, &b, loop_now_ns(loop));
    turns_want_arrivals(&session.net);
    turns_want_arrivals(&session.net);
    assert_int_equal(n_let_in, 1);
    turn();
    assert_int_equal(n_let_in, 2);
    assert_false(session.net.arrivals.is_active);
    pace_leave(pace, &a);
    pace_leave(pace, &b);
    stop();
}

static void the_others_may_have_gone_meanwhile(void **state)
{
    struct pace *pace = &session.quota.pace;
    struct pace_user a = { 0 }, b = { 0 };
    (void)state;
    start_with_a_door();
    pace_seen(pace, &a, loop_now_ns(loop));
    pace_seen(pace, &b, loop_now_ns(loop));
    turns_want_arrivals(&session.net);
    pace_leave(pace, &a);
    pace_leave(pace, &b);
    turn();
    assert_int_equal(n_let_in, 1);
    assert_int_equal(pace->n_active, 0);
    assert_int_equal(pace->n_waiting, 0);
    stop();
}

/* Who is let go in somebody's turn stands in line, and makes that turn no longer. */
static void a_turn_is_as_long_as_it_was(void **state)
{
    (void)state;
    start_with_a_door();
    clock_stands = true;
    struct cli *a = cli_open();
    conn_hold(&a->client->conn);
    session.net.turn_until_ns = 1;
    struct pace_user b = { 0 };
    pace_seen(&session.quota.pace, &b, loop_now_ns(loop));
    conn_resume(&a->client->conn);
    assert_true(pace_waits(&a->client->conn.turn));
    assert_int_equal(session.net.turn_until_ns, 1);
    turn();
    assert_false(pace_waits(&a->client->conn.turn));
    pace_leave(&session.quota.pace, &b);
    cli_close(a);
    clock_stands = false;
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(who_comes_waits_while_others_share_the_round),
        kit_test(the_others_may_have_gone_meanwhile),
        kit_test(a_turn_is_as_long_as_it_was),
    };
    return kit_run("turns", tests, KIT_LENGTH(tests));
}
