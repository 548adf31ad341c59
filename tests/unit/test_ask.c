/* Asks: what has begun to leave and what has not, what can be taken back, and what has no room. */
#include "broker/route/ask.h"

#include "tests/unit/said_kit.h"

/* ---- taken back ----------------------------------------------------------------------- */

static struct heard *expect_end(struct cli *cli, uint64_t reference, enum status status)
{
    struct heard *end = expect(cli, OP_END);
    assert_int_equal(end->e.end.token, reference);
    assert_int_equal(end->e.end.status, status);
    return end;
}

/* In the round in which they came: the server never hears of them. */
static void what_is_cancelled_in_its_round(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    for (uint64_t i = 0; i < 30; i++) {
        put_request(i, "x", 5000, 8);
        if (i % 3 == 2)
            put_cancel(i - 1);
    }
    say(a);
    for (uint64_t i = 0; i < 30; i++) {
        if (i % 3 != 1)
            assert_int_equal(number_of(expect(server, OP_REQUEST)), i);
        else
            assert_int_equal(expect_end(a, i, STATUS_CANCELLED)->e.end.cancelled, 1);
    }
    expect_silence(server);
    cli_close(server);
    cli_close(a);
    stop();
}

static void a_server_that_ends_in_its_round(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    for (uint64_t i = 0; i < 3; i++)
        put_request(i, "x", 5000, 8);
    hand_in(a);
    conn_end(&server->client->conn, STATUS_BAD_FRAME, NULL);
    for (uint64_t i = 0; i < 3; i++) {
        struct heard *end = expect(a, OP_END);
        assert_int_equal(end->e.end.status, STATUS_SERVER_GONE);
        assert_int_equal(end->e.end.left_queue, 0);
    }
    expect(server, OP_GOODBYE);
    cli_close(server);
    cli_close(a);
    stop();
}

/* The first has left, with its round or ahead of its end; the second is still in the burst. */
static void one_that_has_left_and_one_that_has_not(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        start();
        struct cli *server = cli_open();
        struct cli *a = cli_open();
        cli_serve(server, 1, "x", 0);
        put_request(1, "x", 5000, 8);
        hand_in(a);
        if (early)
            conn_write_now(&server->client->conn);
        else
            turn();
        put_request(2, "x", 5000, 8);
        put_cancel(1);
        hand_in(a);
        expect_end(a, 1, STATUS_CANCELLED);
        uint64_t token = expect(server, OP_REQUEST)->f.token;
        assert_int_equal(number_of(expect(server, OP_REQUEST)), 2);
        assert_int_equal(expect(server, OP_CANCEL)->e.cancel.token, token);
        put_request(3, "x", 5000, 8);
        hand_in(a);
        conn_end(&server->client->conn, STATUS_BAD_FRAME, NULL);
        for (int i = 0; i < 2; i++) {
            struct heard *end = expect(a, OP_END);
            assert_int_equal(end->e.end.status, STATUS_SERVER_GONE);
            assert_int_equal(end->e.end.left_queue, end->e.end.token == 2);
        }
        cli_close(server);
        cli_close(a);
        stop();
    }
}

static void a_deadline_in_the_queue(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_sub(server, 2, "fill");
    cli_publish(a, "fill", 1, 60000);
    turn();
    for (uint64_t i = 0; i < 9; i++)
        put_request(i, "x", i % 3 == 1 ? 100 : 5000, 8);
    say(a);
    turn();
    skip_ms(101);
    for (uint64_t i = 1; i < 9; i += 3)
        assert_int_equal(expect(a, OP_END)->e.end.status, STATUS_TIMEOUT);
    put_cancel(3);
    say(a);
    expect_end(a, 3, STATUS_CANCELLED);
    expect(server, OP_MESSAGE);
    static const uint64_t left[] = { 0, 2, 5, 6, 8 };
    for (size_t i = 0; i < COUNT_OF(left); i++)
        assert_int_equal(number_of(expect(server, OP_REQUEST)), left[i]);
    expect_silence(server);
    cli_close(server);
    cli_close(a);
    stop();
}

/* Of a batch of which the kernel takes a part it is known of each whether it has begun to leave. */
static void a_batch_that_is_cut_short(void **state)
{
    enum { N = 60 };
    (void)state;
    for (size_t size = 300; size < 2000; size += 850) { /* below and above what is copied */
        start();
        small_buffers = true;
        struct cli *server = cli_open();
        struct cli *a = cli_open();
        cli_serve(server, 1, "x", 0);
        for (uint64_t i = 0; i < N; i++)
            put_request(i, "x", 5000, size);
        hand_in(a);
        turn();
        cli_fill(server); /* which lets nothing more in before the next turn */
        uint32_t begun = 0;
        for (size_t at = 0; at < server->len; begun++) {
            uint32_t len = FRAME_PREFIX + load_be32(server->buf + at);
            begun -=
                envelope_opcode(server->buf + at + FRAME_PREFIX, len - FRAME_PREFIX) == OP_SELECT;
            at += len;
        }
        assert_true(begun > 0 && begun < N);
        conn_cut(&server->client->conn, STATUS_VANISHED, NULL);
        uint32_t left_queue = 0;
        for (uint64_t i = 0; i < N; i++) {
            struct heard *end = expect(a, OP_END);
            assert_int_equal(end->e.end.status, STATUS_SERVER_GONE);
            assert_int_equal(end->e.end.left_queue, end->e.end.token < begun);
            left_queue += end->e.end.left_queue != 0;
        }
        assert_int_equal(left_queue, begun);
        cli_close(server);
        cli_close(a);
        stop();
    }
}

/* The next entry needs memory. */
static void empty_pool(void)
{
    struct entry_pool *pool = &session.net.entries;
    for (struct entry *entry; (entry = pool->free); free(entry))
        pool->free = entry->next;
    pool->n_free = 0;
}

/* Nothing is sent then of what could not be queued, and the server's end is told. */
static void no_memory_to_take_one_back(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 4; n++) {
        start();
        struct cli *server = cli_open();
        struct cli *a = cli_open();
        cli_serve(server, 1, "x", 0);
        turn();
        for (uint64_t i = 0; i < 4; i++)
            put_request(i, "x", 5000, 8);
        hand_in(a);
        /* An answer to what it has not seen: it is not to see it any more. */
        uint64_t token = call_find_reference(&session.route.calls, a->client, 2)->token;
        empty_pool();
        put_reply(token, 7, false);
        hand_in_with(server, n);
        assert_true(server->client->conn.out.broken);
        assert_int_equal(number_of(expect(a, OP_REPLY)), 7);
        for (int i = 0; i < 3; i++)
            assert_int_equal(expect(a, OP_END)->e.end.status, STATUS_SERVER_GONE);
        struct heard *last = hear(server);
        assert_true(!last || last->op == OP_GOODBYE);
        assert_int_equal(session.route.calls.n_open, 0);
        cli_close(server);
        cli_close(a);
        stop();
    }
}

/* ---- limits ------------------------------------------------------------------------------ */

/* What the burst holds counts, and no more than that. */
static void the_queue_of_a_service_is_bounded(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    struct lane *lane = &sid_find(server->client, 1)->lane;
    lane->max_messages = 5;
    for (uint64_t i = 0; i < 8; i++)
        put_request(i, "x", 5000, 8);
    hand_in(a);
    assert_int_equal(lane->n_messages, 5);
    for (uint64_t i = 5; i < 8; i++) {
        struct heard *end = expect_end(a, i, STATUS_BUSY);
        assert_int_equal(end->e.end.what.len, strlen("queue"));
    }
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(number_of(expect(server, OP_REQUEST)), i);
    lane->max_messages = 100;
    lane->max_bytes = 200;
    for (uint64_t i = 8; i < 10; i++)
        put_request(i, "x", 5000, 120);
    hand_in(a);
    expect_end(a, 9, STATUS_BUSY);
    assert_int_equal(number_of(expect(server, OP_REQUEST)), 8);
    cli_close(server);
    cli_close(a);
    stop();
}

/* A connection that is full to the last few bytes takes what fits, by way of the burst too. */
static void the_queue_of_a_connection_is_bounded(void **state)
{
    enum { SIZE = 100, N = 5, FIT = 3 };
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    put_request(0, "x", 5000, SIZE);
    uint32_t one = (uint32_t)said.len;
    said.len = 0;
    stuff(server, CONN_QUEUE_BYTES - FIT * one - one / 2);
    for (uint64_t i = 0; i < N; i++)
        put_request(i, "x", 5000, SIZE);
    hand_in(a);
    assert_int_equal(outq_age(&server->client->conn.out), 0);
    assert_int_equal(server->client->conn.out.n_bytes, CONN_QUEUE_BYTES - one / 2);
    for (uint64_t i = FIT; i < N; i++)
        expect_end(a, i, STATUS_BUSY);
    cli_close(server);
    cli_close(a);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(what_is_cancelled_in_its_round),
        kit_test(a_server_that_ends_in_its_round),
        kit_test(one_that_has_left_and_one_that_has_not),
        kit_test(a_deadline_in_the_queue),
        kit_test(a_batch_that_is_cut_short),
        kit_test(no_memory_to_take_one_back),
        kit_test(the_queue_of_a_service_is_bounded),
        kit_test(the_queue_of_a_connection_is_bounded),
    };
    return kit_run("ask", tests, KIT_LENGTH(tests));
}
