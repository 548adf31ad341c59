/* Input that waits because a subscriber is full: it stays whole, stays its sender's, and outlives it. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"

enum { SIZE = 1000, N_MESSAGES = 68, N_STUFF = 70 };

static struct broker_proc *broker;
static struct peer subscriber, publisher, other;
static int n_stuff = N_STUFF; /* how many large messages fill the subscriber's socket */

/* A subscriber that does not read: its socket is full, and it takes one more message of "a". */
static void begin(void)
{
    struct envelope sub = { .op = OP_SUB, .sub = { .ref = 1, .sid = 1, .pattern = { "a", 1 } } };
    static uint8_t stuff[60000];
    const int large = 1 << 20;

    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    peer_open(&subscriber, broker);
    peer_open(&publisher, broker);
    peer_open(&other, broker);
    sub.sub.queue_messages = 1;
    peer_send(&subscriber, &sub);
    peer_expect(&subscriber, OP_OK);
    peer_sub(&subscriber, 2, "stuff");
    for (int i = 0; i < n_stuff; i++)
        peer_publish(&other, "stuff", stuff, sizeof stuff);
    peer_ping(&other);
    assert_int_equal(setsockopt(publisher.fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large), 0);
}

static void finish(void)
{
    peer_close(&subscriber);
    peer_close(&publisher);
    peer_close(&other);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* All of them are in the kernel before the broker, stopped meanwhile, reads: so it reads them at once, and has to
 * wait at the second. */
static void publish_all_at_once(void)
{
    static uint8_t payload[SIZE];

    kill(broker_proc_pid(broker), SIGSTOP);
    for (uint32_t i = 0; i < N_MESSAGES; i++) {
        memcpy(payload, &i, sizeof i);
        peer_publish(&publisher, "a", payload, sizeof payload);
    }
    kill(broker_proc_pid(broker), SIGCONT);
    peer_ping(&other);
}

static void expect_all(uint64_t id)
{
    for (int i = 0; i < n_stuff; i++)
        peer_expect_past_select(&subscriber, OP_MESSAGE);
    for (uint32_t i = 0; i < N_MESSAGES; i++) {
        const struct got *got = peer_expect_past_select(&subscriber, OP_MESSAGE);
        assert_int_equal(got->payload.id, id);
        assert_memory_equal(got->payload.payload, &i, sizeof i);
    }
}

static void what_others_send_meanwhile_is_theirs(void **state)
{
    (void)state;
    /* They share a block of the broker's with what waits if that lies well in it: try several places. */
    for (n_stuff = N_STUFF; n_stuff < N_STUFF + 8; n_stuff++) {
        begin();
        publish_all_at_once();
        for (int i = 0; i < 200; i++)
            peer_ping(&other);
        expect_all(publisher.id);
        peer_ping(&publisher);
        peer_ping(&subscriber);
        finish();
    }
    n_stuff = N_STUFF;
}

static void what_a_held_client_sent_outlives_it(void **state)
{
    (void)state;
    begin();
    publish_all_at_once();
    uint64_t id = publisher.id;
    peer_close(&publisher);
    peer_ping(&other);
    expect_all(id);
    peer_ping(&subscriber);
    finish();
}

static void a_held_client_may_half_close(void **state)
{
    (void)state;
    begin();
    publish_all_at_once();
    peer_shut(&publisher);
    peer_expect_silence(&publisher, 50);
    expect_all(publisher.id);
    assert_null(peer_next(&publisher, RAW_DEADLINE_MS));
    finish();
}

static void who_holds_may_die(void **state)
{
    (void)state;
    begin();
    publish_all_at_once();
    peer_ping(&other);
    peer_close(&subscriber);
    peer_ping(&publisher);
    assert_int_equal(peer_stat(&other, "messages-in"), N_STUFF + N_MESSAGES);
    peer_open(&subscriber, broker);
    finish();
}

/* A held client that hangs up leaves the poll set: nothing spins. */
static void holding_costs_no_processor(void **state)
{
    (void)state;
    begin();
    publish_all_at_once();
    peer_ping(&other);
    peer_close(&publisher);
    int64_t cpu_ns = broker_proc_cpu_ns(broker);
    raw_expect_silence(other.fd, 400);
    assert_in_range(broker_proc_cpu_ns(broker) - cpu_ns, 0, 20000000);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(what_others_send_meanwhile_is_theirs),
        kit_test(what_a_held_client_sent_outlives_it),
        kit_test(a_held_client_may_half_close),
        kit_test(who_holds_may_die),
        kit_test(holding_costs_no_processor),
    };
    return kit_run("held input", tests, KIT_LENGTH(tests));
}
