/* The policy `wait`: what a reader gets of it, and what a reader that stands still costs. */
#include <errno.h>

#include "tests/kit/ledger.h"
#include "tests/live/live.h"

#define MS  INT64_C(1000000)
#define SID 1

static struct wire *open_reader(const struct live *live, const char *pattern, uint64_t messages)
{
    struct wire *reader = wire_open(live->path);

    wire_sub(reader,
             &(struct wire_sub){ .sid = SID, .pattern = pattern, .queue_messages = messages });
    return reader;
}

/** Puts messages @p from to @p to - 1 into the publisher's buffer. */
static void prepare(struct wire *pub, const char *subject, size_t len, uint64_t from, uint64_t to)
{
    uint8_t payload[8192];

    assert_true(len <= sizeof(payload));
    wire_cork(pub);
    for (uint64_t n = from; n < to; n++) {
        ledger_payload(payload, len, n);
        wire_publish(pub, subject, payload, len);
    }
}

static void enter_all(struct ledger *ledger, struct wire *reader, int n_frames)
{
    struct wire_frame f;

    while (n_frames-- > 0 && wire_take(reader, &f))
        ledger_enter(ledger, reader, &f);
}

static int64_t held_ms(const struct live *live)
{
    return (int64_t)wire_stat(live->path, "held-ns") / MS;
}

static void expect_holding(const struct live *live)
{
    assert_true(kit_wait_for(wire_stat(live->path, "holds") > 0, 2000));
}

/* -- readers that read ----------------------------------------------------------------------- */

static void a_slow_reader_loses_nothing_and_slows_the_publisher(void **state)
{
    (void)state;
    enum { N = 8000, LEN = 1000 };
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *reader = open_reader(&live, "x", 100);
    struct ledger ledger = { .sid = SID };
    uint64_t n_read_when_all_was_taken = 0;

    prepare(pub, "x", LEN, 0, N);
    reader->read_max = 40000;
    while (ledger.next < N) {
        if (wire_push(pub) == 0 && !n_read_when_all_was_taken)
            n_read_when_all_was_taken = ledger.delivered;
        enter_all(&ledger, reader, 40); /* a bite */
        wire_poll((struct wire *[]){ pub, reader }, 2, 1);
        kit_nap();
    }
    ledger_expect(&ledger, N);
    assert_int_equal(ledger.lost, 0);
    assert_true(n_read_when_all_was_taken > N / 10);
    expect_holding(&live);
    wire_close(pub);
    wire_close(reader);
    live_end(&live);
}

/* A bite in each second is enough, however long it takes. */
static void a_reader_that_takes_something_each_second_loses_nothing(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *reader = open_reader(&live, "x", 4);
    struct ledger ledger = { .sid = SID };
    struct wire_frame f;

    wire_block(reader, pub);
    prepare(pub, "x", 100, 0, 20);
    wire_ping(pub, 900);
    wire_flush(pub);
    int64_t start_ns = kit_now_ns();
    reader->read_max = 100000;
    for (int64_t bite_ns = start_ns; kit_now_ns() - start_ns < 2300 * MS;) {
        assert_int_equal(wire_wait(pub, &f, 5), -ETIMEDOUT); /* held all the time */
        if (kit_now_ns() < bite_ns)
            continue;
        enter_all(&ledger, reader, 2); /* of the filler */
        bite_ns += 700 * MS;
    }
    reader->read_max = 0;
    while (wire_wait(pub, &f, 1) == -ETIMEDOUT)
        enter_all(&ledger, reader, 100);
    assert_int_equal(f.op, OP_PONG);
    wire_ping(reader, 901);
    ledger_read_to_pong(&ledger, 1, reader, 901);
    ledger_expect(&ledger, 20);
    assert_int_equal(ledger.lost, 0);
    assert_true(held_ms(&live) >= 2200);
    wire_close(pub);
    wire_close(reader);
    live_end(&live);
}

static void ping_and_confirm_of_a_held_publisher_are_answered_after(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *reader = open_reader(&live, "x", 4);
    struct wire *other = wire_open(live.path);
    struct ledger ledger = { .sid = SID };
    struct wire_frame f;

    wire_sub(pub, &(struct wire_sub){ .sid = 1, .pattern = "news" });
    wire_block(reader, pub);
    wire_confirm(pub, 1);
    wire_expect_confirmed(pub, 1, 64, 64, 0);
    prepare(pub, "x", 100, 0, 6);
    wire_confirm(pub, 2);
    wire_publish(pub, "nobody", "x", 1);
    wire_ping(pub, 3);
    wire_flush(pub);
    expect_holding(&live);
    reader->read_max = 100000; /* a bite of the filler now and then, lest it be called stuck */
    enter_all(&ledger, reader, 1);
    int64_t start_ns = kit_now_ns();
    wire_barrier(other); /* nobody else notices */
    wire_publish(other, "news", "read me", 7);
    wire_expect_text(pub, "news", "read me"); /* it hears while it is held */
    assert_in_range(kit_now_ns() - start_ns, 0, 500 * MS);
    assert_int_equal(wire_wait(pub, &f, 50), -ETIMEDOUT);
    enter_all(&ledger, reader, 1);
    assert_true(wire_client_number(live.path, reader->id, "queued-messages") > 4);

    reader->read_max = 0;
    wire_ping(reader, 900);
    ledger_read_to_pong(&ledger, 1, reader, 900);
    wire_expect_confirmed(pub, 2, 70, 6, 0);
    wire_expect_pong(pub, 3);
    wire_ping(reader, 901);
    ledger_read_to_pong(&ledger, 1, reader, 901);
    ledger_expect(&ledger, 6);
    assert_int_equal(ledger.lost, 0);
    wire_close(pub);
    wire_close(reader);
    wire_close(other);
    live_end(&live);
}

static void two_held_publishers_both_get_on(void **state)
{
    (void)state;
    enum { N = 3000, LEN = 1000, STEP = 50 }; /* they write in turn, a little at a time */
    struct live live = live_begin();
    struct wire *pubs[] = { wire_open(live.path), wire_open(live.path) };
    struct wire *reader = open_reader(&live, "x", 20);
    uint64_t next[2] = { 0 }, said[2] = { 0 }, n = 0;
    struct wire_frame f;

    wire_block(reader, pubs[0]);
    while (n < 2 * N) {
        for (int i = 0; i < 2; i++) {
            if (wire_push(pubs[i]) > 0 || said[i] == N)
                continue;
            prepare(pubs[i], "x", LEN, said[i], said[i] + STEP);
            said[i] += STEP;
        }
        if (n == 0 && said[0] == STEP) { /* before the reader makes room */
            wire_push(pubs[0]);
            expect_holding(&live);
        }
        while (wire_take(reader, &f)) {
            if (f.op != OP_MESSAGE || f.frame.payload_len != LEN)
                continue;
            int from = f.frame.id == pubs[1]->id;
            uint64_t number;
            memcpy(&number, f.frame.payload, sizeof(number));
            assert_int_equal(number, next[from]);
            next[from]++;
            n++;
            if (n == N) /* half of it all */
                assert_in_range(next[0], N / 4, N - N / 4);
        }
        wire_poll((struct wire *[]){ pubs[0], pubs[1], reader }, 3, 1000);
    }
    assert_int_equal(wire_stat(live.path, "lost-stuck"), 0);
    wire_close(pubs[0]);
    wire_close(pubs[1]);
    wire_close(reader);
    live_end(&live);
}

static void a_publisher_may_wait_for_itself(void **state)
{
    (void)state;
    enum { N = 6000, LEN = 1000 };
    struct live live = live_begin();
    struct wire *self = open_reader(&live, "x", 50);
    struct ledger ledger = { .sid = SID };

    prepare(self, "x", LEN, 0, N);
    while (ledger.next < N) {
        if (!wire_poll(&self, 1, 3000))
            fail_msg("nothing moves after %llu", (unsigned long long)ledger.next);
        wire_push(self);
        enter_all(&ledger, self, N);
    }
    assert_int_equal(ledger.lost, 0);
    wire_close(self);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_slow_reader_loses_nothing_and_slows_the_publisher),
        kit_test(a_reader_that_takes_something_each_second_loses_nothing),
        kit_test(ping_and_confirm_of_a_held_publisher_are_answered_after),
        kit_test(two_held_publishers_both_get_on),
        kit_test(a_publisher_may_wait_for_itself),
    };
    return kit_run("wait", tests, KIT_LENGTH(tests));
}
