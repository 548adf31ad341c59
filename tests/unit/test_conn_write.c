/* Writing a burst: at the end of its round as a rule, ahead of it when it is full. Whose connection
 * breaks meanwhile takes nobody else's messages along.
 */
#include "broker/net/conn.h"

#include "broker/net/burst.h"
#include "tests/unit/scarce_malloc.h"
#include "tests/unit/train_kit.h"

static struct train train;

static void sub_both(struct cli *cli)
{
    cli_sub(cli, 1, "x.one");
    cli_sub(cli, 2, "x.two");
}

/* Messages first .. end, to two subjects in turn: a stretch each, where they go to two
 * subscriptions. */
static void add_stretches(uint64_t first, uint64_t end, size_t size)
{
    train.len = 0;
    for (uint64_t i = first; i < end; i++)
        train_add(&train, i % 2 ? "x.one" : "x.two", i, size);
}

/* All of it is with the broker before its next round. */
static void send_train(const struct cli *cli)
{
    const int room = 1 << 20;
    assert_int_equal(setsockopt(cli->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    assert_int_equal(write(cli->fd, train.bytes, train.len), train.len);
}

static void expect_row(struct cli *cli, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++)
        assert_int_equal(number_of(expect(cli, OP_MESSAGE)), i);
}

static void expect_end(struct cli *cli)
{
    uint8_t byte;
    while (hear(cli))
        ;
    assert_int_equal(read(cli->fd, &byte, 1), 0);
}

/* No entry is left of earlier days: those that are made are seen, or need memory. */
static void empty_pool(void)
{
    struct entry_pool *pool = &session.net.entries;
    while (pool->free) {
        struct entry *entry = pool->free;
        pool->free = entry->next;
        pool->n_free--;
        free(entry);
    }
}

/* ---- full ------------------------------------------------------------------------- */

static void full_of_stretches(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    sub_both(b);
    add_stretches(0, BURST_STRETCHES + 900, 8);
    send_train(a);
    empty_pool();
    turn();
    assert_int_equal(session.net.entries.n_free, 0);
    expect_row(b, 0, BURST_STRETCHES + 900);
    cli_close(a);
    cli_close(b);
    stop();
}

static void full_of_shares(void **state)
{
    enum { CROWD = 70, ROW = 600 };
    struct cli *crowd[CROWD];
    (void)state;
    start();
    struct cli *a = cli_open();
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = cli_open();
        sub_both(crowd[i]);
    }
    add_stretches(0, ROW, 8);
    send_train(a);
    empty_pool();
    uint64_t writes = counters.writes;
    turn();
    uint64_t times = (ROW * CROWD - 1) / BURST_SHARES_CACHED + 1;
    assert_int_equal(counters.writes, writes + times * CROWD);
    assert_int_equal(session.net.entries.n_free, 0);
    for (int i = 0; i < CROWD; i++) {
        expect_row(crowd[i], 0, ROW);
        cli_close(crowd[i]);
    }
    cli_close(a);
    stop();
}

static void full_of_bytes(void **state)
{
    enum { CROWD = 7, ROW = 25, SIZE = 9000 };
    struct cli *crowd[CROWD];
    uint64_t next[CROWD] = { 0 };
    (void)state;
    start();
    struct cli *b = cli_open();
    for (int i = 0; i < CROWD; i++)
        crowd[i] = cli_open();
    sub_both(b);
    for (uint64_t i = 0; i < CROWD; i++) {
        add_stretches(i << 32, (i << 32) + ROW, SIZE);
        send_train(crowd[i]);
    }
    assert_int_equal(loop_run_once(loop, 0), 0);
    assert_int_equal(session.net.burst->n_bytes, 0);
    for (int i = 0; i < CROWD * ROW; i++) {
        uint64_t number = number_of(expect(b, OP_MESSAGE));
        assert_int_equal(number & UINT32_MAX, next[number >> 32]++);
    }
    for (int i = 0; i < CROWD; i++)
        cli_close(crowd[i]);
    cli_close(b);
    stop();
}

/* What it was sent while the burst was full comes ahead of what is answered later. */
static void an_answer_keeps_its_place(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    sub_both(a);
    add_stretches(0, BURST_STRETCHES + 100, 8);
    struct envelope ping = { .op = OP_PING, .ref = 7 };
    train.len += envelope_write(train.bytes + train.len, 64, &ping);
    train_add(&train, "x.one", BURST_STRETCHES + 100, 8);
    send_train(a);
    expect_row(a, 0, BURST_STRETCHES + 100);
    assert_int_equal(expect(a, OP_PONG)->e.ref, 7);
    expect_row(a, BURST_STRETCHES + 100, BURST_STRETCHES + 101);
    cli_close(a);
    stop();
}

/* ---- connections that break ---------------------------------------------------------- */

/* Nobody is there when the full burst is written: what goes with the queue is counted, and the
 * others have it all. */
static void a_reader_is_gone(void **state)
{
    (void)state;
    start();
    clock_stands = true; /* all of it in one turn, however slow this is */
    struct cli *a = cli_open();
    struct cli *gone = cli_open();
    struct cli *b = cli_open();
    sub_both(gone);
    sub_both(b);
    add_stretches(0, BURST_STRETCHES + 100, 8);
    send_train(a);
    close(gone->fd);
    gone->fd = -1;
    turn();
    assert_int_equal(counters.lost_left, BURST_STRETCHES);
    assert_int_equal(session.route.n_subs, 2);
    expect_row(b, 0, BURST_STRETCHES + 100);
    free(gone);
    cli_close(a);
    cli_close(b);
    stop();
    clock_stands = false;
}

/* It may read on: what it has a share in stays its own, and is counted. */
static void a_reader_has_half_closed(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    sub_both(b);
    add_stretches(0, 10, 8);
    send_train(a);
    shutdown(b->fd, SHUT_WR);
    turn();
    assert_int_equal(counters.lost_left, 10);
    expect_row(b, 0, 10);
    expect_end(b);
    cli_close(a);
    cli_close(b);
    stop();
}

/* The publisher hears itself, and is gone before its messages are read. */
static void it_breaks_while_it_is_read(void **state)
{
    (void)state;
    start();
    struct cli *b = cli_open();
    struct cli *a = cli_open();
    sub_both(a);
    sub_both(b);
    add_stretches(0, BURST_STRETCHES + 100, 8);
    send_train(a);
    shutdown(a->fd, SHUT_RD); /* writing to it fails, and nothing else is to be seen of it */
    expect_row(b, 0, BURST_STRETCHES + 100);
    assert_int_equal(session.route.n_subs, 2);
    assert_int_equal(counters.lost_left, BURST_STRETCHES);
    cli_close(a);
    cli_close(b);
    stop();
}

/* ---- no memory ------------------------------------------------------------------- */

/* A round in which so much can be allocated, and no more. */
static void turn_with_mallocs(uint32_t n)
{
    empty_pool();
    mallocs_left = n;
    int r = loop_run_once(loop, 0);
    mallocs_left = UINT32_MAX;
    assert_int_equal(r, 0);
    turn();
}

/* What ages without memory ends its connection; what is sent from the burst needs none. */
static void a_queue_cannot_age(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    small_buffers = true;
    struct cli *slow = cli_open();
    sub_both(slow);
    cli_publish(a, "x.one", 0, 30000); /* blocked from now on */
    turn();
    cli_publish(a, "nobody", 0, 8); /* stands between: what follows is not one run with that */
    turn();
    assert_true(slow->client->conn.out.blocked);
    sub_both(b);
    add_stretches(1, 100, 8);
    send_train(a);
    turn_with_mallocs(0);
    assert_int_equal(session.net.n_conns, 2);
    assert_int_equal(counters.expelled, 1);
    expect_row(b, 1, 100);
    expect_end(slow);
    cli_close(slow);
    cli_close(a);
    cli_close(b);
    stop();
}

/* A publisher that hears itself ends when room is looked for in its queue; then somebody
 * else's is full, and would hold it. */
static void who_ends_is_not_held(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    cli_sub(a, 1, "x.*", .policy = POLICY_DROP_NEW, .bytes = 100);
    cli_sub(b, 1, "x.one", .messages = 1);
    cli_publish(a, "x.two", 0, 8); /* so that its receivers are known */
    cli_publish(a, "x.one", 0, 30000);
    for (int i = 0; i < 50; i++) {
        turn();
        cli_fill(a);
    }
    assert_true(b->client->conn.out.blocked);
    assert_true(outq_is_empty(&a->client->conn.out));
    train.len = 0;
    train_add(&train, "x.two", 1, 8);
    train_add(&train, "nobody", 2, 8);
    train_add(&train, "x.two", 3, 8);  /* for this one there is no entry */
    train_add(&train, "x.one", 4, 60); /* does not fit behind the first */
    send_train(a);
    turn_with_mallocs(1);
    assert_int_equal(session.net.n_conns, 1);
    assert_int_equal(counters.holds, 0);
    expect_row(b, 0, 1);
    cli_close(a);
    cli_close(b);
    stop();
}

/* It would wait for itself, and there is no memory to keep that in. */
static void who_cannot_be_waited_for_ends(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *a = cli_open();
    cli_sub(a, 1, "x", .messages = 1);
    cli_publish(a, "x", 0, 30000);
    turn();
    assert_true(a->client->conn.out.blocked);
    train.len = 0;
    train_add(&train, "x", 1, 8);
    send_train(a);
    turn_with_mallocs(0);
    if (KIT_SANITIZED) /* only then does a slab ask malloc(3) for each thing */
        assert_int_equal(session.net.n_conns, 0);
    cli_close(a);
    stop();
}

/* A publisher that hears itself ends with its run: what stands behind that in the same read is not
 * looked at. */
static void who_ends_with_its_run_says_no_more(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    cli_sub(a, 1, "x", .credentials = true); /* no shares, but an entry at the run's end */
    struct envelope sub = { .op = OP_SUB };
    sub.sub.sid = 2;
    sub.sub.pattern = (struct piece){ "y", 1 };
    train.len = 0;
    train_add(&train, "x", 1, 8);
    train.len += envelope_write(train.bytes + train.len, 64, &sub);
    send_train(a);
    turn_with_mallocs(0);
    assert_int_equal(session.net.n_conns, 0);
    assert_int_equal(session.route.n_subs, 0);
    cli_close(a);
    stop();
}

/* Some of it had aged when there was no memory for more: what stands behind the hole is not
 * sent, though the kernel would take it. */
static void nothing_is_sent_behind_a_hole(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    sub_both(b);
    struct outq *outq = &b->client->conn.out;
    struct block *block = block_new(1000);
    enum status status;
    const struct dest *dest = dest_find(&session.route, "x.one", 5, &status);
    train.len = 0;
    train_add(&train, "x.one", 1, 8);
    memcpy(block->data, train.bytes, train.len);
    empty_pool();
    mallocs_left = 0;
    outq_share(outq, session.net.burst, burst_open(session.net.burst, block, 0),
               dest->receivers[0].to);
    burst_close(session.net.burst, (uint32_t)train.len, 1);
    net_settle(&session.net);
    mallocs_left = UINT32_MAX;
    assert_true(outq->broken);
    cli_publish(a, "x.one", 2, 8);
    turn();
    assert_int_equal(expect(b, OP_GOODBYE)->e.goodbye.status, STATUS_NO_MEMORY);
    expect_end(b);
    assert_int_equal(session.net.n_conns, 1);
    block_unref(block);
    cli_close(a);
    cli_close(b);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(full_of_stretches),
        kit_test(full_of_shares),
        kit_test(full_of_bytes),
        kit_test(an_answer_keeps_its_place),
        kit_test(a_reader_is_gone),
        kit_test(a_reader_has_half_closed),
        kit_test(it_breaks_while_it_is_read),
        kit_test(a_queue_cannot_age),
        kit_test(who_ends_is_not_held),
        kit_test(who_cannot_be_waited_for_ends),
        kit_test(who_ends_with_its_run_says_no_more),
        kit_test(nothing_is_sent_behind_a_hole),
    };
    return kit_run("conn_write", tests, KIT_LENGTH(tests));
}
