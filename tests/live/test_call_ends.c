/* How requests end when somebody leaves, stops or is full: at once, and each side told why. */
#include <signal.h>
#include <stdlib.h>
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

static void ask(uint64_t reference, uint64_t timeout_ms)
{
    peer_request(&client, reference, "svc", REQUEST_ONE, timeout_ms);
}

static int64_t ms_since(int64_t start_ns)
{
    return (kit_now_ns() - start_ns) / 1000000;
}

/* Messages that the server does not read, until the broker has to queue. Their number. */
static unsigned stuff_server(void)
{
    static uint8_t payload[60000];
    unsigned n = 0;

    for (; n < 70; n++)
        peer_publish(&client, "stuff", payload, sizeof payload);
    peer_ping(&client);
    return n;
}

static void skip_stuff(unsigned n)
{
    while (n-- > 0)
        peer_expect_past_select(&server, OP_MESSAGE);
}

/* -- the deadline, and the requester's own choice --------------------------------------------- */

static void the_deadline_ends_a_request(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 1);
    int64_t start_ns = kit_now_ns();
    ask(1, 150);
    uint64_t token = peer_expect_request(&server);
    peer_expect_end(&client, 1, STATUS_TIMEOUT);
    assert_in_range(ms_since(start_ns), 149, 2000);
    assert_int_equal(client.got.control.end.timed_out, 1);
    peer_expect_cancel(&server, token, STATUS_TIMEOUT);
    peer_reply(&server, token, 0, false, "late");
    peer_expect_error(&server, OP_REPLY, token, STATUS_NO_CALL);
    ask(2, 5000); /* the slot is free again */
    peer_expect_request(&server);
    peer_ping(&client);
    finish();
}

static void the_deadline_is_of_the_last_part(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 150);
    uint64_t token = peer_expect_request(&server);
    peer_reply(&server, token, 0, true, "part");
    peer_expect_reply(&client, 1, 0, "part");
    peer_expect_end(&client, 1, STATUS_TIMEOUT);
    peer_expect_cancel(&server, token, STATUS_TIMEOUT);
    finish();
}

static void a_requester_cancels(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 5000);
    uint64_t token = peer_expect_request(&server);
    peer_cancel(&client, 1);
    assert_int_equal(peer_expect_end(&client, 1, STATUS_CANCELLED)->control.end.cancelled, 1);
    peer_expect_cancel(&server, token, STATUS_CANCELLED);
    peer_cancel(&client, 1);
    peer_expect_error(&client, OP_CANCEL, 1, STATUS_NO_CALL);
    peer_reply(&server, token, 0, false, "crossed");
    peer_expect_error(&server, OP_REPLY, token, STATUS_NO_CALL);
    finish();
}

/* A request that the server has not got yet is taken out of its queue, without a word to it. */
static void what_was_not_sent_on_never_arrives(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    peer_sub(&server, 2, "stuff");
    unsigned n = stuff_server();
    ask(1, 5000);
    peer_cancel(&client, 1);
    peer_expect_end(&client, 1, STATUS_CANCELLED);
    ask(2, 50);
    peer_expect_end(&client, 2, STATUS_TIMEOUT);
    ask(3, 5000);
    peer_ping(&client);
    skip_stuff(n);
    peer_reply(&server, peer_expect_request(&server), 0, false, "third");
    peer_expect_reply(&client, 3, 0, "third");
    peer_ping(&server);
    finish();
}

/* -- the server leaves ------------------------------------------------------------------------ */

static void the_server_dies_after_it_was_asked(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 5000);
    peer_expect_request(&server);
    int64_t start_ns = kit_now_ns();
    peer_close(&server);
    assert_int_equal(peer_expect_end(&client, 1, STATUS_SERVER_GONE)->control.end.left_queue, 1);
    assert_in_range(ms_since(start_ns), 0, 200);
    assert_int_equal(client.got.control.end.gone, 1);
    ask(1, 5000);
    peer_expect_end(&client, 1, STATUS_NO_SERVER);
    finish();
}

static void the_server_dies_before_it_was_asked(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    peer_sub(&server, 2, "stuff");
    stuff_server();
    ask(1, 5000);
    peer_ping(&client);
    peer_close(&server);
    assert_int_equal(peer_expect_end(&client, 1, STATUS_SERVER_GONE)->control.end.left_queue, 0);
    finish();
}

static void the_server_dies_between_parts(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 5000);
    peer_reply(&server, peer_expect_request(&server), 0, true, "part");
    peer_close(&server);
    peer_expect_reply(&client, 1, 0, "part");
    peer_expect_end(&client, 1, STATUS_SERVER_GONE);
    finish();
}

/* What it had answered before it went still counts. */
static void the_server_answers_and_leaves(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 5000);
    peer_reply(&server, peer_expect_request(&server), 0, false, "last words");
    peer_close(&server);
    peer_expect_reply(&client, 1, 0, "last words");
    peer_ping(&client);
    finish();
}

static void unserve_lets_open_requests_run(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 5000);
    uint64_t token = peer_expect_request(&server);
    peer_unserve(&server, 1);
    ask(2, 5000);
    peer_expect_end(&client, 2, STATUS_NO_SERVER);
    peer_serve(&server, 1, "else", 0); /* its sid is free again */
    peer_reply(&server, token, 0, false, "still");
    peer_expect_reply(&client, 1, 0, "still");
    peer_request(&client, 3, "else", REQUEST_ONE, 5000);
    peer_expect_request(&server);
    peer_close(&server);
    peer_expect_end(&client, 3, STATUS_SERVER_GONE);
    finish();
}

/* -- the requester leaves --------------------------------------------------------------------- */

static void the_requester_dies(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 5000);
    uint64_t token = peer_expect_request(&server);
    peer_close(&client);
    peer_expect_cancel(&server, token, STATUS_REQUESTER_GONE);
    peer_reply(&server, token, 0, false, "anybody?");
    peer_expect_error(&server, OP_REPLY, token, STATUS_NO_CALL);
    finish();
}

static void a_half_closed_requester_gets_its_reply(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 5000);
    ask(2, 5000);
    peer_shut(&client);
    uint64_t token = peer_expect_request(&server);
    uint64_t second = peer_expect_request(&server);
    peer_expect_silence(&client, 20);
    peer_reply(&server, token, 0, false, "one");
    peer_expect_reply(&client, 1, 0, "one");
    peer_expect_silence(&client, 20);
    peer_reply(&server, second, 0, false, "two");
    peer_expect_reply(&client, 2, 0, "two");
    assert_null(peer_next(&client, RAW_DEADLINE_MS));
    finish();
}

static void a_half_closed_requester_hears_of_the_deadline(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 100);
    peer_shut(&client);
    peer_expect_end(&client, 1, STATUS_TIMEOUT);
    assert_null(peer_next(&client, RAW_DEADLINE_MS));
    finish();
}

static void a_half_closed_requester_that_dies_is_noticed(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 60000);
    uint64_t token = peer_expect_request(&server);
    peer_shut(&client);
    peer_ping(&server);
    peer_close(&client);
    peer_expect_cancel(&server, token, STATUS_REQUESTER_GONE);
    finish();
}

/* A server that half-closes answers nothing more. */
static void a_half_closed_server_is_gone(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 5000);
    peer_expect_request(&server);
    peer_shut(&server);
    peer_expect_end(&client, 1, STATUS_SERVER_GONE);
    finish();
}

/* -- no room ---------------------------------------------------------------------------------- */

/* Parts of replies to the request until its requester's queue is full. */
static void fill_requester(uint64_t token)
{
    static char part[50000];

    memset(part, 'x', sizeof part - 1);
    for (int i = 0; i < 800; i++)
        peer_reply(&server, token, 0, true, part);
    peer_expect_cancel(&server, token, STATUS_OVERFLOW);
    while (peer_next(&server, 200) && server.got.op == OP_ERROR)
        assert_int_equal(server.got.control.error.status, STATUS_NO_CALL);
}

static void replies_that_are_not_read_end_in_overflow(void **state)
{
    (void)state;
    begin();
    peer_serve(&server, 1, "svc", 0);
    ask(1, 60000);
    fill_requester(peer_expect_request(&server));
    int n = 0;
    while (peer_next(&client, RAW_DEADLINE_MS) && client.got.op == OP_REPLY)
        n++;
    assert_in_range(n, (32 << 20) / 50100, 800);
    assert_int_equal(client.got.op, OP_END);
    assert_int_equal(client.got.control.end.status, STATUS_OVERFLOW);
    peer_ping(&client);
    finish();
}

/* A full requester with so many calls open that their ends do not fit its reserve either. */
static void ask_much(struct health *health, uint64_t timeout_ms)
{
    enum { N_CALLS = 12000 };

    begin();
    health_begin(health, broker);
    peer_serve(&server, 1, "svc", 65536);
    ask(1, 60000);
    uint64_t token = peer_expect_request(&server);
    for (uint64_t i = 0; i < N_CALLS; i++)
        ask(100 + i, timeout_ms);
    for (uint64_t i = 0; i < N_CALLS; i++)
        peer_expect_request(&server);
    fill_requester(token);
}

static void expect_cut_off(struct health *health)
{
    assert_true(kit_wait_for(peer_stat(&health->witness, "expelled") == 1, 5000));
    peer_expect_goodbye(&client, STATUS_NOT_READING);
    health_check(health);
    health_end(health);
    finish();
}

static void a_requester_is_cut_off_while_its_calls_end(void **state)
{
    struct health health;

    (void)state;
    ask_much(&health, 60000);
    peer_close(&server);
    expect_cut_off(&health);
}

static void a_requester_is_cut_off_while_its_calls_time_out(void **state)
{
    struct health health;

    (void)state;
    ask_much(&health, 1500);
    expect_cut_off(&health);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(the_deadline_ends_a_request),
        kit_test(the_deadline_is_of_the_last_part),
        kit_test(a_requester_cancels),
        kit_test(what_was_not_sent_on_never_arrives),
        kit_test(the_server_dies_after_it_was_asked),
        kit_test(the_server_dies_before_it_was_asked),
        kit_test(the_server_dies_between_parts),
        kit_test(the_server_answers_and_leaves),
        kit_test(unserve_lets_open_requests_run),
        kit_test(the_requester_dies),
        kit_test(a_half_closed_requester_gets_its_reply),
        kit_test(a_half_closed_requester_hears_of_the_deadline),
        kit_test(a_half_closed_requester_that_dies_is_noticed),
        kit_test(a_half_closed_server_is_gone),
        kit_test(replies_that_are_not_read_end_in_overflow),
        kit_test(a_requester_is_cut_off_while_its_calls_end),
        kit_test(a_requester_is_cut_off_while_its_calls_time_out),
    };
    return kit_run("call ends", tests, KIT_LENGTH(tests));
}
