/* Readers that stand still under `wait`, and publishers that go away while they are held. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/ledger.h"
#include "tests/live/live.h"

#define MS    INT64_C(1000000)
#define SID   1
#define QUEUE 4
/* A second, and what a machine that is busy with other tests may add. */
#define HELD_AT_MOST_MS 1400

static struct wire *open_stuck(const struct live *live, struct wire *pub, const char *pattern)
{
    struct wire *reader = wire_open(live->path);

    wire_sub(reader, &(struct wire_sub){ .sid = SID, .pattern = pattern, .queue_messages = QUEUE });
    wire_block(reader, pub);
    return reader;
}

static void publish(struct wire *pub, const char *subject, uint64_t from, uint64_t to)
{
    uint8_t payload[100];

    wire_cork(pub);
    for (uint64_t n = from; n < to; n++) {
        ledger_payload(payload, sizeof(payload), n);
        wire_publish(pub, subject, payload, sizeof(payload));
    }
    wire_flush(pub);
}

static int64_t barrier_ms(struct wire *pub)
{
    int64_t start_ns = kit_now_ns();

    wire_barrier(pub);
    return (kit_now_ns() - start_ns) / MS;
}

/** Reads what @p reader has, and expects @p n_sent messages of which the first were lost. */
static void expect_stalled(struct wire *reader, uint64_t n_sent)
{
    struct ledger ledger = { .sid = SID };

    wire_ping(reader, 900);
    ledger_read_to_pong(&ledger, 1, reader, 900);
    ledger_expect(&ledger, n_sent);
    assert_int_equal(ledger.delivered, QUEUE);
    assert_int_equal(ledger.lost_by[GAP_STALLED], n_sent - QUEUE);
    assert_int_equal(ledger.n_gaps, 1);
}

static void a_stuck_reader_costs_a_second_and_then_loses_the_oldest(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *reader = open_stuck(&live, pub, "x");

    publish(pub, "x", 0, 50);
    assert_in_range(barrier_ms(pub), 900, HELD_AT_MOST_MS);
    for (uint64_t i = 1; i < 10; i++) {
        publish(pub, "x", i * 50, i * 50 + 50);
        assert_in_range(barrier_ms(pub), 0, 300); /* no second time */
    }
    assert_in_range(wire_stat(live.path, "held-ns") / MS, 900, HELD_AT_MOST_MS);
    expect_stalled(reader, 500);
    assert_int_equal(wire_stat(live.path, "lost-stuck"), 500 - QUEUE);
    wire_close(pub);
    wire_close(reader);
    live_end(&live);
}

/* All together, not one after the other: on one subject, and on one each. */
static void several_stuck_readers_cost_one_second_together(void **state)
{
    (void)state;
    enum { N = 5 };
    struct live live = live_begin();

    for (int one_each = 0; one_each < 2; one_each++) {
        struct wire *pub = wire_open(live.path), *readers[N];
        char subject[16];

        for (int i = 0; i < N; i++) {
            snprintf(subject, sizeof(subject), "x%d.%d", one_each, one_each ? i : 0);
            readers[i] = open_stuck(&live, pub, subject);
        }
        int64_t start_ns = kit_now_ns();
        for (int i = 0; i < (one_each ? N : 1); i++) {
            snprintf(subject, sizeof(subject), "x%d.%d", one_each, i);
            publish(pub, subject, 0, 30);
        }
        wire_barrier(pub);
        assert_in_range(kit_now_ns() - start_ns, 800 * MS, HELD_AT_MOST_MS * MS);
        for (int i = 0; i < N; i++) {
            expect_stalled(readers[i], 30);
            wire_close(readers[i]);
        }
        wire_close(pub);
    }
    live_end(&live);
}

/* The same when each has taken a bite from its full socket before it stopped, as one that is stopped in the middle of
 * its work has. */
static void readers_stopped_in_the_middle_cost_one_second_together(void **state)
{
    (void)state;
    enum { N = 5 };
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *readers[N];

    for (int i = 0; i < N; i++) {
        struct wire_frame f;
        readers[i] = open_stuck(&live, pub, "x");
        wire_next(readers[i], &f);
        for (int n = 0; n < 3; n++)
            wire_expect(readers[i], OP_MESSAGE, &f);
    }
    wire_barrier(pub);
    int64_t start_ns = kit_now_ns();
    publish(pub, "x", 0, 30);
    wire_barrier(pub);
    assert_in_range(kit_now_ns() - start_ns, 800 * MS, HELD_AT_MOST_MS * MS);
    for (int i = 0; i < N; i++) {
        expect_stalled(readers[i], 30);
        wire_close(readers[i]);
    }
    wire_close(pub);
    live_end(&live);
}

/* A reader that stands still keeps the message from nobody for longer than that, and takes it from nobody. */
static void a_reader_beside_a_stuck_one_gets_everything(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *stuck = open_stuck(&live, pub, "x");
    struct wire *well = wire_open(live.path);
    struct ledger ledger = { .sid = 7 };

    wire_sub(well, &(struct wire_sub){ .sid = 7, .pattern = "x" });
    publish(pub, "x", 0, 100);
    wire_barrier(pub);
    wire_ping(well, 900);
    ledger_read_to_pong(&ledger, 1, well, 900);
    assert_int_equal(ledger.delivered, 100);
    expect_stalled(stuck, 100);
    wire_close(pub);
    wire_close(stuck);
    wire_close(well);
    live_end(&live);
}

/* -- holders and held that go away ----------------------------------------------------------- */

static void expect_holding(const struct live *live)
{
    assert_true(kit_wait_for(wire_stat(live->path, "holds") > 0, 2000));
}

static void a_reader_that_leaves_or_unsubscribes_lets_go_at_once(void **state)
{
    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        struct live live = live_begin();
        struct wire *pub = wire_open(live.path), *reader = open_stuck(&live, pub, "x");

        publish(pub, "x", 0, 10);
        wire_ping(pub, 900);
        expect_holding(&live);
        int64_t start_ns = kit_now_ns();
        if (leaves)
            reader = wire_close(reader);
        else
            wire_unsub_send(reader, SID);
        wire_expect_pong(pub, 900);
        assert_in_range(kit_now_ns() - start_ns, 0, 500 * MS);
        wire_close(pub);
        wire_close(reader);
        live_end(&live);
    }
}

enum going { CLOSES, HALF_CLOSES, SAYS_GOODBYE };

static void go(struct wire **pub, enum going going)
{
    struct envelope goodbye = { .op = OP_GOODBYE };

    goodbye.goodbye.status = STATUS_LEFT;
    if (going == SAYS_GOODBYE)
        wire_send(*pub, &goodbye);
    if (going == CLOSES)
        *pub = wire_close(*pub);
    else
        shutdown((*pub)->fd, SHUT_WR);
}

/* So that it can send more than the broker reads at once without waiting; false if it may not. */
static bool raise_buffer(struct wire *wire)
{
    const int size = 1 << 20;

    return setsockopt(wire->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == 0;
}

/* The kernel holds what the broker has not read; none of it gets lost, and the broker
 * does not spin on a connection that has hung up and must wait. */
static void what_a_held_publisher_sent_before_it_went_arrives(void **state)
{
    (void)state;
    static const enum going ways[] = { CLOSES, HALF_CLOSES, SAYS_GOODBYE };

    for (size_t i = 0; i < KIT_LENGTH(ways); i++) {
        struct live live = live_begin();
        struct wire *filler = wire_open(live.path), *pub = wire_open(live.path);
        struct wire *reader = open_stuck(&live, filler, "x");
        struct ledger ledger = { .sid = SID };
        struct wire_frame f;
        const uint64_t n_sent = raise_buffer(pub) ? 6000 : 1000;

        publish(pub, "x", 0, n_sent);
        expect_holding(&live);
        go(&pub, ways[i]);
        int64_t cpu_ns = broker_proc_cpu_ns(live.proc), start_ns = kit_now_ns();
        raw_expect_silence(filler->fd, 400);
        assert_in_range(broker_proc_cpu_ns(live.proc) - cpu_ns, 0, (kit_now_ns() - start_ns) / 5);

        while (ledger.next < n_sent) {
            wire_next(reader, &f);
            ledger_enter(&ledger, reader, &f);
        }
        assert_int_equal(ledger.lost, 0);
        wire_close(pub);
        wire_close(filler);
        wire_close(reader);
        live_end(&live);
    }
}

static void what_a_held_publisher_sent_is_counted_when_the_reader_is_stuck(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *filler = wire_open(live.path), *pub = wire_open(live.path);
    struct wire *reader = open_stuck(&live, filler, "x");

    publish(pub, "x", 0, 2000);
    expect_holding(&live);
    pub = wire_close(pub);
    assert_true(kit_wait_for(wire_stat(live.path, "vanished") == 1 ||
                                 wire_stat(live.path, "lost-stuck") == 2000 - QUEUE,
                             3000));
    assert_true(kit_wait_for(wire_stat(live.path, "lost-stuck") == 2000 - QUEUE, 3000));
    expect_stalled(reader, 2000);
    wire_close(filler);
    wire_close(reader);
    live_end(&live);
}

static void a_publisher_stuck_behind_itself_goes_on_after_a_second(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *other = wire_open(live.path), *self = open_stuck(&live, other, "x");
    struct ledger ledger = { .sid = SID };

    publish(self, "x", 0, 100);
    wire_ping(self, 900); /* its PONG lies behind what it does not read */
    assert_true(kit_wait_for(wire_stat(live.path, "lost-stuck") == 100 - QUEUE, 3000));
    ledger_read_to_pong(&ledger, 1, self, 900);
    ledger_expect(&ledger, 100);
    assert_in_range(wire_stat(live.path, "held-ns") / MS, 900, HELD_AT_MOST_MS);
    wire_close(other);
    wire_close(self);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_stuck_reader_costs_a_second_and_then_loses_the_oldest),
        kit_test(several_stuck_readers_cost_one_second_together),
        kit_test(readers_stopped_in_the_middle_cost_one_second_together),
        kit_test(a_reader_beside_a_stuck_one_gets_everything),
        kit_test(a_reader_that_leaves_or_unsubscribes_lets_go_at_once),
        kit_test(what_a_held_publisher_sent_before_it_went_arrives),
        kit_test(what_a_held_publisher_sent_is_counted_when_the_reader_is_stuck),
        kit_test(a_publisher_stuck_behind_itself_goes_on_after_a_second),
    };
    return kit_run("stuck", tests, KIT_LENGTH(tests));
}
