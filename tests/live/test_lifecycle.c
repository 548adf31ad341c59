/* The broker goes in good order, and clients go in any. FAULTS: "Life and death". */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/health.h"

static struct broker_proc *broker;

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
}

static bool socket_is_there(void)
{
    struct stat st;

    return lstat(broker_proc_socket(broker), &st) == 0;
}

/* -- the broker goes -------------------------------------------------------------------------- */

static void everybody_is_told(int signo)
{
    enum { N_PEERS = 200 };
    static struct peer peers[N_PEERS];
    struct peer silent;

    begin();
    for (int i = 0; i < N_PEERS; i++)
        peer_open(&peers[i], broker);
    peer_connect(&silent, broker);
    raw_send(silent.fd, "\0\0", 2);
    peer_ping(&peers[0]);
    int64_t start_ns = kit_now_ns();
    kill(broker_proc_pid(broker), signo);
    for (int i = 0; i < N_PEERS; i++) {
        peer_expect_goodbye(&peers[i], STATUS_SHUTTING_DOWN);
        peer_close(&peers[i]);
    }
    peer_expect_goodbye(&silent, STATUS_SHUTTING_DOWN);
    peer_close(&silent);
    assert_int_equal(broker_proc_wait(broker, 5000), 0);
    assert_in_range((kit_now_ns() - start_ns) / 1000000, 0, 2000);
    assert_false(socket_is_there());
    broker_proc_free(broker);
}

static void sigterm_says_goodbye(void **state)
{
    (void)state;
    everybody_is_told(SIGTERM);
}

static void sigint_says_goodbye(void **state)
{
    (void)state;
    everybody_is_told(SIGINT);
}

/* n messages of 60,000 bytes for a subscriber that does not read yet. */
static void queue_much(struct peer *subscriber, unsigned n)
{
    static uint8_t payload[60000];
    struct peer publisher;

    peer_open(subscriber, broker);
    peer_sub(subscriber, 1, "a");
    peer_open(&publisher, broker);
    for (unsigned i = 0; i < n; i++) {
        memcpy(payload, &i, sizeof i);
        peer_publish(&publisher, "a", payload, sizeof payload);
    }
    peer_ping(&publisher);
    peer_close(&publisher);
}

static void expect_messages(struct peer *subscriber, unsigned n, unsigned pause_every)
{
    for (unsigned i = 0; i < n; i++) {
        const struct got *got = peer_expect_past_select(subscriber, OP_MESSAGE);
        assert_memory_equal(got->payload.payload, &i, sizeof i);
        for (int naps = 0; pause_every && i % pause_every == 0 && naps < 100; naps++)
            kit_nap();
    }
}

enum { N_QUEUED = 120 }; /* 7.2 MB */

static void what_is_queued_arrives_before_the_goodbye(void **state)
{
    struct peer subscriber;

    (void)state;
    begin();
    queue_much(&subscriber, N_QUEUED);
    kill(broker_proc_pid(broker), SIGTERM);
    assert_true(kit_wait_for(!socket_is_there(), 2000)); /* a successor may start already */
    expect_messages(&subscriber, N_QUEUED, 0);
    peer_expect_goodbye(&subscriber, STATUS_SHUTTING_DOWN);
    peer_close(&subscriber);
    assert_int_equal(broker_proc_wait(broker, 5000), 0);
    broker_proc_free(broker);
}

/* Also for one that has half-closed meanwhile. */
static void who_has_half_closed_gets_it_too(void **state)
{
    struct peer subscriber;

    (void)state;
    begin();
    queue_much(&subscriber, N_QUEUED);
    kill(broker_proc_pid(broker), SIGTERM);
    assert_true(kit_wait_for(!socket_is_there(), 2000));
    peer_shut(&subscriber);
    expect_messages(&subscriber, N_QUEUED, 0);
    peer_expect_goodbye(&subscriber, STATUS_SHUTTING_DOWN);
    peer_close(&subscriber);
    assert_int_equal(broker_proc_wait(broker, 5000), 0);
    broker_proc_free(broker);
}

/* A client that leaves gets what was queued for it, however slowly it reads. */
static void a_leaving_client_takes_its_time(void **state)
{
    struct peer subscriber;

    (void)state;
    begin();
    queue_much(&subscriber, N_QUEUED);
    peer_shut(&subscriber);
    expect_messages(&subscriber, N_QUEUED, 15);
    assert_null(peer_next(&subscriber, RAW_DEADLINE_MS));
    peer_close(&subscriber);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

static void who_does_not_read_delays_the_end_for_5_s_at_most(void **state)
{
    struct peer subscriber;

    (void)state;
    begin();
    queue_much(&subscriber, N_QUEUED);
    int64_t start_ns = kit_now_ns();
    kill(broker_proc_pid(broker), SIGTERM);
    assert_int_equal(broker_proc_wait(broker, 7000), 0);
    assert_in_range((kit_now_ns() - start_ns) / 1000000, 0, 6000);
    peer_close(&subscriber);
    broker_proc_free(broker);
}

static void a_second_signal_ends_it_at_once(void **state)
{
    struct peer subscriber;

    (void)state;
    begin();
    queue_much(&subscriber, N_QUEUED);
    int64_t start_ns = kit_now_ns();
    kill(broker_proc_pid(broker), SIGTERM);
    assert_true(kit_wait_for(!socket_is_there(), 2000));
    kill(broker_proc_pid(broker), SIGTERM);
    assert_int_equal(broker_proc_wait(broker, 5000), 0);
    assert_in_range((kit_now_ns() - start_ns) / 1000000, 0, 1000);
    peer_close(&subscriber);
    broker_proc_free(broker);
}

static void sighup_changes_nothing(void **state)
{
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, broker);
    peer_sub(&peer, 1, "a");
    for (int i = 0; i < 3; i++) {
        kill(broker_proc_pid(broker), SIGHUP);
        peer_publish(&peer, "a", "x", 1);
        peer_expect_past_select(&peer, OP_MESSAGE);
    }
    assert_true(broker_proc_log_has(broker, "SIGHUP", 2000));
    peer_close(&peer);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* A request that is open when the broker goes: GOODBYE tells. */
static void an_open_request_when_the_broker_goes(void **state)
{
    struct peer client, server;

    (void)state;
    begin();
    peer_open(&client, broker);
    peer_open(&server, broker);
    peer_serve(&server, 1, "svc", 0);
    peer_request(&client, 1, "svc", REQUEST_ONE, 60000);
    peer_expect_request(&server);
    kill(broker_proc_pid(broker), SIGTERM);
    peer_expect_goodbye(&client, STATUS_SHUTTING_DOWN);
    peer_expect_goodbye(&server, STATUS_SHUTTING_DOWN);
    peer_close(&client);
    peer_close(&server);
    assert_int_equal(broker_proc_wait(broker, 5000), 0);
    broker_proc_free(broker);
}

/* -- clients go ------------------------------------------------------------------------------- */

enum { SILENT, HALF_HELLO, GREETED, HALF_LENGTH, HALF_MESSAGE, SUBSCRIBED, SERVING, CALLING, STUFFED, N_STATES };

static void reach(int state_wanted)
{
    static const uint8_t half[] = { 0, 1, 0, 0, 0x94, OP_MESSAGE, 0xce, 0, 0 };
    static uint8_t payload[60000];
    struct peer peer;

    peer_connect(&peer, broker);
    if (state_wanted == HALF_HELLO)
        raw_send(peer.fd, "\0\0\0\x0d\x95", 5);
    if (state_wanted <= HALF_HELLO)
        return;
    peer_hello(&peer, NULL);
    peer_welcomed(&peer);
    if (state_wanted == HALF_LENGTH || state_wanted == HALF_MESSAGE)
        raw_send(peer.fd, half, state_wanted == HALF_LENGTH ? 3 : sizeof half);
    if (state_wanted >= SUBSCRIBED)
        peer_sub(&peer, 1, "a");
    if (state_wanted >= SERVING)
        peer_serve(&peer, 2, "svc", 0);
    if (state_wanted >= CALLING)
        peer_request(&peer, 1, "svc", REQUEST_ALL, 60000);
    for (int i = 0; state_wanted == STUFFED && i < 100; i++)
        peer_publish(&peer, "a", payload, sizeof payload);
}

static void kill_9_in_every_state(void **state)
{
    struct health health;

    (void)state;
    begin();
    health_begin(&health, broker);
    for (int i = 0; i < N_STATES; i++) {
        int ready[2];
        char byte = 0;
        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            reach(i);
            (void)!write(ready[1], "", 1);
            for (;;)
                pause();
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        health_check(&health);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(ready[0]);
        close(ready[1]);
        broker_proc_expect_n_fds(broker, health.n_fds);
        health_check(&health);
    }
    assert_int_equal(peer_stat(&health.witness, "gaps"), 0);
    health_check_all(&health, 8 << 20);
    health_end(&health);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

static void ten_thousand_connects(void **state)
{
    struct health health;

    (void)state;
    begin();
    health_begin(&health, broker);
    int64_t start_ns = kit_now_ns();
    for (int i = 0; i < 10000; i++) {
        struct peer peer;
        peer_connect(&peer, broker);
        if (i % 3 == 1)
            peer_hello(&peer, NULL);
        if (i % 3 == 2)
            raw_send(peer.fd, "nonsense", 8);
        peer_close(&peer);
    }
    health_check(&health);
    print_message("  10,000 connects in %d ms\n", (int)((kit_now_ns() - start_ns) / 1000000));
    assert_true(kit_wait_for(peer_stat(&health.witness, "accepted") >= 10001, 5000));
    health_check_all(&health, 4 << 20);
    health_end(&health);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(sigterm_says_goodbye),
        kit_test(sigint_says_goodbye),
        kit_test(what_is_queued_arrives_before_the_goodbye),
        kit_test(who_has_half_closed_gets_it_too),
        kit_test(a_leaving_client_takes_its_time),
        kit_test(who_does_not_read_delays_the_end_for_5_s_at_most),
        kit_test(a_second_signal_ends_it_at_once),
        kit_test(sighup_changes_nothing),
        kit_test(an_open_request_when_the_broker_goes),
        kit_test(kill_9_in_every_state),
        kit_test(ten_thousand_connects),
    };
    return kit_run("lifecycle", tests, KIT_LENGTH(tests));
}
