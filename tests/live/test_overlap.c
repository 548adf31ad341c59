/* Losses where things overlap: several subscriptions of one connection, runs cut in the middle, and the books of
 * every policy with payloads of all sizes. */
#include "tests/kit/ledger.h"
#include "tests/live/live.h"

static void publish_numbers(struct wire *pub, const char *subject, size_t len, uint64_t from,
                            uint64_t to)
{
    uint8_t *payload = malloc(len);

    assert_non_null(payload);
    wire_cork(pub);
    for (uint64_t n = from; n < to; n++) {
        ledger_payload(payload, len, n);
        wire_publish(pub, subject, payload, len);
    }
    wire_flush(pub);
    free(payload);
}

/* -- several subscriptions of one connection ------------------------------------------------- */

static void one_subscription_drops_and_the_other_does_not(void **state)
{
    (void)state;
    static const enum policy policies[] = { POLICY_DROP_OLD, POLICY_DROP_NEW };
    struct live live = live_begin();

    for (size_t i = 0; i < KIT_LENGTH(policies); i++) {
        struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
        struct ledger ledgers[] = { { .sid = 1 }, { .sid = 2 }, { .sid = 3 } };

        wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x", .policy = POLICY_DROP_NEW });
        wire_sub(sub, &(struct wire_sub){
                          .sid = 2, .pattern = "x", .policy = policies[i], .queue_messages = 7 });
        wire_sub(sub, &(struct wire_sub){
                          .sid = 3, .pattern = "x", .policy = policies[!i], .queue_bytes = 400 });
        wire_block(sub, pub);
        publish_numbers(pub, "x", 50, 0, 5);
        publish_numbers(pub, "x", 50, 5, 100);
        wire_barrier(pub);
        wire_unblock(sub);
        wire_ping(sub, 1000);
        ledger_read_to_pong(ledgers, 3, sub, 1000);
        assert_int_equal(ledgers[0].delivered, 100);
        assert_int_equal(ledgers[0].lost, 0);
        assert_int_equal(ledgers[1].delivered, 7);
        assert_int_equal(ledgers[1].lost, 93);
        assert_int_equal(ledgers[1].n_gaps, 1);
        assert_int_equal(ledgers[2].delivered, 5); /* of 72 bytes */
        assert_int_equal(ledgers[2].lost, 95);
        assert_int_equal(ledgers[2].n_gaps, 1);
        wire_close(pub);
        wire_close(sub);
    }
    live_end(&live);
}

/* One that would disconnect takes the whole connection, what the others have queued arrives first. */
static void disconnect_beside_another_policy(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    struct ledger ledgers[] = { { .sid = 1 }, { .sid = 2 } };
    struct wire_frame f;

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x", .policy = POLICY_DROP_NEW });
    wire_sub(sub, &(struct wire_sub){
                      .sid = 2, .pattern = "x", .policy = POLICY_DISCONNECT, .queue_messages = 7 });
    wire_block(sub, pub);
    publish_numbers(pub, "x", 50, 0, 20);
    wire_barrier(pub);
    wire_unblock(sub);
    for (wire_next(sub, &f); f.op != OP_GOODBYE; wire_next(sub, &f)) {
        for (size_t i = 0; i < 2; i++)
            ledger_enter(&ledgers[i], sub, &f);
    }
    assert_int_equal(f.envelope.goodbye.status, STATUS_TOO_SLOW);
    assert_int_equal(ledgers[0].delivered, 7);
    assert_int_equal(ledgers[1].delivered, 7);
    wire_close(pub);
    wire_close(sub);
    live_end(&live);
}

/* Messages of two subjects, one of which two subscriptions share: runs of all audiences are cut. */
static void runs_are_cut_at_message_boundaries(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    struct wire_frame f;
    uint64_t next[3] = { 0 }, lost[3] = { 0 }, n_x = 0, n_y = 0;

    wire_sub(sub, &(struct wire_sub){
                      .sid = 1, .pattern = "*", .policy = POLICY_DROP_OLD, .queue_messages = 13 });
    wire_sub(sub, &(struct wire_sub){
                      .sid = 2, .pattern = "x", .policy = POLICY_DROP_OLD, .queue_messages = 5 });
    wire_block(sub, pub);
    for (uint64_t n = 0; n < 120; n++) { /* payloads of many lengths, in runs of ten */
        uint8_t payload[128];
        ledger_payload(payload, sizeof(payload), n);
        bool is_x = n / 10 % 2 == 0;
        wire_cork(pub);
        wire_publish(pub, is_x ? "x" : "y", payload, 8 + n % 100);
        n_x += is_x;
        n_y += !is_x;
        if (n % 10 == 9)
            wire_flush(pub);
    }
    wire_barrier(pub);
    wire_unblock(sub);
    wire_ping(sub, 1000);
    for (wire_next(sub, &f); f.op != OP_PONG; wire_next(sub, &f)) {
        if (f.op == OP_GAP)
            lost[f.envelope.gap.sid] += f.envelope.gap.count;
        if (f.op != OP_MESSAGE)
            continue;
        uint64_t number;
        memcpy(&number, f.frame.payload, sizeof(number));
        assert_int_equal(f.frame.payload_len, 8 + number % 100);
        for (size_t i = 0; i < sub->n_sids; i++)
            next[sub->sids[i]]++;
    }
    assert_int_equal(next[1], 13);
    assert_int_equal(next[1] + lost[1], n_x + n_y);
    assert_int_equal(next[2], 5);
    assert_int_equal(next[2] + lost[2], n_x);
    wire_close(pub);
    wire_close(sub);
    live_end(&live);
}

/* -- the books ------------------------------------------------------------------------------- */

/* The reader takes a bite now and then, so that the broker is caught with half-sent messages, preambles and gaps. */
static void nibble(struct ledger *ledger, struct wire *sub, int n_frames)
{
    struct wire_frame f;

    while (n_frames-- > 0 && wire_take(sub, &f))
        ledger_enter(ledger, sub, &f);
}

static void keep_books(struct live *live, enum policy policy, size_t len, uint64_t n_bursts,
                       uint64_t burst)
{
    struct wire *pub = wire_open(live->path), *sub = wire_open(live->path);
    struct ledger ledger = { .sid = 1 };

    /* Of the large ones a queue is more than the kernel takes at once, so it is seen half empty. */
    wire_sub(sub, &(struct wire_sub){ .sid = 1,
                                      .pattern = "x",
                                      .policy = policy,
                                      .queue_messages = 50,
                                      .queue_bytes = (len < 1 << 20 ? 45 : 7) * (len + 22) });
    wire_block(sub, pub);
    sub->read_max = len < 1000 ? 1000 : 100000;
    for (uint64_t i = 0; i < n_bursts; i++) {
        publish_numbers(pub, "x", len, i * burst, (i + 1) * burst);
        wire_barrier(pub);
        nibble(&ledger, sub, (int)(i * 7 % 23));
    }
    wire_ping(sub, 1000);
    ledger_read_to_pong(&ledger, 1, sub, 1000);
    ledger_expect(&ledger, n_bursts * burst);
    assert_int_equal(wire_client_number(live->path, sub->id, "lost"), ledger.lost);
    assert_true(ledger.lost > 0);
    assert_true(ledger.delivered > 0);
    wire_close(pub);
    wire_close(sub);
}

static const struct {
    size_t len;
    uint64_t n_bursts;
    uint64_t burst;
} sizes[] = { { 1, 400, 40 }, { 100, 300, 40 }, { 64 << 10, 100, 20 }, { 1 << 20, 50, 2 } };

static void all_that_drop_old_lost_is_announced(void **state)
{
    (void)state;
    struct live live = live_begin();

    for (size_t i = 0; i < KIT_LENGTH(sizes); i++)
        keep_books(&live, POLICY_DROP_OLD, sizes[i].len, sizes[i].n_bursts, sizes[i].burst);
    live_end(&live);
}

static void all_that_drop_new_lost_is_announced(void **state)
{
    (void)state;
    struct live live = live_begin();

    for (size_t i = 0; i < KIT_LENGTH(sizes); i++)
        keep_books(&live, POLICY_DROP_NEW, sizes[i].len, sizes[i].n_bursts, sizes[i].burst);
    live_end(&live);
}

/* Of `latest` the places of gaps do not say which message is missing: their sum does, and the last of each subject
 * is never lost. */
static void all_that_latest_replaced_is_announced(void **state)
{
    (void)state;
    struct live live = live_begin();

    for (size_t i = 0; i < KIT_LENGTH(sizes); i++) {
        struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
        uint8_t *payload = malloc(sizes[i].len);
        const uint64_t n_sent = sizes[i].n_bursts * sizes[i].burst;
        uint64_t delivered = 0, lost = 0;
        uint8_t last[4] = { 0 };
        struct wire_frame f;

        wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x.*", .policy = POLICY_LATEST });
        for (uint64_t n = 0; n < n_sent; n++) {
            const char subject[] = { 'x', '.', (char)('0' + n % 4), '\0' };
            ledger_payload(payload, sizes[i].len, n);
            wire_publish(pub, subject, payload, sizes[i].len);
            if (n % 16 == 0)
                wire_barrier(pub);
        }
        wire_barrier(pub);
        wire_ping(sub, 1000);
        for (wire_next(sub, &f); f.op != OP_PONG; wire_next(sub, &f)) {
            delivered += f.op == OP_MESSAGE;
            lost += f.op == OP_GAP ? f.envelope.gap.count : 0;
            if (f.op == OP_GAP)
                assert_int_equal(f.envelope.gap.reason, GAP_REPLACED);
            if (f.op == OP_MESSAGE)
                last[f.frame.subject[2] - '0'] = f.frame.payload[0];
        }
        assert_int_equal(delivered + lost, n_sent);
        for (uint64_t n = n_sent - 4; n < n_sent; n++)
            assert_int_equal(last[n % 4], n % 256);
        free(payload);
        wire_close(pub);
        wire_close(sub);
    }
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(one_subscription_drops_and_the_other_does_not),
        kit_test(disconnect_beside_another_policy),
        kit_test(runs_are_cut_at_message_boundaries),
        kit_test(all_that_drop_old_lost_is_announced),
        kit_test(all_that_drop_new_lost_is_announced),
        kit_test(all_that_latest_replaced_is_announced),
    };
    return kit_run("overlap", tests, KIT_LENGTH(tests));
}
