/* The limits in force, on every way by which something comes to be held; what is told of it, and
 * who gives way. */
#include <signal.h>

#include "broker/net/conn_internal.h"
#include "broker/route/evict.h"
#include "tests/unit/train_kit.h"

enum { ALICE = 1000, BOB = 1001, KIB = 1 << 10 };

static struct limits limits;

/* Several uids share the rounds by the time that they take, which on a busy machine may be long. */
static void rest(void)
{
    for (int i = 0; i < 20; i++)
        turn();
}

static struct heard *hear_at_last(struct cli *cli)
{
    struct heard *heard = NULL;
    for (int i = 0; i < 50 && !heard; i++)
        heard = hear(cli);
    return heard;
}

#define hear hear_at_last

/* Small ones, of which a connection always has its basic amounts: 32 KiB of queued bytes. */
static void begin(void)
{
    start();
    limits_default(&limits);
    limits.total[QUOTA_CONNECTIONS] = LIMITS_MIN_CONNECTIONS;
    limits.total[QUOTA_QUEUED_BYTES] = 1024 * KIB;
    session_set_limits(&session, &limits);
}

static void allow(enum quota_kind kind, uint64_t total)
{
    limits.total[kind] = total;
    session_set_limits(&session, &limits);
}

static void allow_each(enum quota_kind kind, uint64_t per_connection)
{
    limits.per_connection[kind] = per_connection;
    session_set_limits(&session, &limits);
}

static void end(struct cli *a, struct cli *b)
{
    cli_close(a);
    if (b)
        cli_close(b);
    stop();
}

/* The kernel says of all of us that we are who runs this: what it holds is charged to somebody
 * else. */
static struct cli *cli_of(uid_t uid)
{
    struct cli *cli = cli_open();
    struct conn *conn = &cli->client->conn;
    conn_discharge(conn);
    account_close(&conn->account);
    assert_int_equal(account_open(&conn->account, &session.quota, uid, NULL), STATUS_OK);
    conn_charge_start(conn);
    return cli;
}

static uint32_t held(const struct cli *cli, enum quota_kind kind)
{
    return cli->client->conn.account.use[kind];
}

static void assert_begins(struct piece said, const char *text)
{
    assert_true(said.len >= strlen(text));
    assert_memory_equal(said.p, text, strlen(text));
}

static struct heard *say(struct cli *cli, int op, uint32_t sid, const char *pattern)
{
    struct envelope e = { .op = (uint8_t)op };
    struct piece piece = { pattern, strlen(pattern) };
    if (op == OP_SUB) {
        e.sub.ref = e.sub.sid = sid;
        e.sub.pattern = piece;
    } else {
        e.serve.ref = e.serve.sid = sid;
        e.serve.pattern = piece;
    }
    cli_say(cli, &e);
    return hear(cli);
}

static void expect_refused(struct cli *cli, int op, uint32_t sid, const char *pattern,
                           const char *text)
{
    struct heard *h = say(cli, op, sid, pattern);
    assert_int_equal(h->op, OP_ERROR);
    assert_int_equal(h->e.error.op, op);
    assert_int_equal(h->e.error.ref, sid);
    assert_int_equal(h->e.error.status, STATUS_QUOTA);
    assert_begins(h->e.error.what, text);
}

/* ---- what is counted ------------------------------------------------------------ */

static void subscriptions(void **state)
{
    (void)state;
    begin();
    allow_each(QUOTA_SUBSCRIPTIONS, 2);
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(a, 1, "x");
    cli_sub(a, 2, "y");
    expect_refused(
        a, OP_SUB, 3, "z",
        "limit subscriptions-per-connection: this connection may hold 2 now, and holds 2");
    assert_null(sid_find(a->client, 3));
    assert_int_equal(session.route.index.n_nodes, 2);
    assert_int_equal(counters.limited, 1);
    cli_sub(b, 1, "z"); /* others do not notice */
    cli_unsub(a, 1, OP_UNSUB);
    expect(a, OP_OK);
    cli_sub(a, 3, "z");
    assert_int_equal(held(a, QUOTA_SUBSCRIPTIONS), 2);
    end(a, b);
}

static void wildcards(void **state)
{
    (void)state;
    begin();
    allow_each(QUOTA_WILDCARDS, 1);
    struct cli *a = cli_of(ALICE);
    cli_sub(a, 1, "x.*");
    expect_refused(a, OP_SUB, 2, "y.>", "limit wildcards-per-connection: ");
    assert_int_equal(held(a, QUOTA_SUBSCRIPTIONS), 1);
    expect_refused(a, OP_SERVE, 2, "y.>", "limit wildcards-per-connection: ");
    assert_int_equal(held(a, QUOTA_SERVERS), 0);
    cli_sub(a, 2, "y");
    cli_unsub(a, 1, OP_UNSUB);
    expect(a, OP_OK);
    assert_int_equal(held(a, QUOTA_WILDCARDS), 0);
    assert_int_equal(session.route.index.n_nodes, 1);
    end(a, NULL);
}

static void servers(void **state)
{
    (void)state;
    begin();
    allow_each(QUOTA_SERVERS, 1);
    struct cli *a = cli_of(ALICE);
    cli_serve(a, 1, "x", 10);
    expect_refused(a, OP_SERVE, 2, "y", "limit servers-per-connection: ");
    cli_sub(a, 2, "y"); /* is something else */
    cli_unsub(a, 1, OP_UNSERVE);
    expect(a, OP_OK);
    cli_serve(a, 1, "y", 10);
    end(a, NULL);
}

/* As many as there may be in all are shared: the second uid still gets some. */
static void a_uid_has_its_share(void **state)
{
    (void)state;
    begin();
    allow(QUOTA_SUBSCRIPTIONS, 320);
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    char pattern[16];
    uint32_t n[2] = { 0, 0 };
    for (int i = 0; i < 2; i++) {
        struct cli *cli = i ? b : a;
        do
            snprintf(pattern, sizeof pattern, "x%u.%d", ++n[i], i);
        while (say(cli, OP_SUB, n[i], pattern)->op == OP_OK);
        assert_int_equal(cli->heard.e.error.status, STATUS_QUOTA);
    }
    assert_true(n[0] > n[1]);
    assert_true(n[1] > 20); /* 10 are basic */
    end(a, b);
}

/* ---- one subject, many subscriptions ---------------------------------------------- */

static void too_many_of_one_pattern(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_open();
    for (uint32_t sid = 1; sid <= MAX_OVERLAP; sid++)
        cli_sub(a, sid, "x");
    expect_refused(a, OP_SUB, 1000, "x",
                   "limit overlap: this connection may hold 128 now, and holds 128");
    cli_sub(a, 1000, "y");
    for (uint32_t sid = 2001; sid <= 2000 + MAX_OVERLAP; sid++)
        cli_serve(a, sid, "x", 1);
    expect_refused(a, OP_SERVE, 1001, "x", "limit overlap: ");
    cli_publish(a, "x", 1, 8); /* so many are none too many */
    expect(a, OP_MESSAGE);
    end(a, NULL);
}

/* Patterns of which each is another one: that is seen when a subject comes that all match. */
static void too_many_that_overlap(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    char pattern[32];
    for (uint32_t i = 0; i < 160; i++) {
        char *p = pattern;
        for (int bit = 0; bit < 8; bit++)
            p += sprintf(p, "%s%s", bit ? "." : "", i >> bit & 1 ? "*" : "a");
        cli_sub(a, i + 1, pattern);
    }
    cli_sub(b, 1, ">");
    cli_publish(b, "b.b.a.a.a.a.a.a", 1, 8); /* four of them match it */
    expect(a, OP_MESSAGE);
    assert_int_equal(a->n_sids, 40);
    cli_publish(b, "a.a.a.a.a.a.a.a", 2, 8);
    cli_publish(b, "a.a.a.a.a.a.a.a", 3, 8);
    struct heard *h;
    while ((h = hear(a)) && h->op != OP_GOODBYE)
        ;
    assert_non_null(h);
    assert_int_equal(h->e.goodbye.status, STATUS_QUOTA);
    assert_begins(h->e.goodbye.sentence, "limit overlap: ");
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(number_of(expect(b, OP_MESSAGE)), i);
    assert_int_equal(session.route.n_subs, 1);
    end(a, b);
}

/* ---- input -------------------------------------------------------------------------- */

static const uint8_t half_hello[] = { 0, 0, 8, 0, 0x95, 0x01 };

static void before_hello(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_connect(), *b = cli_open();
    cli_write(a, half_hello, sizeof half_hello);
    rest();
    assert_int_equal(held(a, QUOTA_UNAUTHENTICATED_BYTES), 2052);
    assert_int_equal(held(b, QUOTA_UNAUTHENTICATED_BYTES), 0);
    end(a, b);
    begin();
    allow_each(QUOTA_UNAUTHENTICATED_BYTES, 1000);
    a = cli_connect();
    cli_write(a, half_hello, sizeof half_hello);
    struct heard *h = expect(a, OP_GOODBYE);
    assert_int_equal(h->e.goodbye.status, STATUS_QUOTA);
    assert_begins(h->e.goodbye.sentence, "a HELLO in parts of 2052 bytes: limit "
                                         "unauthenticated-bytes-per-connection: ");
    end(a, NULL);
}

/* The head of a MESSAGE whose payload comes later, or never. */
static void say_head(struct cli *cli, const char *subject, size_t payload_len)
{
    uint8_t buf[FRAME_MAX_HEAD];
    struct frame frame = {
        .op = OP_MESSAGE,
        .subject = subject,
        .subject_len = strlen(subject),
        .payload_len = payload_len,
    };
    cli_write(cli, buf, frame_write_head(buf, &frame));
    rest();
}

static void say_payload(struct cli *cli, size_t len)
{
    uint8_t *payload = calloc(1, len);
    cli_write(cli, payload, len);
    free(payload);
    rest();
}

static void a_frame_that_will_never_fit(void **state)
{
    (void)state;
    begin();
    allow_each(QUOTA_QUEUED_BYTES, 100 * KIB);
    struct cli *a = cli_of(ALICE);
    say_head(a, "x", 500 * KIB);
    struct heard *h = expect(a, OP_GOODBYE);
    assert_int_equal(h->e.goodbye.status, STATUS_QUOTA);
    assert_begins(h->e.goodbye.sentence, "a frame of 5120");
    assert_non_null(memmem(h->e.goodbye.sentence.p, h->e.goodbye.sentence.len,
                           LITERAL("limit queued-bytes-per-connection: ")));
    end(a, NULL);
}

/* All of a frame is charged when its length is known. One of each uid comes in though there is
 * nothing left for it; who comes next waits, and so in turn. */
static void frames_in_turn(void **state)
{
    enum { SIZE = 100 * KIB };
    struct cli *crowd[4], *c;
    (void)state;
    begin();
    c = cli_of(BOB);
    cli_sub(c, 1, "x");
    for (int i = 0; i < 4; i++) {
        crowd[i] = cli_of(ALICE);
        say_head(crowd[i], "x", SIZE);
    }
    assert_true(held(crowd[0], QUOTA_QUEUED_BYTES) >= SIZE);
    assert_true(crowd[1]->client->conn.indulged);
    assert_int_equal(held(crowd[1], QUOTA_QUEUED_BYTES), 32 * KIB);
    assert_true(crowd[2]->client->conn.hungry && crowd[3]->client->conn.hungry);
    for (int i = 0; i < 4; i++) {
        say_payload(crowd[i], SIZE);
        expect(c, OP_MESSAGE);
        assert_false(crowd[i]->client->conn.indulged);
        skip_ms(30);
    }
    for (int i = 0; i < 4; i++) {
        assert_false(crowd[i]->client->conn.hungry);
        cli_close(crowd[i]);
    }
    end(c, NULL);
}

/* A user who holds much cannot keep another one's frames out. */
static void a_frame_comes_in_whatever_others_hold(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB), *c = cli_of(BOB);
    struct account *hoard = &a->client->conn.account;
    assert_int_equal(
        account_set(hoard, QUOTA_QUEUED_BYTES, account_room(hoard, QUOTA_QUEUED_BYTES), NULL),
        STATUS_OK);
    cli_sub(c, 1, "x");
    for (uint64_t i = 0; i < 5; i++) {
        cli_publish(b, "x", i, 900 * KIB);
        assert_int_equal(number_of(expect(c, OP_MESSAGE)), i);
    }
    cli_close(c);
    end(a, b);
}

/* What is small never waits, whatever is queued for who says it. */
static void who_does_not_read_may_speak(void **state)
{
    (void)state;
    begin();
    small_buffers = true;
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(a, 1, "x", .policy = POLICY_DROP_OLD);
    for (uint64_t i = 0; i < 400; i++)
        cli_publish(b, "x", i, KIB);
    rest();
    assert_true(counters.lost_connection_full > 0);
    cli_sub(b, 2, "y");
    say_head(a, "y", 8 * KIB);
    assert_false(a->client->conn.hungry);
    say_payload(a, 8 * KIB);
    expect(b, OP_MESSAGE);
    end(a, b);
}

static void who_waits_may_leave(void **state)
{
    struct cli *crowd[4];
    (void)state;
    begin();
    for (int i = 0; i < 4; i++) {
        crowd[i] = cli_of(ALICE);
        say_head(crowd[i], "x", 100 * KIB);
    }
    cli_close(crowd[2]);
    assert_int_equal(session.net.n_conns, 4); /* what it had sent may be all of it */
    cli_close(crowd[1]);
    skip_ms(30);
    cli_close(crowd[0]);
    skip_ms(30);
    assert_int_equal(session.net.n_conns, 1);
    assert_null(session.net.hungry);
    assert_false(crowd[3]->client->conn.hungry);
    end(crowd[3], NULL);
}

/* ---- output ------------------------------------------------------------------------ */

/* Fills what it may have, and nobody loses but it. */
static void a_queue_is_as_long_as_is_granted(void **state)
{
    (void)state;
    begin();
    small_buffers = true;
    struct cli *slow = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(slow, 1, "x", .policy = POLICY_DROP_OLD);
    cli_sub(b, 1, "x");
    for (uint64_t i = 0; i < 1000; i++) {
        cli_publish(b, "x", i, KIB);
        assert_int_equal(number_of(expect(b, OP_MESSAGE)), i);
    }
    const struct conn *conn = &slow->client->conn;
    uint64_t room = account_room(&conn->account, QUOTA_QUEUED_BYTES);
    assert_in_range(conn->out.n_bytes, room - 2 * KIB, room);
    assert_true(held(slow, QUOTA_QUEUED_BYTES) >= conn->out.n_bytes);
    assert_in_range(conn->out.n_messages, 100, 200);
    assert_int_equal(slow->client->last_loss, GAP_CONNECTION_FULL);
    assert_int_equal(slow->client->n_lost, counters.lost_connection_full);
    assert_int_equal(b->client->n_lost, 0);
    end(slow, b);
}

static void messages_count_as_well(void **state)
{
    (void)state;
    begin();
    allow_each(QUOTA_QUEUED_MESSAGES, 40);
    small_buffers = true;
    struct cli *slow = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(slow, 1, "x", .policy = POLICY_DROP_NEW);
    cli_publish(b, "x", 0, 30000);
    rest();
    for (uint64_t i = 1; i < 100; i++)
        cli_publish(b, "x", i, 8);
    rest();
    assert_int_equal(slow->client->conn.out.n_messages, 40);
    assert_int_equal(slow->client->last_loss, GAP_CONNECTION_FULL);
    assert_int_equal(slow->client->n_lost, 60);
    end(slow, b);
}

static void wait_holds_when_nothing_more_is_granted(void **state)
{
    (void)state;
    begin();
    small_buffers = true;
    struct cli *slow = cli_open(), *b = cli_open(); /* of one uid: it may hold */
    cli_sub(slow, 1, "x");
    for (uint64_t i = 0; i < 1000 && !b->client->held_by; i++) {
        cli_publish(b, "x", i, 4 * KIB);
        rest();
    }
    assert_ptr_equal(b->client->held_by, slow->client);
    assert_int_equal(slow->client->n_lost, 0);
    for (int i = 0; i < 1000 && b->client->held_by; i++)
        expect(slow, OP_MESSAGE);
    assert_null(b->client->held_by);
    end(slow, b);
}

/* One that reads all the same gets everything, though it is granted nothing. */
static void who_reads_loses_nothing(void **state)
{
    (void)state;
    begin();
    allow(QUOTA_QUEUED_BYTES, 0);
    allow(QUOTA_QUEUED_MESSAGES, 0);
    allow(QUOTA_KERNEL_BYTES, 0);
    struct cli *a = cli_open(), *b = cli_open();
    cli_sub(a, 1, "x", .policy = POLICY_DROP_NEW);
    for (uint64_t i = 0; i < 200; i++) {
        cli_publish(b, "x", i, i % 3 ? 100 : 3 * KIB);
        assert_int_equal(number_of(expect(a, OP_MESSAGE)), i);
    }
    assert_int_equal(a->client->n_lost, 0);
    end(a, b);
}

static void answers_have_a_reserve(void **state)
{
    (void)state;
    begin();
    allow(QUOTA_QUEUED_BYTES, 0);
    small_buffers = true;
    struct cli *a = cli_open(), *b = cli_open();
    cli_sub(a, 1, "x");
    cli_publish(b, "x", 1, 500 * KIB); /* one always fits */
    rest();
    for (uint64_t i = 0; i < 1000; i++)
        cli_ref(a, OP_PING, i);
    rest();
    assert_int_equal(a->client->conn.state, CONN_OPEN);
    for (uint64_t i = 0; i < 20000 && a->client->conn.state == CONN_OPEN; i++)
        cli_ref(a, OP_PING, i);
    assert_int_not_equal(a->client->conn.state, CONN_OPEN);
    assert_true(a->client->conn.out.n_bytes <= 500 * KIB + CONTROL_RESERVE + 200);
    end(a, b);
}

static void what_was_granted_is_given_back(void **state)
{
    (void)state;
    begin();
    small_buffers = true;
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(a, 1, "x", .policy = POLICY_DROP_NEW);
    for (uint64_t i = 0; i < 100; i++)
        cli_publish(b, "x", i, KIB);
    rest();
    assert_true(held(a, QUOTA_QUEUED_BYTES) > 64 * KIB);
    assert_non_null(a->client->conn.more);
    while (hear(a))
        ;
    skip_ms(1100);
    skip_ms(1100);
    assert_int_equal(held(a, QUOTA_QUEUED_BYTES), 32 * KIB);
    assert_null(a->client->conn.more);
    assert_null(session.net.more);
    end(a, b);
}

/* ---- overdrafts --------------------------------------------------------------------- */

/* What the kernel was to take at once, and did not, may be more than is granted; there is a
 * bound to that for all together. */
static void overdrafts_are_bounded(void **state)
{
    enum { CROWD = 6 };
    struct cli *crowd[CROWD];
    (void)state;
    begin();
    allow(QUOTA_CONNECTIONS, 64);
    allow(QUOTA_QUEUED_BYTES, 4096 * KIB);
    small_buffers = true;
    struct cli *b = cli_of(BOB);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = cli_of(ALICE);
        cli_sub(crowd[i], 1, "x", .policy = POLICY_DROP_NEW);
    }
    static struct train train;
    for (int round = 0; round < 5; round++) {
        train.len = 0;
        for (uint64_t i = 0; i < 60; i++)
            train_add(&train, "x", i, 4 * KIB);
        cli_write(b, train.bytes, train.len);
        rest();
    }
    uint64_t queued = 0;
    for (int i = 0; i < CROWD; i++)
        queued += crowd[i]->client->conn.out.n_bytes;
    uint64_t granted = session.quota.pools[QUOTA_QUEUED_BYTES].use;
    assert_true(granted <= 4096 * KIB);
    /* What there was, what one burst added, and a message each that met an empty queue. */
    assert_true(queued <= granted + 2 * session.net.overdraft_max + CROWD * 5 * KIB);
    assert_int_equal(session.net.overdrawn > 0, queued > granted);
    for (int i = 0; i < CROWD; i++)
        cli_close(crowd[i]);
    assert_int_equal(session.net.overdrawn, 0);
    end(b, NULL);
}

/* One message always fits an empty queue. When that fills the memory, who stands still ends. */
static void memory_is_bounded(void **state)
{
    enum { CROWD = 14, SIZE = 100 * KIB };
    struct cli *crowd[CROWD];
    char subject[8];
    (void)state;
    begin();
    allow(QUOTA_CONNECTIONS, 64);
    small_buffers = true;
    struct cli *b = cli_open();
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = cli_of(ALICE);
        snprintf(subject, sizeof subject, "x%d", i);
        cli_sub(crowd[i], 1, subject);
    }
    for (int i = 0; i < CROWD; i++) {
        snprintf(subject, sizeof subject, "x%d", i);
        cli_publish(b, subject, 1, SIZE);
        rest();
    }
    assert_int_equal(session.net.n_conns, 1 + CROWD); /* they may still read */
    for (int i = 0; i < 4; i++)
        skip_ms(600);
    assert_false(net_is_full(&session.net));
    assert_in_range(counters.evicted, 1, CROWD - 1);
    for (int i = 0; i < CROWD; i++)
        cli_close(crowd[i]);
    end(b, NULL);
}

/* ---- who gives way -------------------------------------------------------------------- */

/* `first` fills its share while it is alone; then others come, and little is left for `second`. */
static void crowd_out(struct cli *first, struct cli *second, struct cli *others)
{
    cli_sub(first, 1, "x", .policy = POLICY_DROP_NEW);
    cli_sub(second, 1, "y", .policy = POLICY_DROP_NEW);
    for (uint64_t i = 0; i < 160; i++)
        cli_publish(others, "x", i, KIB);
    rest();
    assert_true(held(first, QUOTA_QUEUED_BYTES) > 100 * KIB);
    assert_int_equal(account_set(&others->client->conn.account, QUOTA_QUEUED_BYTES,
                                 account_room(&others->client->conn.account, QUOTA_QUEUED_BYTES),
                                 NULL),
                     STATUS_OK);
}

/* Not all at once: a round may overdraw. */
static void send_to_second(struct cli *from, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        cli_publish(from, "y", i, KIB);
        rest();
    }
}

static void one_that_stands_still_gives_way(void **state)
{
    (void)state;
    begin();
    small_buffers = true;
    struct cli *first = cli_of(ALICE), *second = cli_of(ALICE), *b = cli_of(BOB);
    crowd_out(first, second, b);
    send_to_second(b, 60); /* it may still read */
    assert_int_equal(counters.evicted, 0);
    uint64_t lost = second->client->n_lost;
    assert_true(lost > 0);
    skip_ms(1100);
    send_to_second(b, 20);
    assert_int_equal(counters.evicted, 1);
    assert_int_equal(second->client->n_lost, lost);
    assert_int_equal(session.net.n_conns, 3);
    assert_int_equal(first->client->conn.state, CONN_ENDING);
    struct heard *h;
    while ((h = hear(first)) && h->op != OP_GOODBYE)
        ;
    assert_non_null(h);
    assert_int_equal(h->e.goodbye.status, STATUS_TOO_SLOW);
    assert_begins(h->e.goodbye.sentence, "limit queued-bytes: ");
    cli_close(b);
    end(first, second);
}

static void one_that_drains_does_not(void **state)
{
    (void)state;
    begin();
    small_buffers = true;
    struct cli *first = cli_of(ALICE), *second = cli_of(ALICE), *b = cli_of(BOB);
    crowd_out(first, second, b);
    send_to_second(b, 60);
    for (int i = 0; i < 6; i++) {
        uint8_t taken[8 * KIB];
        skip_ms(400);
        assert_true(read(first->fd, taken, sizeof taken) > 0);
        send_to_second(b, 5);
    }
    assert_int_equal(counters.evicted, 0);
    assert_int_equal(first->client->conn.state, CONN_OPEN);
    cli_close(b);
    end(first, second);
}

/* A frame that has begun, and nothing more comes; granted or not. */
static void half_a_frame_gives_way(void **state)
{
    struct cli *crowd[3];
    (void)state;
    begin();
    for (int i = 0; i < 3; i++) {
        crowd[i] = cli_of(ALICE);
        say_head(crowd[i], "x", 100 * KIB);
    }
    for (int i = 0; i < 4; i++) { /* both go on */
        skip_ms(600);
        say_payload(crowd[0], 10);
        say_payload(crowd[1], 10);
    }
    assert_int_equal(counters.evicted, 0);
    assert_true(crowd[2]->client->conn.hungry);
    for (int i = 0; i < 4; i++) { /* one of them */
        skip_ms(600);
        say_payload(crowd[1], 10);
    }
    assert_int_equal(expect(crowd[0], OP_GOODBYE)->e.goodbye.status, STATUS_TOO_SLOW);
    assert_int_equal(counters.evicted, 1);
    assert_false(crowd[2]->client->conn.hungry);
    for (int i = 0; i < 3; i++)
        cli_close(crowd[i]);
    stop();
}

/* ---- other limits ---------------------------------------------------------------------- */

static void limits_may_change(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    for (uint32_t sid = 1; sid <= 20; sid++) {
        char pattern[8];
        snprintf(pattern, sizeof pattern, "x%u", sid);
        cli_sub(a, sid, pattern);
    }
    allow_each(QUOTA_SUBSCRIPTIONS, 5);
    expect_refused(a, OP_SUB, 21, "y",
                   "limit subscriptions-per-connection: this connection may "
                   "hold 5 now, and holds 20");
    assert_int_equal(session.route.n_subs, 20); /* nothing is taken away */
    conn_cut(&b->client->conn, STATUS_VANISHED, NULL);
    allow_each(QUOTA_SUBSCRIPTIONS, 50); /* one is dead, and not buried */
    cli_sub(a, 21, "y");
    end(a, b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(subscriptions),
        kit_test(wildcards),
        kit_test(servers),
        kit_test(a_uid_has_its_share),
        kit_test(too_many_of_one_pattern),
        kit_test(too_many_that_overlap),
        kit_test(before_hello),
        kit_test(a_frame_that_will_never_fit),
        kit_test(frames_in_turn),
        kit_test(a_frame_comes_in_whatever_others_hold),
        kit_test(who_does_not_read_may_speak),
        kit_test(who_waits_may_leave),
        kit_test(a_queue_is_as_long_as_is_granted),
        kit_test(messages_count_as_well),
        kit_test(wait_holds_when_nothing_more_is_granted),
        kit_test(who_reads_loses_nothing),
        kit_test(answers_have_a_reserve),
        kit_test(what_was_granted_is_given_back),
        kit_test(overdrafts_are_bounded),
        kit_test(memory_is_bounded),
        kit_test(one_that_stands_still_gives_way),
        kit_test(one_that_drains_does_not),
        kit_test(half_a_frame_gives_way),
        kit_test(limits_may_change),
    };
    signal(SIGPIPE, SIG_IGN);
    clock_stands = true; /* shares of the time are another test's */
    return kit_run("quota_in_force", tests, KIT_LENGTH(tests));
}
