/* Requests and replies: who is asked, what comes back, and what is refused. */
#include "broker/route/request.h"

#include "tests/unit/route_kit.h"

static struct heard *expect_end(struct cli *cli, uint64_t token, enum status status)
{
    struct heard *end = expect(cli, OP_END);
    assert_int_equal(end->e.end.token, token);
    assert_int_equal(end->e.end.status, status);
    return end;
}

static void there_and_back(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 7, "host.*", 0);
    cli_ask(a, 42, "host.info", REQUEST_ONE, 5000);
    struct heard *request = expect(server, OP_REQUEST);
    assert_int_equal(server->sids[0], 7);
    assert_int_equal(request->f.id, a->id);
    assert_int_not_equal(request->f.token, 42);
    uint64_t token = request->f.token;
    cli_answer(server, token, true, 0);
    cli_answer(server, token, true, 0);
    cli_answer(server, token, false, 0);
    for (int i = 0; i < 3; i++) {
        struct heard *reply = expect(a, OP_REPLY);
        assert_int_equal(reply->f.token, 42);
        assert_int_equal(reply->f.id, server->id);
        assert_int_equal(reply->f.word & WORD_MORE, i < 2 ? WORD_MORE : 0);
    }
    expect_silence(a); /* no END behind the last reply */
    cli_answer(server, token, false, 0);
    struct heard *error = expect(server, OP_ERROR);
    assert_int_equal(error->e.error.status, STATUS_NO_CALL);
    assert_int_equal(error->e.error.op, OP_REPLY);
    assert_int_equal(error->e.error.ref, token);
    assert_int_equal(session.route.calls.n_open, 0);
    cli_close(server);
    cli_close(a);
    stop();
}

static void an_error_reply_ends_a_part(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    uint64_t token = expect(server, OP_REQUEST)->f.token;
    cli_answer(server, token, true, 65536);
    assert_int_equal(expect(server, OP_ERROR)->e.error.status, STATUS_BAD_FIELD);
    cli_answer(server, token, true, 65535); /* more or not: it is over */
    assert_int_equal(expect(a, OP_REPLY)->f.status, 65535);
    assert_int_equal(session.route.calls.n_open, 0);
    cli_close(server);
    cli_close(a);
    stop();
}

static void nobody_and_everybody_busy(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    assert_int_equal(expect_end(a, 1, STATUS_NO_SERVER)->e.end.asked, 0);
    cli_ask(a, 2, "x", REQUEST_ALL, 5000);
    expect_end(a, 2, STATUS_NO_SERVER);
    cli_serve(server, 1, "x", 1);
    cli_sub(server, 2, "x"); /* subscribers never see a request */
    cli_ask(a, 3, "x", REQUEST_ONE, 5000);
    expect(server, OP_REQUEST);
    cli_ask(a, 4, "x", REQUEST_ONE, 5000);
    expect_end(a, 4, STATUS_BUSY);
    cli_ask(a, 5, "x", REQUEST_ALL, 5000);
    struct heard *end = expect_end(a, 5, STATUS_OK);
    assert_int_equal(end->e.end.asked, 1);
    assert_int_equal(end->e.end.refused, 1);
    expect_silence(server);
    cli_close(server);
    cli_close(a);
    stop();
}

static void what_may_not_be_asked(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", 2, 5000);
    expect_end(a, 1, STATUS_BAD_FIELD);
    cli_ask(a, 1, "x", REQUEST_ONE, 0);
    expect_end(a, 1, STATUS_BAD_FIELD);
    cli_ask(a, 1, "x..y", REQUEST_ONE, 5000);
    expect_end(a, 1, STATUS_BAD_SUBJECT);
    cli_ask(a, 1, "$SYS.nothing", REQUEST_ONE, 5000);
    expect_end(a, 1, STATUS_NO_SERVER);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    struct heard *error = expect(a, OP_ERROR);
    assert_int_equal(error->e.error.status, STATUS_REF_IN_USE);
    assert_int_equal(error->e.error.op, OP_REQUEST);
    assert_int_equal(error->e.error.ref, 1);
    expect(server, OP_REQUEST);
    expect_silence(server);
    cli_close(server);
    cli_close(a);
    stop();
}

static void only_who_was_asked_may_answer(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *thief = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    uint64_t token = expect(server, OP_REQUEST)->f.token;
    cli_answer(thief, token, false, 0);
    assert_int_equal(expect(thief, OP_ERROR)->e.error.status, STATUS_NO_CALL);
    cli_answer(a, token, false, 0);
    assert_int_equal(expect(a, OP_ERROR)->e.error.status, STATUS_NO_CALL);
    cli_answer(server, token, false, 0);
    assert_int_equal(expect(a, OP_REPLY)->f.id, server->id);
    cli_close(server);
    cli_close(thief);
    cli_close(a);
    stop();
}

/* One, two, three, one: in turn among equals; else the one with the fewest open. */
static void the_least_busy_is_asked(void **state)
{
    (void)state;
    start();
    struct cli *servers[3];
    struct cli *a = cli_open();
    for (int i = 0; i < 3; i++) {
        servers[i] = cli_open();
        cli_serve(servers[i], 1, "x", 0);
    }
    uint64_t tokens[9];
    for (uint64_t i = 0; i < 9; i++) {
        cli_ask(a, i, "x", REQUEST_ONE, 5000);
        tokens[i] = expect(servers[i % 3], OP_REQUEST)->f.token;
    }
    cli_answer(servers[1], tokens[1], false, 0);
    cli_answer(servers[1], tokens[4], false, 0);
    expect(a, OP_REPLY);
    expect(a, OP_REPLY);
    for (uint64_t i = 9; i < 11; i++) {
        cli_ask(a, i, "x", REQUEST_ONE, 5000);
        expect(servers[1], OP_REQUEST);
    }
    for (int i = 0; i < 3; i++)
        cli_close(servers[i]);
    cli_close(a);
    stop();
}

/* Of five that serve it: one answers, one with an error, one is busy, one leaves, one sleeps. */
static void a_survey_counts_everybody(void **state)
{
    (void)state;
    start();
    struct cli *servers[5];
    struct cli *a = cli_open();
    uint64_t tokens[5];
    servers[2] = cli_open();
    cli_serve(servers[2], 1, "x", 1);
    cli_ask(a, 1, "x", REQUEST_ONE, 60000); /* 2 is busy with that */
    expect(servers[2], OP_REQUEST);
    for (int i = 0; i < 5; i++) {
        if (i == 2)
            continue;
        servers[i] = cli_open();
        cli_serve(servers[i], 1, "x", 0);
        cli_serve(servers[i], 2, ">", 0); /* asked once, for all its services */
    }
    cli_ask(a, 9, "x", REQUEST_ALL, 1000);
    for (int i = 0; i < 5; i++) {
        if (i != 2)
            tokens[i] = expect(servers[i], OP_REQUEST)->f.token;
        expect_silence(servers[i]);
    }
    cli_answer(servers[0], tokens[0], false, 0);
    cli_answer(servers[1], tokens[1], false, 5);
    assert_int_equal(expect(a, OP_REPLY)->f.id, servers[0]->id);
    assert_int_equal(expect(a, OP_REPLY)->f.status, 5);
    servers[3] = cli_close(servers[3]);
    expect_silence(a);
    skip_ms(1001);
    assert_int_equal(expect(servers[4], OP_CANCEL)->e.cancel.status, STATUS_TIMEOUT);
    struct heard *end = expect_end(a, 9, STATUS_TIMEOUT);
    assert_int_equal(end->e.end.asked, 5);
    assert_int_equal(end->e.end.answered, 2);
    assert_int_equal(end->e.end.refused, 1);
    assert_int_equal(end->e.end.gone, 1);
    assert_int_equal(end->e.end.timed_out, 1);
    assert_int_equal(end->e.end.cancelled, 0);
    for (int i = 0; i < 5; i++) {
        if (servers[i])
            cli_close(servers[i]);
    }
    cli_close(a);
    stop();
}

static void cancelled_by_the_requester(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    uint64_t token = expect(server, OP_REQUEST)->f.token;
    cli_cancel(a, 1);
    assert_int_equal(expect_end(a, 1, STATUS_CANCELLED)->e.end.cancelled, 1);
    struct heard *cancel = expect(server, OP_CANCEL);
    assert_int_equal(cancel->e.cancel.token, token);
    assert_int_equal(cancel->e.cancel.status, STATUS_CANCELLED);
    cli_cancel(a, 1);
    struct heard *error = expect(a, OP_ERROR);
    assert_int_equal(error->e.error.op, OP_CANCEL);
    assert_int_equal(error->e.error.status, STATUS_NO_CALL);

    /* In the same round it is still queued: the server never hears of it. */
    struct envelope e = { .op = OP_CANCEL };
    e.cancel.token = 2;
    uint8_t both[256];
    struct frame frame = {
        .op = OP_REQUEST, .token = 2, .subject = "x", .subject_len = 1, .timeout_ms = 1000
    };
    size_t len = frame_write_head(both, &frame);
    len += envelope_write(both + len, sizeof both - len, &e);
    cli_write(a, both, len);
    expect_end(a, 2, STATUS_CANCELLED);
    expect_silence(server);
    cli_close(server);
    cli_close(a);
    stop();
}

static void the_requester_may_go(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    expect(server, OP_REQUEST);
    cli_close(a);
    assert_int_equal(expect(server, OP_CANCEL)->e.cancel.status, STATUS_REQUESTER_GONE);
    cli_close(server);
    stop();
}

/* Who has half-closed still gets its answers, and then the end of file. */
static void a_half_closed_requester_is_answered(void **state)
{
    char byte;
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    cli_ask(a, 2, "x", REQUEST_ALL, 5000);
    shutdown(a->fd, SHUT_WR);
    uint64_t tokens[2];
    for (int i = 0; i < 2; i++)
        tokens[i] = expect(server, OP_REQUEST)->f.token;
    cli_answer(server, tokens[0], false, 0);
    expect(a, OP_REPLY);
    assert_int_equal(read(a->fd, &byte, 1), -1);
    cli_answer(server, tokens[1], false, 0);
    expect(a, OP_REPLY);
    expect_end(a, 2, STATUS_OK);
    assert_int_equal(read(a->fd, &byte, 1), 0);
    cli_close(server);
    cli_close(a);
    stop();
}

static void replies_that_fill_the_requester(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    uint64_t token = expect(server, OP_REQUEST)->f.token;
    stuff(a, CONN_QUEUE_BYTES - 10);
    cli_answer(server, token, true, 0);
    assert_int_equal(expect(server, OP_CANCEL)->e.cancel.status, STATUS_OVERFLOW);
    assert_int_equal(counters.calls_overflow, 1);
    assert_int_equal(session.route.calls.n_open, 0);
    cli_close(server);
    cli_close(a);
    stop();
}

static void unserve_lets_open_requests_end(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    uint64_t token = expect(server, OP_REQUEST)->f.token;
    cli_unsub(server, 1, OP_UNSERVE);
    expect(server, OP_OK);
    cli_ask(a, 2, "x", REQUEST_ONE, 5000);
    expect_end(a, 2, STATUS_NO_SERVER);
    cli_answer(server, token, false, 0);
    expect(a, OP_REPLY);
    cli_close(server);
    cli_close(a);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(there_and_back),
        kit_test(an_error_reply_ends_a_part),
        kit_test(nobody_and_everybody_busy),
        kit_test(what_may_not_be_asked),
        kit_test(only_who_was_asked_may_answer),
        kit_test(the_least_busy_is_asked),
        kit_test(a_survey_counts_everybody),
        kit_test(cancelled_by_the_requester),
        kit_test(the_requester_may_go),
        kit_test(a_half_closed_requester_is_answered),
        kit_test(replies_that_fill_the_requester),
        kit_test(unserve_lets_open_requests_end),
    };
    return kit_run("request", tests, KIT_LENGTH(tests));
}
