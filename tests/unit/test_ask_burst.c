/* Requests and replies by the burst: one run while nothing is in the way, in the order of the frames
 * whatever is.
 */
#include "broker/route/ask.h"

#include "tests/unit/said_kit.h"

static uint64_t entries_made(void)
{
    return session.net.entries.n_free;
}

static void a_batch_is_one_run(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 7, "x", 0);
    turn();
    uint64_t pooled = entries_made();
    uint64_t tokens[100];
    for (uint64_t i = 0; i < 100; i++)
        put_request(i, "x", 5000, 20);
    hand_in(a);
    assert_int_equal(session.net.burst->n_stretches, 1);
    assert_int_equal(session.net.burst->n_messages, 100);
    assert_int_equal(hear(server)->op, OP_SELECT);
    for (uint64_t i = 0; i < 100; i++) {
        struct heard *heard = hear(server);
        assert_int_equal(heard->op, OP_REQUEST);
        assert_int_equal(number_of(heard), i);
        tokens[i] = heard->f.token;
        assert_ptr_equal(call_find(&session.route.calls, tokens[i])->requester, a->client);
    }
    for (uint64_t i = 0; i < 100; i++)
        put_reply(tokens[i], i, false);
    hand_in(server);
    assert_int_equal(session.net.burst->n_stretches, 1);
    for (uint64_t i = 0; i < 100; i++) {
        struct heard *heard = hear(a);
        assert_int_equal(heard->f.token, i);
        assert_int_equal(number_of(heard), i);
    }
    assert_int_equal(entries_made(), pooled); /* none was needed */
    assert_int_equal(session.route.calls.n_open, 0);
    cli_close(server);
    cli_close(a);
    stop();
}

/* Messages, requests and replies for one connection keep their order among each other. */
static void order_is_that_of_the_frames(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_sub(server, 2, "m");
    cli_serve(a, 1, "y", 0);
    cli_ask(server, 9, "y", REQUEST_ONE, 5000);
    uint64_t token = expect(a, OP_REQUEST)->f.token;
    for (uint64_t i = 0; i < 60; i += 6) {
        put_message("m", i);
        put_request(i + 1, "x", 5000, 8);
        put_request(i + 2, "x", 5000, 8);
        put_reply(token, i + 3, true);
        put_reply(token, i + 4, true);
        put_message("m", i + 5);
    }
    say(a);
    for (uint64_t i = 0; i < 60; i++) {
        static const int ops[] = { OP_MESSAGE, OP_REQUEST, OP_REQUEST,
                                   OP_REPLY,   OP_REPLY,   OP_MESSAGE };
        struct heard *heard = expect(server, ops[i % 6]);
        assert_int_equal(number_of(heard), i);
        if (heard->op != OP_REPLY)
            assert_int_equal(server->sids[0], heard->op == OP_REQUEST ? 1 : 2);
    }
    cli_close(server);
    cli_close(a);
    stop();
}

/* Two servers in turn, and more requests than a burst has stretches. */
static void more_than_a_burst_holds(void **state)
{
    enum { N = BURST_STRETCHES + 900 };
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *servers[2];
    for (int i = 0; i < 2; i++) {
        servers[i] = cli_open();
        cli_serve(servers[i], 1, "x", N);
    }
    for (uint64_t i = 0; i < N; i++)
        put_request(i, "x", 5000, 8);
    hand_in(a);
    for (uint64_t i = 0; i < N; i++)
        assert_int_equal(number_of(expect(servers[i % 2], OP_REQUEST)), i);
    cli_close(a);
    for (int i = 0; i < 2; i++)
        cli_close(servers[i]);
    stop();
}

/* A survey asks more servers than the burst has stretches left: the others' requests are queued. */
static void a_survey_that_the_burst_cannot_hold(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *servers[3];
    for (int i = 0; i < 3; i++) {
        servers[i] = cli_open();
        cli_serve(servers[i], 1, "x", 0);
    }
    session.net.burst->n_stretches = BURST_STRETCHES - 1; /* as if they were taken */
    struct block *block = block_new(1);
    for (uint32_t i = 0; i < BURST_STRETCHES - 1; i++)
        session.net.burst->stretches[i] = (struct stretch){ .block = block_ref(block) };
    cli_ask(a, 1, "x", REQUEST_ALL, 5000);
    for (int i = 0; i < 3; i++)
        cli_answer(servers[i], expect(servers[i], OP_REQUEST)->f.token, false, 0);
    assert_int_equal(block->refs, 1);
    block_unref(block);
    for (int i = 0; i < 3; i++)
        expect(a, OP_REPLY);
    assert_int_equal(expect(a, OP_END)->e.end.answered, 3);
    for (int i = 0; i < 3; i++)
        cli_close(servers[i]);
    cli_close(a);
    stop();
}

/* Who wants to know senders is told of each first. */
static void credentials_go_ahead(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    struct envelope serve = { .op = OP_SERVE };
    serve.serve.ref = serve.serve.sid = 1;
    serve.serve.pattern = (struct piece){ "known", 5 };
    serve.serve.flags = SUB_CREDENTIALS;
    cli_say(server, &serve);
    expect(server, OP_OK);
    cli_serve(server, 2, "plain", 0);
    for (uint64_t i = 0; i < 20; i++)
        put_request(i, i % 3 ? "plain" : "known", 5000, 8);
    say(a);
    assert_int_equal(hear(server)->op, OP_PEER);
    assert_int_equal(server->heard.e.peer.id, a->id);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(number_of(expect(server, OP_REQUEST)), i);
        assert_int_equal(server->sids[0], i % 3 ? 2 : 1);
    }
    cli_close(server);
    cli_close(a);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_batch_is_one_run),      kit_test(order_is_that_of_the_frames),
        kit_test(more_than_a_burst_holds), kit_test(a_survey_that_the_burst_cannot_hold),
        kit_test(credentials_go_ahead),
    };
    return kit_run("ask_burst", tests, KIT_LENGTH(tests));
}
