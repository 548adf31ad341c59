/* Who comes in, what is asked about those who do not, and the end of all. */
#include "tests/unit/route_kit.h"

enum { COME = 3 * LIMITS_MIN_CONNECTIONS };

/* ---- what the kernel is asked ------------------------------------------------- */

static struct asked {
    unsigned n_cred, n_groups, n_else;
    bool no_cred, no_groups;
} asked;

static int refuse_option(void)
{
    errno = ENOPROTOOPT;
    return -1;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    bool is_cred = level == SOL_SOCKET && name == SO_PEERCRED;
    bool is_groups = level == SOL_SOCKET && name == SO_PEERGROUPS;
    asked.n_cred += is_cred;
    asked.n_groups += is_groups;
    asked.n_else += !is_cred && !is_groups;
    if ((is_cred && asked.no_cred) || (is_groups && asked.no_groups))
        return refuse_option();
    return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

static void begin(void)
{
    struct limits limits;
    asked = (struct asked){ 0 };
    start();
    limits_default(&limits);
    limits.total[QUOTA_CONNECTIONS] = LIMITS_MIN_CONNECTIONS;
    session_set_limits(&session, &limits);
}

static enum status farewell(struct cli *cli)
{
    struct heard *h = expect(cli, OP_GOODBYE);
    return (enum status)h->e.goodbye.status;
}

/* ---- coming -------------------------------------------------------------------- */

/* Of those who are refused for their number nothing is looked up but who they are. */
static void who_is_one_too_many_costs_one_question(void **state)
{
    (void)state;
    begin();
    struct cli *came[COME];
    unsigned n_in = 0;
    for (unsigned i = 0; i < COME; i++) {
        uint64_t before = counters.refused_quota;
        struct asked was = asked;
        came[i] = cli_connect();
        assert_int_equal(asked.n_cred, was.n_cred + 1);
        if (counters.refused_quota == before) {
            n_in += asked.n_groups == was.n_groups + 1;
            continue;
        }
        assert_int_equal(asked.n_groups, was.n_groups);
        assert_int_equal(asked.n_else, was.n_else);
        assert_int_equal(farewell(came[i]), STATUS_QUOTA);
    }
    assert_in_range(n_in, 1, LIMITS_MIN_CONNECTIONS);
    assert_int_equal(n_in + counters.refused_quota, COME);
    for (unsigned i = 0; i < COME; i++)
        cli_close(came[i]);
    stop();
}

/* Whoever does not come in gives back what it was charged. */
static void who_is_not_known_is_charged_nothing(void **state)
{
    (void)state;
    begin();
    asked.no_groups = true;
    for (unsigned i = 0; i < COME; i++) {
        asked.no_cred = i % 2;
        struct cli *cli = cli_connect();
        assert_int_equal(farewell(cli), STATUS_NO_IDENTITY);
        cli_close(cli);
    }
    assert_int_equal(counters.refused_identity, COME);
    assert_int_equal(session.quota.n_users, 0);
    assert_int_equal(session.route.slab.n_things, 1); /* the root of the index */
    stop();
}

/* ---- going ---------------------------------------------------------------------- */

/* The server's end is told to who asked it, for whom there is no memory: one leaves the list while
 * all are walked along. */
static void all_are_told_when_one_breaks(void **state)
{
    (void)state;
    begin();
    struct cli *first = cli_open();
    struct cli *asks = cli_open();
    struct cli *serves = cli_open();
    cli_serve(serves, 1, "x", 0);
    cli_ask(asks, 1, "x", REQUEST_ONE, 5000);
    expect(serves, OP_REQUEST);
    asks->client->conn.out.broken = true;
    session_drain(&session);
    assert_int_equal(asks->client->conn.state, CONN_DEAD);
    assert_int_equal(serves->client->conn.state, CONN_ENDING);
    assert_int_equal(first->client->conn.state, CONN_ENDING);
    assert_int_equal(farewell(first), STATUS_SHUTTING_DOWN);
    cli_close(first);
    cli_close(asks);
    cli_close(serves);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(who_is_one_too_many_costs_one_question),
        kit_test(who_is_not_known_is_charged_nothing),
        kit_test(all_are_told_when_one_breaks),
    };
    return kit_run("session", tests, KIT_LENGTH(tests));
}
