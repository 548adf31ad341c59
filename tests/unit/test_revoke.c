/* What ends with a right that is taken away: more requests than are looked at at a time, those that
 * wait unsent, and who dies of being told.
 */
#include "broker/route/revoke.h"

#include "tests/unit/policy_kit.h"
#include "tests/unit/route_kit.h"

enum { MANY = 1300 };

#define ALL "[all]\nallow = all\n"

static void change_to(const char *rules)
{
    struct policy_snapshot *policy = policy_of(rules, .defaults = POLICY_DEFAULTS_NONE);
    assert_int_equal(session_set_policy(&session, policy), 0);
    policy_unref(policy);
}

static void ask_many(struct cli *cli, int mode)
{
    for (uint64_t i = 1; i <= MANY; i++) {
        cli_ask(cli, i, "x", mode, 60000);
        if (i % 50 == 0)
            turn();
    }
    turn();
}

/* Each is told of once. */
static void expect_ends(struct cli *cli, enum status status)
{
    static bool ended[MANY + 1];
    memset(ended, 0, sizeof ended);
    for (unsigned i = 0; i < MANY; i++) {
        const struct heard *h = expect(cli, OP_END);
        assert_true(h->e.end.token >= 1 && h->e.end.token <= MANY && !ended[h->e.end.token]);
        assert_int_equal(h->e.end.status, status);
        ended[h->e.end.token] = true;
    }
    expect_silence(cli);
}

static void more_requests_than_are_looked_at_at_a_time(void **state)
{
    (void)state;
    static const char *const rules[] = { ALL "[no]\ndeny = request\nsubject = x",
                                         ALL "[no]\ndeny = serve\nsubject = x" };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        start();
        struct cli *server = cli_open(), *cli = cli_open();
        cli_serve(server, 1, "x", 2 * MANY);
        ask_many(cli, REQUEST_ONE);
        assert_int_equal(session.route.calls.n_open, MANY);
        change_to(rules[i]);
        expect_ends(cli, STATUS_DENIED);
        assert_int_equal(session.route.calls.n_open, 0);
        cli_close(server);
        cli_close(cli);
        stop();
    }
}

/* A survey that a server was never sent: it hears nothing of it, and the others' answers count. */
static void what_waits_unsent_is_not_cancelled(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *slow = cli_open(), *cli = cli_open();
    cli_serve(slow, 1, "x", 10);
    stuff(slow, 1 << 20);
    turn();
    cli_ask(cli, 1, "x", REQUEST_ALL, 60000);
    turn();
    assert_non_null(slow->client->asks);
    change_to(ALL "[no]\ndeny = serve\nsubject = x");
    turn();
    assert_int_equal(expect(cli, OP_END)->e.end.gone, 1);
    assert_null(slow->client->asks);
    cli_close(slow);
    cli_close(cli);
    stop();
}

/* The requester is the server as well, its queue is full, and it does not read: it ends by being
 * told. */
static void who_ends_by_being_told_ends_once(void **state)
{
    (void)state;
    static const char *const rules[] = { ALL "[no]\ndeny = request\nsubject = x",
                                         ALL "[no]\ndeny = serve\nsubject = x" };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        start();
        small_buffers = true;
        struct cli *cli = cli_open(), *other = cli_open();
        cli_serve(cli, 1, "x", 2 * MANY);
        cli_serve(other, 1, "y", 10);
        ask_many(cli, REQUEST_ONE);
        while (cli->client->conn.out.n_bytes < CONN_QUEUE_BYTES)
            stuff(cli, 1 << 20);
        change_to(rules[i]);
        turn();
        assert_false(conn_is_live(&cli->client->conn) && session.route.calls.n_open > 0);
        assert_int_equal(session.route.calls.n_open, 0);
        cli_sync(other);
        cli_close(cli);
        cli_close(other);
        stop();
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(more_requests_than_are_looked_at_at_a_time),
        kit_test(what_waits_unsent_is_not_cancelled),
        kit_test(who_ends_by_being_told_ends_once),
    };
    return kit_run("revoke", tests, KIT_LENGTH(tests));
}
