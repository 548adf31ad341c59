/* The penalty of `wait`: 10 s of `drop-old` for a reader that stood still, and then it waits again. */
#include <errno.h>
#include <stdio.h>

#include "tests/kit/ledger.h"
#include "tests/live/live.h"

#define MS    INT64_C(1000000)
#define SID   1
#define QUEUE 4

static void publish(struct wire *pub, uint64_t *number, int n)
{
    uint8_t payload[100];

    wire_cork(pub);
    while (n-- > 0) {
        ledger_payload(payload, sizeof(payload), (*number)++);
        wire_publish(pub, "x", payload, sizeof(payload));
    }
    wire_flush(pub);
}

static int64_t barrier_ms(struct wire *pub)
{
    int64_t start_ns = kit_now_ns();

    wire_barrier(pub);
    return (kit_now_ns() - start_ns) / MS;
}

static void read_all(struct wire *reader, struct ledger *ledger)
{
    wire_ping(reader, 900);
    ledger_read_to_pong(ledger, 1, reader, 900);
}

/** Fills the socket of @p reader again; its subscription for that is there already. */
static void fill_again(struct wire *reader, struct wire *pub)
{
    static const uint8_t payload[64 << 10];
    char subject[32];

    snprintf(subject, sizeof(subject), "fill.%llu", (unsigned long long)reader->id);
    for (int i = 0; i < 64; i++)
        wire_publish(pub, subject, payload, sizeof(payload));
    wire_barrier(pub);
}

static void sleep_until(int64_t ns)
{
    while (kit_now_ns() < ns)
        kit_nap();
}

static void a_stuck_reader_is_not_waited_for_for_ten_seconds(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *reader = wire_open(live.path);
    struct ledger ledger = { .sid = SID };
    uint64_t number = 0;

    kit_deadline(60);
    wire_sub(reader, &(struct wire_sub){ .sid = SID, .pattern = "x", .queue_messages = QUEUE });
    wire_block(reader, pub);
    publish(pub, &number, 10);
    assert_in_range(barrier_ms(pub), 900, 1400);
    const int64_t stalled_ns = kit_now_ns();
    assert_int_equal(wire_stat(live.path, "lost-stuck"), 10 - QUEUE);

    /* It reads again, and is full again: in these ten seconds nobody waits for it. */
    read_all(reader, &ledger);
    ledger_expect(&ledger, number);
    assert_int_equal(ledger.lost_by[GAP_STALLED], 10 - QUEUE);
    for (int i = 0; i < 4; i++) {
        sleep_until(stalled_ns + i * 3000 * MS);
        fill_again(reader, pub);
        publish(pub, &number, 10);
        assert_in_range(barrier_ms(pub), 0, 400);
        read_all(reader, &ledger);
        ledger_expect(&ledger, number);
    }
    assert_int_equal(ledger.lost_by[GAP_STALLED], 5 * (10 - QUEUE));
    assert_int_equal(ledger.lost, ledger.lost_by[GAP_STALLED]);

    /* Then publishers wait for it as before, and standing still costs them another second. */
    sleep_until(stalled_ns + 10500 * MS);
    fill_again(reader, pub);
    publish(pub, &number, 10);
    wire_ping(pub, 901);
    struct wire_frame f;
    assert_int_equal(wire_wait(pub, &f, 300), -ETIMEDOUT);
    read_all(reader, &ledger);
    wire_expect_pong(pub, 901);
    read_all(reader, &ledger);
    ledger_expect(&ledger, number);
    assert_int_equal(ledger.lost, 5 * (10 - QUEUE));

    fill_again(reader, pub);
    publish(pub, &number, 10);
    assert_in_range(barrier_ms(pub), 900, 1400);
    read_all(reader, &ledger);
    ledger_expect(&ledger, number);
    assert_int_equal(ledger.lost, 6 * (10 - QUEUE));
    wire_close(pub);
    wire_close(reader);
    live_end(&live);
}

/* Beyond the ten seconds the penalty lasts for as long as it takes nothing. */
static void one_that_takes_nothing_is_never_waited_for_again(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *reader = wire_open(live.path);
    struct ledger ledger = { .sid = SID };
    uint64_t number = 0;

    kit_deadline(60);
    wire_sub(reader, &(struct wire_sub){ .sid = SID, .pattern = "x", .queue_messages = QUEUE });
    wire_block(reader, pub);
    publish(pub, &number, 10);
    assert_in_range(barrier_ms(pub), 900, 1400);
    const int64_t stalled_ns = kit_now_ns();
    for (int i = 0; i < 14; i++) {
        sleep_until(stalled_ns + i * 1000 * MS);
        publish(pub, &number, 10);
        assert_in_range(barrier_ms(pub), 0, 400);
    }
    read_all(reader, &ledger);
    ledger_expect(&ledger, number);
    assert_int_equal(ledger.delivered, QUEUE);
    /* Seen to read within a second, it is waited for. */
    sleep_until(kit_now_ns() + 1500 * MS);
    fill_again(reader, pub);
    publish(pub, &number, 10);
    wire_ping(pub, 901);
    struct wire_frame f;
    assert_int_equal(wire_wait(pub, &f, 300), -ETIMEDOUT);
    read_all(reader, &ledger);
    wire_expect_pong(pub, 901);
    read_all(reader, &ledger);
    ledger_expect(&ledger, number);
    assert_int_equal(ledger.delivered, QUEUE + 10);
    wire_close(pub);
    wire_close(reader);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_stuck_reader_is_not_waited_for_for_ten_seconds),
        kit_test(one_that_takes_nothing_is_never_waited_for_again),
    };
    return kit_run("long-wait", tests, KIT_LENGTH(tests));
}
