/* What a hostile reading of the broker once found: each case as it was broken. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"

enum { SIZE = 1000, BATCH = 100 };

static struct broker_proc *broker;
static struct peer subscriber, publisher, victim, other;

static void begin(void)
{
    const int large = 1 << 20;

    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    peer_open(&subscriber, broker);
    peer_open(&publisher, broker);
    peer_open(&victim, broker);
    peer_open(&other, broker);
    assert_int_equal(setsockopt(publisher.fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large), 0);
    assert_int_equal(setsockopt(victim.fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large), 0);
}

static void finish(void)
{
    peer_close(&subscriber);
    peer_close(&publisher);
    peer_close(&victim);
    peer_close(&other);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

static void sub_with(struct peer *peer, uint64_t sid, const char *pattern, enum policy policy,
                     uint64_t queue_messages)
{
    struct envelope sub = { .op = OP_SUB };

    sub.sub.ref = sub.sub.sid = sid;
    sub.sub.pattern = (struct piece){ pattern, strlen(pattern) };
    sub.sub.policy = policy;
    sub.sub.queue_messages = queue_messages;
    peer_send(peer, &sub);
    peer_expect(peer, OP_OK);
}

/* A socket that stands full, and a little that waits behind. */
static void stuff(struct peer *peer, const char *subject)
{
    static uint8_t payload[SIZE];

    sub_with(peer, 2, subject, POLICY_DROP_NEW, 50);
    for (int i = 0; i < 4000; i++)
        peer_publish(&other, subject, payload, sizeof payload);
    peer_ping(&other);
}

/* A socket that stands full, and a queue that takes one more message of "a". */
static void fill_subscriber(void)
{
    sub_with(&subscriber, 1, "a", POLICY_WAIT, 1);
    stuff(&subscriber, "stuff");
    peer_publish(&other, "a", "f", 1);
    peer_ping(&other);
}

static void publish_batch(struct peer *peer, char mark)
{
    uint8_t payload[SIZE];

    memset(payload, mark, sizeof payload);
    for (int i = 0; i < BATCH; i++)
        peer_publish(peer, "a", payload, sizeof payload);
}

static void stop_broker(bool stop)
{
    kill(broker_proc_pid(broker), stop ? SIGSTOP : SIGCONT);
    if (!stop)
        peer_ping(&other);
}

/* Takes what has come into the peer's own buffer; the broker is stopped. */
static void take_stuff(struct peer *peer)
{
    static uint8_t buf[1 << 20];

    while (recv(peer->fd, buf, sizeof buf, MSG_DONTWAIT) > 0)
        ;
}

/* Two publishers are held, and their input stands one behind the other in a read block. The first is let go in the
 * round in which it also has written all that it had to be sent: it must not be read before what it has kept has been
 * handled, least of all into the place behind that, where the other's input stands. */
static void input_that_waits_is_nobody_elses(void **state)
{
    (void)state;
    uint64_t n_of[3] = { 0 };

    begin();
    stuff(&publisher, "more");
    fill_subscriber();
    stop_broker(true);
    publish_batch(&publisher, 'p');
    publish_batch(&victim, 'v');
    stop_broker(false);
    stop_broker(true);
    publish_batch(&publisher, 'e');
    take_stuff(&publisher);
    while (peer_next(&subscriber, 0))
        ;
    stop_broker(false);
    for (int i = 0; i < 3 * BATCH;) {
        const struct got *got = peer_next(&subscriber, RAW_DEADLINE_MS);
        assert_non_null(got);
        if (got->op != OP_MESSAGE)
            continue; /* SELECT, and the gaps of the stuff */
        char mark = got->payload.payload_len == SIZE ? (char)got->payload.payload[0] : '\0';
        if (!mark)
            continue; /* stuff */
        assert_int_equal(got->payload.id, mark == 'v' ? victim.id : publisher.id);
        n_of[mark == 'p' ? 0 : mark == 'v' ? 1 : 2]++;
        i++;
    }
    assert_int_equal(n_of[0], BATCH);
    assert_int_equal(n_of[1], BATCH);
    assert_int_equal(n_of[2], BATCH);
    finish();
}

/* Its requests have deadlines of their own: GOODBYE does not shorten them. */
static void who_says_goodbye_still_gets_its_answers(void **state)
{
    (void)state;
    struct envelope goodbye = { .op = OP_GOODBYE };

    begin();
    peer_serve(&other, 1, "svc", 0);
    peer_request(&publisher, 7, "svc", REQUEST_ONE, 5000);
    peer_send(&publisher, &goodbye);
    peer_shut(&publisher);
    uint64_t token = peer_expect_request(&other);
    peer_expect_silence(&publisher, LINGER_LIMIT_MS + 300);
    peer_reply(&other, token, 0, false, "yes");
    peer_expect_reply(&publisher, 7, 0, "yes");
    assert_null(peer_next(&publisher, RAW_DEADLINE_MS));
    finish();
}

/* A server that is held may be let go late. Its answer may stand in what it has sent, but nobody asks it any more. */
static void a_held_server_that_died_is_not_asked(void **state)
{
    (void)state;
    begin();
    peer_serve(&publisher, 1, "svc", 0);
    peer_request(&other, 7, "svc", REQUEST_ONE, 30000);
    peer_expect_request(&publisher);
    fill_subscriber();
    publish_batch(&publisher, 'p');
    peer_ping(&other);
    peer_close(&publisher);
    int64_t start_ns = kit_now_ns();
    peer_ping(&other);
    peer_request(&other, 8, "svc", REQUEST_ONE, 30000);
    peer_expect_end(&other, 8, STATUS_NO_SERVER);
    assert_in_range(kit_now_ns() - start_ns, 0, 500000000); /* the hold lasts 1 s */
    peer_expect_end(&other, 7, STATUS_SERVER_GONE);
    finish();
}

static void expect_growth(int64_t before, int64_t most)
{
    if (!KIT_SANITIZED)
        assert_in_range(broker_proc_rss(broker), 0, before + most);
}

/* What is known of a subject is as long as it has receivers: many subjects must not cost that so many times. */
static void many_subjects_with_many_services_cost_little(void **state)
{
    (void)state;
    enum { SERVERS = 32, SERVICES = 125, SUBJECTS = 6000 };
    static struct peer servers[SERVERS];

    begin();
    for (size_t i = 0; i < SERVERS; i++) {
        peer_open(&servers[i], broker);
        for (uint64_t sid = 1; sid <= SERVICES; sid++)
            peer_serve(&servers[i], sid, "c.*", 0);
    }
    int64_t before = broker_proc_rss(broker);
    for (int i = 0; i < SUBJECTS; i++) {
        char subject[32];
        snprintf(subject, sizeof subject, "c.%d", i);
        peer_publish(&publisher, subject, "", 0);
    }
    peer_ping(&publisher);
    /* 32 kB an answer: 192 MB in all. */
    expect_growth(before, INT64_C(128) << 20);
    for (size_t i = 0; i < SERVERS; i++)
        peer_close(&servers[i]);
    finish();
}

/* Of two queues of a client that does not read one is dropped again and again: what is left of the other, a message
 * in each block, must not keep the blocks. */
static void what_is_dropped_is_not_kept_by_its_neighbours(void **state)
{
    (void)state;
    static uint8_t large[60000];

    begin();
    sub_with(&subscriber, 1, "kept", POLICY_DROP_NEW, 0);
    sub_with(&subscriber, 2, "dropped", POLICY_DROP_OLD, 0);
    int64_t before = broker_proc_rss(broker);
    for (int i = 0; i < 2000; i++) {
        peer_publish(&publisher, "kept", "", 0);
        peer_publish(&publisher, "dropped", large, sizeof large);
    }
    peer_ping(&publisher);
    expect_growth(before, INT64_C(48) << 20); /* a queue of 8 MiB; it was 120 MB */
    finish();
}

/* Losses for two reasons in turn: gaps that touch do not grow in number. */
static void losses_in_turn_cost_no_memory(void **state)
{
    (void)state;
    static uint8_t fill[1 << 20];
    static const char *const subjects[] = { "a", "b", "c", "d", "e" };

    begin();
    for (uint64_t i = 0; i < KIT_LENGTH(subjects); i++)
        sub_with(&subscriber, i + 1, subjects[i], POLICY_DROP_NEW, 0);
    sub_with(&subscriber, 8, "new", POLICY_DROP_NEW, 1);
    sub_with(&subscriber, 9, "latest", POLICY_LATEST, 1);
    for (size_t len = sizeof fill; len >= 1024; len /= 2) {
        for (size_t i = 0; i < KIT_LENGTH(subjects) * 8; i++)
            peer_publish(&publisher, subjects[i / 8], fill, len);
    }
    int64_t before = broker_proc_rss(broker);
    for (int i = 0; i < 200000; i++) {
        peer_publish(&publisher, i % 4 < 2 ? "new" : "latest", fill, i % 2 ? 1200 : 0);
        if (i % 1000 == 0)
            peer_ping(&publisher);
    }
    peer_ping(&publisher);
    expect_growth(before, INT64_C(4) << 20); /* a gap of each was 14 MB */
    finish();
}

/* What large messages took goes back to the system with them: malloc would keep twice the largest ever freed. */
static void large_messages_are_not_kept_by_the_allocator(void **state)
{
    (void)state;
    static uint8_t large[MAX_PAYLOAD];

    begin();
    sub_with(&subscriber, 1, "large", POLICY_WAIT, 0);
    int64_t before = broker_proc_rss(broker);
    for (size_t len = sizeof large; len > 1 << 20; len -= 3 << 20) {
        peer_publish(&publisher, "large", large, len);
        assert_int_equal(peer_expect_past_select(&subscriber, OP_MESSAGE)->payload.payload_len, len);
    }
    peer_ping(&publisher);
    expect_growth(before, INT64_C(12) << 20); /* it was 21 MB */
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(input_that_waits_is_nobody_elses),
        kit_test(who_says_goodbye_still_gets_its_answers),
        kit_test(a_held_server_that_died_is_not_asked),
        kit_test(what_is_dropped_is_not_kept_by_its_neighbours),
        kit_test(losses_in_turn_cost_no_memory),
        kit_test(large_messages_are_not_kept_by_the_allocator),
        kit_test(many_subjects_with_many_services_cost_little),
    };
    return kit_run("regressions", tests, KIT_LENGTH(tests));
}
