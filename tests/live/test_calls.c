/* Requests to one server: who gets them, what comes back, and every way they end. (PROTOCOL.md, "Requests".) */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"

static struct broker_proc *broker;
static struct peer client, server;

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    peer_open(&client, broker);
    peer_open(&server, broker);
}

static void finish(void)
{
    peer_close(&client);
    peer_close(&server);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

static void ask(uint64_t reference)
{
    peer_request(&client, reference, "svc", REQUEST_ONE, 5000);
}

/* -- answers --------------------------------------------------------------------------------- */

static void a_request_is_answered(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 9, "svc", 0);
    ask(UINT64_MAX);
    const struct got *got = peer_expect(&server, OP_SELECT);
    uint64_t sid;
    assert_true(envelope_next_sid(&(struct piece){ got->control.select.sids.p, 1 }, &sid));
    assert_int_equal(sid, 9);
    got = peer_expect(&server, OP_REQUEST);
    assert_int_equal(got->payload.id, client.id);
    assert_int_equal(got->payload.timeout_ms, 5000);
    assert_true(got->payload.fixed);
    uint64_t token = got->payload.token;
    assert_int_not_equal(token, UINT64_MAX);
    peer_reply(&server, token, 0, false, "yes");
    got = peer_expect(&client, OP_REPLY);
    assert_int_equal(got->payload.token, UINT64_MAX);
    assert_int_equal(got->payload.id, server.id);
    assert_memory_equal(got->payload.payload, "yes", 3);
    peer_ping(&client);
    peer_ping(&server);
    finish();
}

static void subscribers_see_neither_request_nor_reply(void **state)
{
    (void)state;
    begin();
    struct peer nosy;
    peer_open(&nosy, broker);
    peer_sub(&nosy, 1, ">");
    peer_serve(&server, 1, "*", 0);
    ask(1);
    peer_reply(&server, peer_expect_request(&server), 0, false, "secret");
    peer_expect_reply(&client, 1, 0, "secret");
    peer_ping(&nosy);
    peer_close(&nosy);
    finish();
}

static void a_reply_may_come_in_parts(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1);
    uint64_t token = peer_expect_request(&server);
    peer_reply(&server, token, 0, true, "one");
    peer_expect_reply(&client, 1, 0, "one");
    assert_true(client.got.payload.word & WORD_MORE);
    peer_reply(&server, token, 0, true, "two");
    peer_reply(&server, token, 0, false, "three");
    peer_expect_reply(&client, 1, 0, "two");
    peer_expect_reply(&client, 1, 0, "three");
    assert_false(client.got.payload.word & WORD_MORE);
    peer_reply(&server, token, 0, false, "four");
    peer_expect_error(&server, OP_REPLY, token, STATUS_NO_CALL);
    peer_ping(&client);
    finish();
}

static void an_error_reply_ends_the_request(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1);
    uint64_t token = peer_expect_request(&server);
    peer_reply(&server, token, 65535, true, "went wrong");
    peer_expect_reply(&client, 1, 65535, "went wrong");
    peer_reply(&server, token, 0, false, "no, it is well");
    peer_expect_error(&server, OP_REPLY, token, STATUS_NO_CALL);
    ask(2);
    token = peer_expect_request(&server);
    peer_reply(&server, token, 65536, false, "");
    peer_expect_error(&server, OP_REPLY, token, STATUS_BAD_FIELD);
    peer_reply(&server, token, 0, false, "");
    peer_expect_reply(&client, 2, 0, "");
    finish();
}

static void a_client_may_serve_itself(void **state)
{
    (void)state;
    begin();
    peer_serve(&client, 1, "svc", 0);
    ask(1);
    uint64_t token = peer_expect_request(&client);
    peer_reply(&client, token, 0, false, "me");
    peer_expect_reply(&client, 1, 0, "me");
    ask(2);
    token = peer_expect_request(&client);
    peer_cancel(&client, 2);
    peer_expect_cancel(&client, token, STATUS_CANCELLED);
    peer_expect_end(&client, 2, STATUS_CANCELLED);
    finish();
}

/* -- who gets it ----------------------------------------------------------------------------- */

static void nobody_serves(void **state)
{
    (void)state;
    begin();
    ask(1);
    assert_int_equal(peer_expect_end(&client, 1, STATUS_NO_SERVER)->control.end.asked, 0);
    peer_sub(&server, 1, "svc");
    ask(1);
    peer_expect_end(&client, 1, STATUS_NO_SERVER);
    peer_serve(&server, 2, "svc", 0);
    peer_unserve(&server, 2);
    ask(1);
    peer_expect_end(&client, 1, STATUS_NO_SERVER);
    finish();
}

static void all_servers_are_busy(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 2);
    ask(1);
    ask(2);
    ask(3);
    peer_expect_end(&client, 3, STATUS_BUSY);
    uint64_t token = peer_expect_request(&server);
    peer_expect_request(&server);
    peer_reply(&server, token, 0, false, "");
    peer_expect_reply(&client, 1, 0, "");
    ask(3);
    peer_expect_request(&server);
    peer_ping(&client);
    finish();
}

static void the_least_busy_server_is_asked(void **state)
{
    struct peer other;
    int n_server = 0, n_other = 0;

    (void)state;
    begin();
    peer_open(&other, broker);
    peer_serve(&server, 1, "svc", 0);
    ask(1);
    ask(2);
    peer_serve(&other, 1, "*", 0);
    ask(3);
    ask(4);
    ask(5); /* equal by now: in turn */
    ask(6);
    peer_ping(&client);
    peer_send(&server, &(struct envelope){ .op = OP_PING });
    peer_send(&other, &(struct envelope){ .op = OP_PING });
    while (peer_next(&server, RAW_DEADLINE_MS)->op != OP_PONG)
        n_server += server.got.op == OP_REQUEST;
    while (peer_next(&other, RAW_DEADLINE_MS)->op != OP_PONG)
        n_other += other.got.op == OP_REQUEST;
    assert_int_equal(n_server, 3);
    assert_int_equal(n_other, 3);
    peer_close(&other);
    finish();
}

static void a_token_never_repeats(void **state)
{
    enum { N_CALLS = 3000 };
    static uint64_t seen[N_CALLS];

    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    for (int i = 0; i < N_CALLS; i++) {
        ask(1);
        seen[i] = peer_expect_request(&server);
        if (i > 0)
            assert_true(seen[i] > seen[i - 1]);
        peer_reply(&server, seen[i], 0, false, "");
        peer_expect_reply(&client, 1, 0, "");
    }
    for (int i = 0; i < N_CALLS; i += 100) {
        peer_reply(&server, seen[i], 0, false, "");
        peer_expect_error(&server, OP_REPLY, seen[i], STATUS_NO_CALL);
    }
    finish();
}

static void a_reference_is_used_once_at_a_time(void **state)
{
    struct peer other;

    (void)state;
    begin();
    peer_open(&other, broker);
    peer_serve(&server, 1, "svc", 0);
    ask(7);
    ask(7);
    peer_expect_error(&client, OP_REQUEST, 7, STATUS_REF_IN_USE);
    peer_request(&other, 7, "svc", REQUEST_ONE, 5000); /* another's is another */
    uint64_t first = peer_expect_request(&server);
    uint64_t second = peer_expect_request(&server);
    peer_reply(&server, second, 0, false, "b");
    peer_reply(&server, first, 0, false, "a");
    peer_expect_reply(&client, 7, 0, "a");
    peer_expect_reply(&other, 7, 0, "b");
    ask(7);
    peer_expect_request(&server);
    peer_close(&other);
    finish();
}

/* -- who may answer -------------------------------------------------------------------------- */

static void a_stranger_cannot_answer(void **state)
{
    struct peer stranger;

    (void)state;
    begin();
    peer_open(&stranger, broker);
    peer_serve(&stranger, 1, "svc.other", 0);
    peer_serve(&server, 1, "svc", 0);
    ask(1);
    uint64_t token = peer_expect_request(&server);
    peer_reply(&stranger, token, 0, false, "forged");
    peer_expect_error(&stranger, OP_REPLY, token, STATUS_NO_CALL);
    peer_reply(&client, token, 0, false, "forged");
    peer_expect_error(&client, OP_REPLY, token, STATUS_NO_CALL);
    peer_reply(&stranger, 1, 0, false, "forged");
    peer_expect_error(&stranger, OP_REPLY, 1, STATUS_NO_CALL);
    peer_reply(&server, token, 0, false, "true");
    peer_expect_reply(&client, 1, 0, "true");
    peer_close(&stranger);
    finish();
}

/* Its place in the table is taken by the next one; its token is not. */
static void a_late_reply_does_not_answer_the_next_request(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1);
    uint64_t late = peer_expect_request(&server);
    peer_cancel(&client, 1);
    peer_expect_end(&client, 1, STATUS_CANCELLED);
    peer_expect_cancel(&server, late, STATUS_CANCELLED);
    ask(2);
    uint64_t token = peer_expect_request(&server);
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t wrong = bit ? token ^ UINT64_C(1) << bit : late;
        peer_reply(&server, wrong, 0, false, "too late");
        peer_expect_error(&server, OP_REPLY, wrong, STATUS_NO_CALL);
    }
    peer_reply(&server, token, 0, false, "in time");
    peer_expect_reply(&client, 2, 0, "in time");
    finish();
}

static void a_stranger_cannot_cancel(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1);
    uint64_t token = peer_expect_request(&server);
    peer_cancel(&server, 1);
    peer_expect_error(&server, OP_CANCEL, 1, STATUS_NO_CALL);
    peer_cancel(&server, token);
    peer_expect_error(&server, OP_CANCEL, token, STATUS_NO_CALL);
    peer_reply(&server, token, 0, false, "");
    peer_expect_reply(&client, 1, 0, "");
    finish();
}

static void a_refused_reply_leaves_the_request_open(void **state)
{
    struct frame reply = { .op = OP_REPLY, .word = UINT32_C(1) << 28 };

    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1);
    reply.token = peer_expect_request(&server);
    peer_send_payload(&server, &reply);
    peer_expect_error(&server, OP_REPLY, reply.token, STATUS_BAD_FIELD);
    reply.word = UINT32_C(1) << 16;
    peer_send_payload(&server, &reply);
    peer_expect_error(&server, OP_REPLY, reply.token, STATUS_UNSUPPORTED);
    peer_ping(&client);
    peer_reply(&server, reply.token, 0, false, "");
    peer_expect_reply(&client, 1, 0, "");
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_request_is_answered),
        kit_test(subscribers_see_neither_request_nor_reply),
        kit_test(a_reply_may_come_in_parts),
        kit_test(an_error_reply_ends_the_request),
        kit_test(a_client_may_serve_itself),
        kit_test(nobody_serves),
        kit_test(all_servers_are_busy),
        kit_test(the_least_busy_server_is_asked),
        kit_test(a_token_never_repeats),
        kit_test(a_reference_is_used_once_at_a_time),
        kit_test(a_stranger_cannot_answer),
        kit_test(a_late_reply_does_not_answer_the_next_request),
        kit_test(a_stranger_cannot_cancel),
        kit_test(a_refused_reply_leaves_the_request_open),
    };
    return kit_run("calls", tests, KIT_LENGTH(tests));
}
