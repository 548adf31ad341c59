/* Requests to all servers: exact counts, whatever becomes of each of them. (PROTOCOL.md, "Requests".) */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/health.h"

enum { N_SERVERS = 3 };

static struct broker_proc *broker;
static struct peer client, servers[N_SERVERS];
static uint64_t tokens[N_SERVERS];

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    peer_open(&client, broker);
    for (int i = 0; i < N_SERVERS; i++)
        peer_open(&servers[i], broker);
}

static void finish(void)
{
    peer_close(&client);
    for (int i = 0; i < N_SERVERS; i++)
        peer_close(&servers[i]);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

static void all_serve(void)
{
    for (int i = 0; i < N_SERVERS; i++)
        peer_serve(&servers[i], 1, "svc", 1);
}

static void survey(uint64_t reference, uint64_t timeout_ms)
{
    peer_request(&client, reference, "svc", REQUEST_ALL, timeout_ms);
}

static void take_requests(void)
{
    for (int i = 0; i < N_SERVERS; i++)
        tokens[i] = peer_expect_request(&servers[i]);
}

static void reply(int i, const char *payload)
{
    peer_reply(&servers[i], tokens[i], 0, false, payload);
}

/** END with these counts, in the order of the frame. */
static void expect_counts(uint64_t reference, unsigned asked, unsigned answered, unsigned refused,
                          unsigned gone, unsigned timed_out, unsigned cancelled)
{
    const struct got *got = peer_expect(&client, OP_END);

    assert_int_equal(got->control.end.token, reference);
    assert_int_equal(got->control.end.asked, asked);
    assert_int_equal(got->control.end.answered, answered);
    assert_int_equal(got->control.end.refused, refused);
    assert_int_equal(got->control.end.gone, gone);
    assert_int_equal(got->control.end.timed_out, timed_out);
    assert_int_equal(got->control.end.cancelled, cancelled);
    assert_int_equal(asked, answered + refused + gone + timed_out + cancelled);
}

static void expect_status(enum status status)
{
    assert_string_equal(status_name((uint32_t)client.got.control.end.status), status_name(status));
}

static void all_answer(void **state)
{
    (void)state;
    begin();
    all_serve();
    survey(5, 5000);
    take_requests();
    for (int i = N_SERVERS - 1; i >= 0; i--) {
        reply(i, "here");
        peer_expect_reply(&client, 5, 0, "here");
        assert_int_equal(client.got.payload.id, servers[i].id);
    }
    expect_counts(5, 3, 3, 0, 0, 0, 0);
    expect_status(STATUS_OK);
    reply(0, "once more");
    peer_expect_error(&servers[0], OP_REPLY, tokens[0], STATUS_NO_CALL);
    finish();
}

static void parts_and_error_replies_count_once(void **state)
{
    (void)state;
    begin();
    all_serve();
    survey(5, 5000);
    take_requests();
    peer_reply(&servers[0], tokens[0], 0, true, "a");
    peer_reply(&servers[0], tokens[0], 0, false, "b");
    peer_ping(&servers[0]);
    reply(0, "c"); /* it has finished: not again, though the survey goes on */
    peer_expect_error(&servers[0], OP_REPLY, tokens[0], STATUS_NO_CALL);
    peer_reply(&servers[1], tokens[1], 3, false, "no");
    peer_ping(&servers[1]);
    reply(2, "yes");
    peer_expect_reply(&client, 5, 0, "a");
    peer_expect_reply(&client, 5, 0, "b");
    peer_expect_reply(&client, 5, 3, "no");
    peer_expect_reply(&client, 5, 0, "yes");
    expect_counts(5, 3, 3, 0, 0, 0, 0);
    finish();
}

static void nobody_is_there(void **state)
{
    (void)state;
    begin();
    survey(5, 5000);
    expect_counts(5, 0, 0, 0, 0, 0, 0);
    expect_status(STATUS_NO_SERVER);
    finish();
}

static void full_servers_are_refused(void **state)
{
    (void)state;
    begin();
    all_serve();
    survey(5, 5000);
    take_requests();
    reply(1, "");
    peer_expect_reply(&client, 5, 0, "");
    survey(6, 5000); /* 0 and 2 have their one open */
    tokens[1] = peer_expect_request(&servers[1]);
    reply(1, "");
    peer_expect_reply(&client, 6, 0, "");
    expect_counts(6, 3, 1, 2, 0, 0, 0);
    survey(7, 5000);
    tokens[1] = peer_expect_request(&servers[1]);
    survey(8, 5000); /* all of them are full */
    expect_counts(8, 3, 0, 3, 0, 0, 0);
    finish();
}

static void a_connection_is_asked_once(void **state)
{
    (void)state;
    begin();
    peer_serve(&servers[0], 1, "svc", 0);
    peer_serve(&servers[0], 2, "*", 0);
    peer_serve(&servers[0], 3, ">", 0);
    survey(5, 5000);
    tokens[0] = peer_expect_request(&servers[0]);
    peer_ping(&servers[0]);
    reply(0, "");
    peer_expect_reply(&client, 5, 0, "");
    expect_counts(5, 1, 1, 0, 0, 0, 0);
    finish();
}

static void the_slow_time_out(void **state)
{
    (void)state;
    begin();
    all_serve();
    survey(5, 150);
    take_requests();
    reply(0, "");
    peer_expect_reply(&client, 5, 0, "");
    expect_counts(5, 3, 1, 0, 0, 2, 0);
    peer_expect_cancel(&servers[1], tokens[1], STATUS_TIMEOUT);
    peer_expect_cancel(&servers[2], tokens[2], STATUS_TIMEOUT);
    peer_ping(&servers[0]);
    finish();
}

static void the_requester_cancels(void **state)
{
    (void)state;
    begin();
    all_serve();
    survey(5, 5000);
    take_requests();
    reply(2, "");
    peer_expect_reply(&client, 5, 0, "");
    peer_close(&servers[1]);
    peer_ping(&servers[2]);
    peer_cancel(&client, 5);
    expect_counts(5, 3, 1, 0, 1, 0, 1);
    expect_status(STATUS_CANCELLED);
    peer_expect_cancel(&servers[0], tokens[0], STATUS_CANCELLED);
    finish();
}

static void the_requester_dies(void **state)
{
    (void)state;
    begin();
    all_serve();
    survey(5, 5000);
    take_requests();
    peer_close(&client);
    for (int i = 0; i < N_SERVERS; i++)
        peer_expect_cancel(&servers[i], tokens[i], STATUS_REQUESTER_GONE);
    finish();
}

/* -- kill -9 ---------------------------------------------------------------------------------- */

/* A process that serves, says so, takes one request, says so, and waits for its end. */
static pid_t server_process(void)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct peer peer;
    peer_open(&peer, broker);
    peer_serve(&peer, 1, "svc", 1);
    peer_publish(&peer, "child", "serves", 6);
    peer_expect_request(&peer);
    peer_publish(&peer, "child", "was asked", 9);
    for (;;)
        pause();
}

static void one_of_three_is_killed(void **state)
{
    (void)state;
    begin();
    peer_sub(&servers[2], 2, "child");
    peer_serve(&servers[0], 1, "svc", 1);
    peer_serve(&servers[1], 1, "svc", 1);
    pid_t pid = server_process();
    peer_expect_past_select(&servers[2], OP_MESSAGE);
    survey(5, 5000);
    tokens[0] = peer_expect_request(&servers[0]);
    tokens[1] = peer_expect_request(&servers[1]);
    peer_expect_past_select(&servers[2], OP_MESSAGE);
    reply(0, "alive");
    reply(1, "alive");
    peer_expect_reply(&client, 5, 0, "alive");
    peer_expect_reply(&client, 5, 0, "alive");
    int64_t start_ns = kit_now_ns();
    kill(pid, SIGKILL);
    expect_counts(5, 3, 2, 0, 1, 0, 0);
    expect_status(STATUS_OK);
    print_message("  told after %lld us\n", (long long)(kit_now_ns() - start_ns) / 1000);
    assert_in_range((kit_now_ns() - start_ns) / 1000000, 0, 200);
    waitpid(pid, NULL, 0);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(all_answer),
        kit_test(parts_and_error_replies_count_once),
        kit_test(nobody_is_there),
        kit_test(full_servers_are_refused),
        kit_test(a_connection_is_asked_once),
        kit_test(the_slow_time_out),
        kit_test(the_requester_cancels),
        kit_test(the_requester_dies),
        kit_test(one_of_three_is_killed),
    };
    return kit_run("surveys", tests, KIT_LENGTH(tests));
}
