/* What a publisher sent is routed as it was sent, however it was cut, and whatever else the broker does meanwhile. */
#include <sys/socket.h>

#include "tests/kit/ledger.h"
#include "tests/live/live.h"

static void put_numbers(struct wire *pub, size_t len, uint64_t from, uint64_t to)
{
    uint8_t payload[2000];

    wire_cork(pub);
    for (uint64_t n = from; n < to; n++) {
        ledger_payload(payload, len, n);
        wire_publish(pub, "x", payload, len);
    }
}

/* A frame that is cut is kept apart from what the next read brings, and the answer to it writes over nothing. */
static void a_frame_may_be_cut_anywhere_with_more_behind_it(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path),
                *other = wire_open(live.path);
    struct ledger ledger = { .sid = 1 };
    uint64_t number = 0;
    static const uint8_t ping[] = { 0, 0, 0, 3, 0x92, OP_PING, 77 };

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x" });
    for (size_t cut = 1; cut < sizeof(ping) + 40; cut++) {
        wire_cork(pub);
        wire_bytes(pub, ping, sizeof(ping));
        put_numbers(pub, 50, number, number + 20);
        wire_ping(pub, 78);
        number += 20;

        size_t len = pub->out.used - pub->out.at;
        const uint8_t *bytes = pub->out.p + pub->out.at;
        raw_send(pub->fd, bytes, cut);
        wire_barrier(other); /* the first part has been read */
        raw_send(pub->fd, bytes + cut, len - cut);
        pub->out.at = pub->out.used = 0;
        wire_expect_pong(pub, 77);
        wire_expect_pong(pub, 78);
    }
    wire_ping(sub, 900);
    ledger_read_to_pong(&ledger, 1, sub, 900);
    ledger_expect(&ledger, number);
    assert_int_equal(ledger.lost, 0);
    wire_close(pub);
    wire_close(sub);
    wire_close(other);
    live_end(&live);
}

/* What a held publisher has sent lies in the broker while others are read and answered. */
static void what_waits_is_not_mixed_with_what_others_send(void **state)
{
    (void)state;
    static const size_t lens[] = { 20, 100, 1900 };
    struct live live = live_begin();

    for (size_t i = 0; i < KIT_LENGTH(lens); i++) {
        struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
        struct wire *others[4];
        struct ledger ledger = { .sid = 1 };
        const uint64_t n_sent = 150000 / (lens[i] + 22); /* all of it fits its socket */

        for (size_t j = 0; j < KIT_LENGTH(others); j++)
            others[j] = wire_open(live.path);
        wire_sub(others[1], &(struct wire_sub){ .sid = 1, .pattern = "talk" });
        wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x", .queue_messages = 3 });
        struct wire_frame f;
        wire_block(sub, pub);
        sub->read_max = 60000;
        put_numbers(pub, lens[i], 0, n_sent);
        wire_ping(pub, 77);
        wire_flush(pub);
        for (int n = 0; n < 20; n++) {
            for (size_t j = 0; j < KIT_LENGTH(others); j++) {
                wire_publish(others[j], "talk", "some words", 10);
                wire_ping(others[j], 5);
            }
            wire_sub_send(others[0], &(struct wire_sub){ .sid = (uint32_t)n + 1, .pattern = "y" });
            wire_take(sub, &f); /* of the filler, lest it be called stuck */
        }
        sub->read_max = 0;
        while (ledger.next < n_sent) {
            wire_next(sub, &f);
            ledger_enter(&ledger, sub, &f);
        }
        assert_int_equal(ledger.lost, 0);
        wire_expect_pong(pub, 77);
        wire_close(pub);
        wire_close(sub);
        for (size_t j = 0; j < KIT_LENGTH(others); j++)
            wire_close(others[j]);
    }
    live_end(&live);
}

/* Sixteen readers of one stream, with a SELECT of 200 bytes in front of every message and each shifted by some bytes:
 * wherever the kernel stops taking it, in a SELECT or in a message, it goes on with the next byte. */
static void what_comes_out_may_be_cut_anywhere(void **state)
{
    (void)state;
    enum { N_SUBS = 16, N = 4000, LEN = 1450, SHIFT = 107, N_SIDS = 60 };
    static const char *const subjects[] = { "x", "y" };
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *subs[N_SUBS];
    uint8_t payload[N_SUBS * SHIFT] = { 0 }, expected[LEN];
    struct wire_frame f;

    for (uint32_t i = 0; i < N_SUBS; i++) {
        subs[i] = wire_open(live.path);
        for (uint32_t sid = 1000; sid < 1000 + 2 * N_SIDS; sid++)
            wire_sub(subs[i], &(struct wire_sub){ .sid = sid, .pattern = subjects[sid % 2] });
        wire_sub(subs[i], &(struct wire_sub){ .sid = 3, .pattern = "shift", .after = 1 });
        wire_publish(pub, "shift", payload, i * SHIFT);
        wire_expect(subs[i], OP_MESSAGE, &f);
        wire_expect_ended(subs[i], 3);
    }
    wire_cork(pub);
    for (uint64_t n = 0; n < N; n++) {
        ledger_payload(payload, LEN, n);
        wire_publish(pub, subjects[n % 2], payload, LEN);
    }
    wire_flush(pub);
    wire_barrier(pub);
    for (uint32_t i = 0; i < N_SUBS; i++) {
        for (uint64_t n = 0; n < N; n++) {
            wire_expect(subs[i], OP_MESSAGE, &f);
            ledger_payload(expected, LEN, n);
            assert_int_equal(f.frame.payload_len, LEN);
            assert_memory_equal(f.frame.payload, expected, LEN);
            assert_int_equal(f.frame.subject[0], *subjects[n % 2]);
            assert_int_equal(subs[i]->n_sids, N_SIDS);
            assert_int_equal(subs[i]->sids[0] % 2, n % 2);
        }
        wire_close(subs[i]);
    }
    wire_close(pub);
    live_end(&live);
}

/* Behind a GOODBYE nothing counts, not even more of the same subject. */
static void nothing_behind_a_goodbye_is_looked_at(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    struct envelope goodbye = { .op = OP_GOODBYE };

    goodbye.goodbye.status = STATUS_LEFT;
    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = ">" });
    wire_cork(pub);
    wire_publish(pub, "x", "1", 1);
    wire_publish(pub, "x", "2", 1);
    wire_send(pub, &goodbye);
    wire_publish(pub, "x", "3", 1);
    wire_publish(pub, "y", "4", 1);
    wire_flush(pub);
    shutdown(pub->fd, SHUT_WR);
    raw_expect_eof(pub->fd);
    wire_expect_text(sub, "x", "1");
    wire_expect_text(sub, "x", "2");
    wire_expect_nothing(sub);
    assert_int_equal(wire_stat(live.path, "left"), 1);
    wire_close(pub);
    wire_close(sub);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_frame_may_be_cut_anywhere_with_more_behind_it),
        kit_test(what_waits_is_not_mixed_with_what_others_send),
        kit_test(what_comes_out_may_be_cut_anywhere),
        kit_test(nothing_behind_a_goodbye_is_looked_at),
    };
    return kit_run("input", tests, KIT_LENGTH(tests));
}
