/* What limits refuse, as PROTOCOL.md ("Limits") has it, and that what is given back is to be had again. */
#include "tests/live/config_files.h"

static const char *few = "[limits]\n"
                         "subscriptions-per-connection = 20\n"
                         "wildcards-per-connection = 10\n"
                         "servers-per-connection = 5\n"
                         "requests-per-connection = 9\n"
                         "queued-bytes-per-connection = 1000000\n"
                         "connections = 16\n";

static struct peer peer;

static void open_one(void)
{
    begin(few);
    start();
    peer_open(&peer, broker);
}

static void close_one(void)
{
    peer_close(&peer);
    finish();
}

static void sub(struct peer *by, uint64_t sid, const char *pattern)
{
    struct envelope e = { .op = OP_SUB };

    e.sub.ref = e.sub.sid = sid;
    e.sub.pattern = (struct piece){ pattern, strlen(pattern) };
    peer_send(by, &e);
}

static void serve(struct peer *by, uint64_t sid, const char *pattern)
{
    struct envelope e = { .op = OP_SERVE };

    e.serve.ref = e.serve.sid = sid;
    e.serve.pattern = (struct piece){ pattern, strlen(pattern) };
    peer_send(by, &e);
}

static void drop(struct peer *by, uint8_t op, uint64_t sid)
{
    struct envelope e = { .op = op };

    e.unsub.ref = 1000;
    e.unsub.sid = sid;
    peer_send(by, &e);
    peer_expect(by, OP_OK);
}

/** ERROR, status QUOTA, with this *what*. */
static void expect_refused(struct peer *by, uint8_t op, uint64_t ref, const char *what)
{
    const struct got *got = peer_expect(by, OP_ERROR);
    const struct piece *said = &got->control.error.what;

    assert_int_equal(got->control.error.op, op);
    assert_int_equal(got->control.error.ref, ref);
    assert_int_equal(got->control.error.status, STATUS_QUOTA);
    if (said->len != strlen(what) || memcmp(said->p, what, said->len) != 0)
        fail_msg("\"%.*s\" instead of \"%s\"", (int)said->len, (const char *)said->p, what);
}

/* Each with a pattern of its own. */
static void fill(void (*ask)(struct peer *, uint64_t, const char *), const char *first, uint64_t n)
{
    char pattern[32];

    for (uint64_t sid = 1; sid <= n; sid++) {
        snprintf(pattern, sizeof pattern, "%s.%d", first, (int)sid);
        ask(&peer, sid, pattern);
        peer_expect(&peer, OP_OK);
    }
}

static void subscriptions(void **state)
{
    (void)state;
    open_one();
    fill(sub, "a", 20);
    sub(&peer, 21, "b");
    expect_refused(
        &peer, OP_SUB, 21,
        "limit subscriptions-per-connection: this connection may hold 20 now, and holds 20");
    drop(&peer, OP_UNSUB, 20);
    peer_sub(&peer, 21, "b");
    peer_ping(&peer);
    close_one();
}

static void patterns_with_wildcards(void **state)
{
    (void)state;
    open_one();
    fill(sub, "*", 10);
    sub(&peer, 11, "b.>");
    expect_refused(&peer, OP_SUB, 11,
                   "limit wildcards-per-connection: this connection may hold 10 now, and holds 10");
    serve(&peer, 12, "b.>");
    expect_refused(&peer, OP_SERVE, 12,
                   "limit wildcards-per-connection: this connection may hold 10 now, and holds 10");
    peer_sub(&peer, 11, "b");
    close_one();
}

static void services(void **state)
{
    (void)state;
    open_one();
    fill(serve, "s", 5);
    serve(&peer, 6, "t");
    expect_refused(&peer, OP_SERVE, 6,
                   "limit servers-per-connection: this connection may hold 5 now, and holds 5");
    drop(&peer, OP_UNSERVE, 5);
    peer_serve(&peer, 6, "t", 0);
    close_one();
}

static void requests(void **state)
{
    struct peer server;

    (void)state;
    open_one();
    peer_open(&server, broker);
    peer_serve(&server, 1, "s", 0);
    for (uint64_t reference = 1; reference <= 9; reference++)
        peer_request(&peer, reference, "s", REQUEST_ONE, 60000);
    peer_request(&peer, 10, "s", REQUEST_ONE, 60000);
    const struct got *got = peer_expect_end(&peer, 10, STATUS_QUOTA);
    const char *what = "limit requests-per-connection: this connection may hold 9 now, and holds 9";
    assert_int_equal(got->control.end.what.len, strlen(what));
    assert_memory_equal(got->control.end.what.p, what, strlen(what));
    peer_reply(&server, peer_expect_request(&server), 0, false, "done");
    peer_expect(&peer, OP_REPLY);
    peer_request(&peer, 11, "s", REQUEST_ONE, 60000);
    peer_ping(&peer);
    peer_close(&server);
    close_one();
}

/* Told when its length is known, before it has come. */
static void a_frame_larger_than_may_wait(void **state)
{
    struct peer other;

    (void)state;
    open_one();
    peer_open(&other, broker);
    char head[] =
        "\x00\x1e\x84\x94\x94\x20\xce\x00\x00\x00\x00\xcf\x00\x00\x00\x00\x00\x00\x00\x00\xa3"
        "big";
    raw_send(other.fd, head, sizeof head - 1);
    peer_expect_goodbye(&other, STATUS_QUOTA);
    peer_close(&other);
    peer_ping(&peer);
    assert_true(broker_proc_log_has(broker, "limit queued-bytes-per-connection: ", 2000));
    close_one();
}

static void connections(void **state)
{
    enum { N_PEERS = 17 };
    static struct peer peers[N_PEERS];
    int n_served = 0;

    (void)state;
    open_one();
    for (int i = 0; i < N_PEERS; i++) {
        peer_connect(&peers[i], broker);
        (void)raw_try_send(peers[i].fd,
                           "\0\0\0\x0d\x95\1\xa7"
                           "brokerd\1\0\x80",
                           17, 0);
        const struct got *got = peer_next(&peers[i], RAW_DEADLINE_MS);
        assert_non_null(got);
        if (got->op == OP_WELCOME) {
            n_served++;
            continue;
        }
        assert_int_equal(got->op, OP_GOODBYE);
        assert_int_equal(got->control.goodbye.status, STATUS_QUOTA);
        assert_memory_equal(got->control.goodbye.sentence.p, "limit connections: ", 19);
    }
    assert_in_range(n_served, 2, N_PEERS - 2);
    for (int i = 0; i < N_PEERS; i++)
        peer_close(&peers[i]);
    peer_ping(&peer);
    close_one();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(subscriptions), kit_test(patterns_with_wildcards),      kit_test(services),
        kit_test(requests),      kit_test(a_frame_larger_than_may_wait), kit_test(connections),
    };
    return kit_run("limits", tests, KIT_LENGTH(tests));
}
