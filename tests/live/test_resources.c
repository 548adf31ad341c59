/* What one client can cost: descriptors, memory, processor, and what the others notice of it. FAULTS: "Resources". */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"

static struct broker_proc *broker;
static struct health health;

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    health_begin(&health, broker);
}

static void finish(void)
{
    health_end(&health);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

static int64_t grown_kib(void)
{
    return (broker_proc_rss(broker) - health.rss) / 1024;
}

static void expect_grown_at_most(int64_t kib)
{
    int64_t grown = grown_kib();

    print_message("  grown by %lld KiB, at most %lld\n", (long long)grown, (long long)kib);
    if (!KIT_SANITIZED && grown > kib)
        fail_msg("the broker has grown by %lld KiB, more than %lld", (long long)grown, (long long)kib);
}

static void allow_many_descriptors(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* -- descriptors ------------------------------------------------------------------------------ */

/* Of one that runs: it would else not let so many in. */
static void limit_descriptors(void)
{
    const struct rlimit limit = { 64, 64 };

    assert_int_equal(prlimit(broker_proc_pid(broker), RLIMIT_NOFILE, &limit, NULL), 0);
}

static void out_of_descriptors(void **state)
{
    enum { N_PEERS = 200 };
    static struct peer peers[N_PEERS];
    int n_served = 0, n_refused = 0;

    (void)state;
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    limit_descriptors();
    health_begin(&health, broker);
    for (int i = 0; i < N_PEERS; i++) {
        peer_connect(&peers[i], broker);
        (void)raw_try_send(peers[i].fd, "\0\0\0\x0d\x95\1\xa7" "brokerd\1\0\x80", 17, 0);
        int64_t start_ns = kit_now_ns();
        const struct got *got = peer_next(&peers[i], RAW_DEADLINE_MS);
        assert_non_null(got);
        assert_in_range((kit_now_ns() - start_ns) / 1000000, 0, 100);
        n_served += got->op == OP_WELCOME;
        if (got->op == OP_WELCOME)
            continue;
        assert_int_equal(got->op, OP_GOODBYE);
        assert_int_equal(got->control.goodbye.status, STATUS_NO_DESCRIPTORS);
        n_refused++;
    }
    print_message("  %d served, %d refused\n", n_served, n_refused);
    assert_in_range(n_served, 20, 64);
    assert_int_equal(n_served + n_refused, N_PEERS);
    health_check(&health);
    int64_t cpu_ns = broker_proc_cpu_ns(broker);
    raw_expect_silence(health.witness.fd, 400);
    assert_in_range(broker_proc_cpu_ns(broker) - cpu_ns, 0, 20000000); /* 5 % */
    assert_int_equal(peer_stat(&health.witness, "refused-descriptors"), n_refused);
    for (int i = 0; i < N_PEERS; i++)
        peer_close(&peers[i]);
    broker_proc_expect_n_fds(broker, health.n_fds);
    peer_open(&peers[0], broker);
    peer_ping(&peers[0]);
    peer_close(&peers[0]);
    finish();
}

/* -- memory ----------------------------------------------------------------------------------- */

static void idle_connections(void **state)
{
    enum { N_PEERS = 2000, BYTES_EACH = 600 };
    static struct peer peers[N_PEERS];

    (void)state;
    allow_many_descriptors();
    begin();
    for (int i = 0; i < N_PEERS; i++) {
        peer_open(&peers[i], broker);
        free(peers[i].in);
        peers[i] = (struct peer){ .fd = peers[i].fd };
    }
    health_check(&health);
    print_message("  %lld bytes a connection\n", (long long)(grown_kib() * 1024 / N_PEERS));
    expect_grown_at_most(N_PEERS * BYTES_EACH / 1024);
    for (int i = 0; i < N_PEERS; i++)
        close(peers[i].fd);
    health_check_all(&health, N_PEERS * 1024);
    finish();
}

/* The rest of a read block is nobody's: a byte of a frame must not keep all of it. */
static void a_byte_each_of_a_thousand_frames(void **state)
{
    enum { N_PEERS = 1000 };
    static struct peer peers[N_PEERS];

    (void)state;
    allow_many_descriptors();
    begin();
    for (int i = 0; i < N_PEERS; i++) {
        peer_open(&peers[i], broker);
        free(peers[i].in);
        peers[i] = (struct peer){ .fd = peers[i].fd };
    }
    health_check(&health);
    int64_t before = grown_kib();
    for (int i = 0; i < N_PEERS; i++)
        raw_send(peers[i].fd, "\0\0\0\3\x92\x04\1\0\0\x10\0\x94", 12); /* a PING, and 5 bytes of a frame */
    health_check(&health);
    expect_grown_at_most(before + 5 * N_PEERS);
    for (int i = 0; i < N_PEERS; i++)
        close(peers[i].fd);
    finish();
}

/* A receiver that does not read, and gets a little of each of many blocks. */
static void a_blocked_receiver_pins_no_blocks(void **state)
{
    enum { N_ROUNDS = 1000, SMALL = 5000, BULK = 60000 };
    static uint8_t payload[BULK];
    struct peer blocked, healthy, publisher;

    (void)state;
    begin();
    peer_open(&blocked, broker);
    peer_open(&healthy, broker);
    peer_open(&publisher, broker);
    peer_sub(&blocked, 1, "small");
    peer_sub(&healthy, 1, "bulk");
    int64_t before = grown_kib();
    for (int i = 0; i < N_ROUNDS; i++) {
        peer_publish(&publisher, "bulk", payload, sizeof payload);
        peer_publish(&publisher, "small", payload, SMALL);
        peer_publish(&publisher, "bulk", payload, sizeof payload);
        peer_publish(&publisher, "bulk", payload, sizeof payload);
        for (int n = 0; n < 3; n++)
            peer_expect_past_select(&healthy, OP_MESSAGE);
    }
    peer_ping(&publisher);
    expect_grown_at_most(before + 2 * N_ROUNDS * SMALL / 1024 + 8 * 1024);
    for (int i = 0; i < N_ROUNDS; i++)
        peer_expect_past_select(&blocked, OP_MESSAGE);
    peer_ping(&blocked);
    peer_close(&blocked);
    peer_close(&healthy);
    peer_close(&publisher);
    finish();
}

static void one_message_for_two_thousand(void **state)
{
    enum { N_PEERS = 2000, SIZE = 100000 };
    static struct peer peers[N_PEERS];
    static uint8_t payload[SIZE];

    (void)state;
    allow_many_descriptors();
    begin();
    for (int i = 0; i < N_PEERS; i++) {
        peer_open(&peers[i], broker);
        peer_sub(&peers[i], 1, "a");
        free(peers[i].in);
        peers[i] = (struct peer){ .fd = peers[i].fd };
    }
    health_check(&health);
    int64_t before = grown_kib();
    peer_publish(&health.witness, "a", payload, sizeof payload);
    health_check(&health);
    expect_grown_at_most(before + 4 * 1024); /* not 200 MB: one copy */
    for (int i = 0; i < N_PEERS; i++) {
        assert_int_equal(peer_expect_past_select(&peers[i], OP_MESSAGE)->payload.payload_len, SIZE);
        peer_close(&peers[i]);
    }
    finish();
}

/* -- those who do not read, and those who do not answer ----------------------------------------- */

/* Errors are queued up to the connection's limit and its reserve, and then it is cut off. */
static void who_provokes_errors_and_never_reads(void **state)
{
    enum { N_BAD = 5000 };
    static uint8_t bad[N_BAD * 9];
    struct peer peer;
    ssize_t n = 0;

    (void)state;
    begin();
    for (int i = 0; i < N_BAD; i++)
        memcpy(bad + (ptrdiff_t)i * 8, "\0\0\0\4\x93\x11\1\1", 8); /* UNSUB of nothing */
    peer_open(&peer, broker);
    int64_t start_ns = kit_now_ns();
    while (n >= 0 && kit_now_ns() - start_ns < 20000000000) {
        n = raw_try_send(peer.fd, bad, (size_t)N_BAD * 8, 100);
        health_check(&health);
        if (peer_stat(&health.witness, "expelled") > 0)
            break;
    }
    assert_int_equal(peer_stat(&health.witness, "expelled"), 1);
    expect_grown_at_most(64 * 1024);
    peer_expect_goodbye(&peer, STATUS_NOT_READING);
    peer_close(&peer);
    health_check_all(&health, 40 << 20);
    finish();
}

static void a_flood_of_requests_that_nobody_answers(void **state)
{
    enum { N_REQUESTS = 20000 };
    struct peer client, server;
    uint64_t n_busy = 0, n_ended = 0;

    (void)state;
    begin();
    peer_open(&client, broker);
    peer_open(&server, broker);
    peer_serve(&server, 1, "svc", 65536);
    for (uint64_t i = 0; i < N_REQUESTS; i++)
        peer_request(&client, i, "svc", REQUEST_ONE, 1000);
    peer_ping(&client);
    health_check(&health);
    expect_grown_at_most(N_REQUESTS); /* 1 KiB each, and the queue */
    for (uint64_t i = 0; i < N_REQUESTS; i++) {
        const struct got *got = peer_expect(&client, OP_END);
        n_busy += got->control.end.status == STATUS_BUSY;
        n_ended += got->control.end.status == STATUS_TIMEOUT;
    }
    assert_int_equal(n_busy, 0);
    assert_int_equal(n_ended, N_REQUESTS);
    peer_ping(&client);
    peer_close(&client);
    peer_close(&server);
    finish();
}

/* Of 20 that read and one that does not, only that one loses. */
static void one_stalled_among_twenty(void **state)
{
    enum { N_PEERS = 20, N_MESSAGES = 3000, SIZE = 8000 };
    static struct peer peers[N_PEERS];
    static uint8_t payload[SIZE];
    struct envelope sub = { .op = OP_SUB, .sub = { .ref = 1, .sid = 1, .pattern = { "a", 1 } } };
    struct peer stalled, publisher;
    uint64_t n_lost = 0, n_got = 0;

    (void)state;
    begin();
    peer_open(&stalled, broker);
    peer_open(&publisher, broker);
    sub.sub.queue_messages = 100; /* policy: wait */
    peer_send(&stalled, &sub);
    peer_expect(&stalled, OP_OK);
    for (int i = 0; i < N_PEERS; i++) {
        peer_open(&peers[i], broker);
        peer_sub(&peers[i], 1, "a");
    }
    int64_t start_ns = kit_now_ns();
    for (uint32_t i = 0; i < N_MESSAGES; i++) {
        memcpy(payload, &i, sizeof i);
        peer_publish(&publisher, "a", payload, sizeof payload);
        for (int j = 0; i % 50 == 49 && j < 50 * N_PEERS; j++) {
            const struct got *got = peer_expect_past_select(&peers[j % N_PEERS], OP_MESSAGE);
            uint32_t number = i - 49 + (uint32_t)(j / N_PEERS);
            assert_memory_equal(got->payload.payload, &number, sizeof number);
        }
    }
    peer_ping(&publisher);
    print_message("  held for %d ms\n", (int)((kit_now_ns() - start_ns) / 1000000));
    assert_in_range((kit_now_ns() - start_ns) / 1000000, 900, 2500); /* 1 s of every 11 */
    peer_send(&stalled, &(struct envelope){ .op = OP_PING });
    while (peer_next(&stalled, RAW_DEADLINE_MS)->op != OP_PONG) {
        n_got += stalled.got.op == OP_MESSAGE;
        if (stalled.got.op != OP_GAP)
            continue;
        assert_int_equal(stalled.got.control.gap.reason, GAP_STALLED);
        n_lost += stalled.got.control.gap.count;
    }
    assert_int_not_equal(n_lost, 0);
    assert_int_equal(n_got + n_lost, N_MESSAGES);
    for (int i = 0; i < N_PEERS; i++) {
        peer_ping(&peers[i]);
        peer_close(&peers[i]);
    }
    peer_close(&stalled);
    peer_close(&publisher);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(out_of_descriptors),
        kit_test(idle_connections),
        kit_test(a_byte_each_of_a_thousand_frames),
        kit_test(a_blocked_receiver_pins_no_blocks),
        kit_test(one_message_for_two_thousand),
        kit_test(who_provokes_errors_and_never_reads),
        kit_test(a_flood_of_requests_that_nobody_answers),
        kit_test(one_stalled_among_twenty),
    };
    return kit_run("resources", tests, KIT_LENGTH(tests));
}
