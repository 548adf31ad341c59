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
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path), *other = wire_open(live.path);
    struct ledger ledger = {.sid = 1};
    uint64_t number = 0;
    static const uint8_t ping[] = {0, 0, 0, 3, 0x92, OP_PING, 77};

    wire_sub(sub, &(struct wire_sub){.sid = 1, .pattern = "x"});
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
    static const size_t lens[] = {20, 100, 1900};
    struct live live = live_begin();

    for (size_t i = 0; i < KIT_LENGTH(lens); i++) {
        struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
        struct wire *others[4];
        struct ledger ledger = {.sid = 1};
        const uint64_t n_sent = 150000 / lens[i];

        for (size_t j = 0; j < KIT_LENGTH(others); j++)
            others[j] = wire_open(live.path);
        wire_sub(others[1], &(struct wire_sub){.sid = 1, .pattern = "talk"});
        wire_sub(sub, &(struct wire_sub){.sid = 1, .pattern = "x", .queue_messages = 3});
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
            wire_sub_send(others[0], &(struct wire_sub){.sid = (uint32_t)n + 1, .pattern = "y"});
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

/* Behind a GOODBYE nothing counts, not even more of the same subject. */
static void nothing_behind_a_goodbye_is_looked_at(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    struct envelope goodbye = {.op = OP_GOODBYE};

    goodbye.goodbye.status = STATUS_LEFT;
    wire_sub(sub, &(struct wire_sub){.sid = 1, .pattern = ">"});
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
        kit_test(nothing_behind_a_goodbye_is_looked_at),
    };
    return kit_run("input", tests, KIT_LENGTH(tests));
}
