/* Input that waits because a subscriber is full: it stays whole, stays its sender's, and outlives it. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"

enum { SIZE = 1000, N_MESSAGES = 1200 };

static struct broker_proc *broker;
static struct peer subscriber, publisher, other;

/* A subscriber of one message at a time, that does not read. */
static void begin(void)
{
    struct envelope sub = { .op = OP_SUB, .sub = { .ref = 1, .sid = 1, .pattern = { "a", 1 } } };

    const int large = 4 << 20;
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    peer_open(&subscriber, broker);
    peer_open(&publisher, broker);
    if (setsockopt(publisher.fd, SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large) < 0) {
        peer_close(&subscriber);
        peer_close(&publisher);
        broker_proc_free(broker);
        kit_skip("a socket's buffer of 4 MiB takes CAP_NET_ADMIN");
    }
    peer_open(&other, broker);
    sub.sub.queue_messages = 1;
    peer_send(&subscriber, &sub);
    peer_expect(&subscriber, OP_OK);
}

static void finish(void)
{
    peer_close(&subscriber);
    peer_close(&publisher);
    peer_close(&other);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* All of them in the kernel before the broker, stopped meanwhile, reads: so that it reads much at once. */
static void publish_all_at_once(void)
{
    static uint8_t payload[SIZE];
    uint32_t n = 0;

    kill(broker_proc_pid(broker), SIGSTOP);
    for (; n < 130; n++) {
        memcpy(payload, &n, sizeof n);
        peer_publish(&publisher, "a", payload, sizeof payload);
    }
    kill(broker_proc_pid(broker), SIGCONT);
    for (; n < N_MESSAGES; n++) {
        memcpy(payload, &n, sizeof n);
        struct frame frame = { .op = OP_MESSAGE, .subject = "a", .subject_len = 1, .payload = payload };
        frame.payload_len = sizeof payload;
        peer_send_payload(&publisher, &frame);
    }
}

static void expect_all(uint64_t id)
{
    for (uint32_t i = 0; i < N_MESSAGES; i++) {
        const struct got *got = peer_expect_past_select(&subscriber, OP_MESSAGE);
        assert_int_equal(got->payload.id, id);
        assert_memory_equal(got->payload.payload, &i, sizeof i);
    }
}

static void what_others_send_meanwhile_is_theirs(void **state)
{
    (void)state;
    begin();
    publish_all_at_once();
    for (int i = 0; i < 200; i++)
        peer_ping(&other);
    expect_all(publisher.id);
    peer_ping(&publisher);
    peer_ping(&subscriber);
    finish();
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
    assert_int_equal(peer_stat(&other, "messages_in"), N_MESSAGES);
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
