/* Ten thousand connections: what one message for all of them costs, and the end of the broker. FAULTS: "Resources", "Life
 * and death". */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"

enum {
    N_PEERS = 10000,
    N_PEERS_OF_POLL = 2000,
    AT_ONCE = 1000,
    SPARE_FDS = 100,
    END_MS = 20000,
    DEADLINE_S = 100
};

/* A loop on poll(2) looks at all of them in each round: there are fewer for it. */
static int n_peers;
static int fds[N_PEERS];

static void skip_without_descriptors(struct broker_proc *broker)
{
    const char *loop = getenv("BROKER_TEST_LOOP");
    struct rlimit limit;

    n_peers = loop && strcmp(loop, "poll") == 0 ? N_PEERS_OF_POLL : N_PEERS;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max >= (rlim_t)n_peers + SPARE_FDS)
        return;
    broker_proc_free(broker);
    kit_skip("a process may not have so many descriptors here (RLIMIT_NOFILE)");
}

/* Many at a time. */
static void come_in(struct broker_proc *broker, const char *pattern)
{
    static struct peer peers[AT_ONCE];
    struct envelope sub = { .op = OP_SUB };

    sub.sub.ref = sub.sub.sid = 1;
    sub.sub.pattern = (struct piece){ pattern, strlen(pattern) };

    for (int i = 0; i < n_peers; i += AT_ONCE) {
        for (int j = 0; j < AT_ONCE; j++) {
            peer_connect(&peers[j], broker);
            peer_hello(&peers[j], NULL);
            peer_send(&peers[j], &sub);
        }
        for (int j = 0; j < AT_ONCE; j++) {
            peer_welcomed(&peers[j]);
            peer_expect(&peers[j], OP_OK);
            free(peers[j].in);
            fds[i + j] = peers[j].fd;
        }
    }
}

/** Something has come to each of them. */
static void await_all(void)
{
    for (int i = 0; i < n_peers; i++) {
        struct pollfd p = { .fd = fds[i], .events = POLLIN };
        assert_int_equal(poll(&p, 1, RAW_DEADLINE_MS), 1);
    }
}

/** What the kernel holds for all of them, in bytes of the stream. */
static int64_t drain_all(void)
{
    static char scrap[256 << 10];
    int64_t sum = 0;
    ssize_t n;

    for (int i = 0; i < n_peers; i++) {
        while ((n = recv(fds[i], scrap, sizeof scrap, MSG_DONTWAIT)) > 0)
            sum += n;
    }
    return sum;
}

static void leave(void)
{
    for (int i = 0; i < n_peers; i++)
        close(fds[i]);
}

/* Nobody reads it: it is there once, and the kernel pins some tens of kilobytes for each. */
static void one_message_for_ten_thousand(void **state)
{
    enum { PAYLOAD = 1 << 20, ENTRY = 300, KERNEL_EACH = 40 << 10 };
    static char payload[PAYLOAD];
    struct broker_proc *broker = broker_proc_new();
    struct peer publisher;

    (void)state;
    kit_deadline(DEADLINE_S);
    skip_without_descriptors(broker);
    broker_proc_start(broker, NULL);
    come_in(broker, "m");
    peer_open(&publisher, broker);
    int64_t rss = broker_proc_rss(broker);
    peer_publish(&publisher, "m", payload, sizeof payload);
    peer_ping(&publisher);
    await_all();
    int64_t grown = broker_proc_rss(broker) - rss;
    kill(broker_proc_pid(broker), SIGSTOP);
    int64_t in_kernel = drain_all();
    kill(broker_proc_pid(broker), SIGCONT);
    print_message("  %lld KiB of the broker, %lld KiB of the kernel\n", (long long)grown >> 10,
                  (long long)in_kernel >> 10);
    if (!KIT_SANITIZED)
        assert_in_range(grown, 0, 4 * PAYLOAD + n_peers * ENTRY);
    assert_in_range(in_kernel, 1, (int64_t)n_peers * KERNEL_EACH);
    peer_close(&publisher);
    leave();
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/** The first is told, the second, and so on, and behind it is the end of the stream. */
static void expect_goodbyes(void)
{
    for (int i = 0; i < n_peers; i++) {
        struct peer peer = { .fd = fds[i] };
        peer_expect_goodbye(&peer, STATUS_SHUTTING_DOWN);
        peer_close(&peer);
    }
}

static void ten_thousand_are_told(void **state)
{
    struct broker_proc *broker = broker_proc_new();

    (void)state;
    kit_deadline(DEADLINE_S);
    skip_without_descriptors(broker);
    broker_proc_start(broker, NULL);
    come_in(broker, "m");
    int64_t start_ns = kit_now_ns();
    kill(broker_proc_pid(broker), SIGTERM);
    expect_goodbyes();
    assert_int_equal(broker_proc_wait(broker, END_MS), 0);
    print_message("  %d goodbyes in %d ms\n", n_peers, (int)((kit_now_ns() - start_ns) / 1000000));
    assert_int_equal(access(broker_proc_socket(broker), F_OK), -1);
    broker_proc_free(broker);
}

/* And nobody reads: it does not wait for them for longer than the 5 s that it waits for one. */
static void ten_thousand_who_do_not_listen(void **state)
{
    struct broker_proc *broker = broker_proc_new();

    (void)state;
    kit_deadline(DEADLINE_S);
    skip_without_descriptors(broker);
    broker_proc_start(broker, NULL);
    come_in(broker, "m");
    kill(broker_proc_pid(broker), SIGTERM);
    assert_int_equal(broker_proc_wait(broker, END_MS), 0);
    leave();
    broker_proc_free(broker);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(one_message_for_ten_thousand),
        kit_test(ten_thousand_are_told),
        kit_test(ten_thousand_who_do_not_listen),
    };
    return kit_run("crowd", tests, KIT_LENGTH(tests));
}
