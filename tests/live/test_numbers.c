/* What a publisher is told: REFUSED by number, CONFIRMED, PONG; and the one order that all see. */
#include "tests/live/live.h"

static void say(struct wire *wire, const char *subject)
{
    wire_publish(wire, subject, "x", 1);
}

/* -- refused --------------------------------------------------------------------------------- */

static void a_row_of_equal_refusals_is_one_frame(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = ">" });
    wire_cork(pub);
    say(pub, "a");      /* 1 */
    say(pub, "$SYS.a"); /* 2 */
    say(pub, "$SYS.b"); /* 3 */
    say(pub, "a..b");   /* 4 */
    say(pub, "a b");    /* 5 */
    say(pub, "");       /* 6 */
    say(pub, "b");      /* 7 */
    say(pub, "a..b");   /* 8 */
    say(pub, "c");      /* 9 */
    wire_ping(pub, 70);
    say(pub, "$SYS.a"); /* 10 */
    wire_ping(pub, 71);
    say(pub, "$SYS.a"); /* 11: what a PONG has covered is not told again */
    wire_ping(pub, 72);
    wire_flush(pub);

    wire_expect_refused(pub, 2, 3, STATUS_RESERVED);
    wire_expect_refused(pub, 4, 6, STATUS_BAD_SUBJECT);
    wire_expect_refused(pub, 8, 8, STATUS_BAD_SUBJECT);
    wire_expect_pong(pub, 70);
    wire_expect_refused(pub, 10, 10, STATUS_RESERVED);
    wire_expect_pong(pub, 71);
    wire_expect_refused(pub, 11, 11, STATUS_RESERVED);
    wire_expect_pong(pub, 72);

    wire_expect_text(sub, "a", "x");
    wire_expect_text(sub, "b", "x");
    wire_expect_text(sub, "c", "x");
    wire_expect_nothing(sub);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

/* A refusal is not kept back until the publisher asks. */
static void refusals_come_unasked(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path);

    for (uint64_t n = 1; n <= 3; n++) {
        say(pub, "$SYS.a");
        wire_expect_refused(pub, n, n, STATUS_RESERVED);
    }
    wire_close(pub);
    live_end(&live);
}

static void each_cause_has_its_status(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    static const struct {
        const char *subject;
        uint32_t word;
        enum status status;
    } rows[] = {
        { "$SYS.event.came", 0, STATUS_RESERVED },
        { "a.*", 0, STATUS_BAD_SUBJECT },
        { "a.>", 0, STATUS_BAD_SUBJECT },
        { "*", 0, STATUS_BAD_SUBJECT },
        { ".a", 0, STATUS_BAD_SUBJECT },
        { "a.", 0, STATUS_BAD_SUBJECT },
        { "a\xc2\xa0.b", 0, STATUS_BAD_SUBJECT },
        { "a\xff", 0, STATUS_BAD_SUBJECT },
        { "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", 0, STATUS_BAD_SUBJECT },
        { "a", UINT32_C(1) << 28, STATUS_BAD_FIELD },
        { "a", UINT32_C(1) << 29, STATUS_BAD_FIELD },
        { "a", UINT32_C(1) << 16, STATUS_UNSUPPORTED },
        { "a", UINT32_C(255) << 16, STATUS_UNSUPPORTED },
    };

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = ">" });
    say(pub, "a"); /* so that the broker knows the subject */
    for (size_t i = 0; i < KIT_LENGTH(rows); i++) {
        wire_message(pub, &(struct frame){ .op = OP_MESSAGE,
                                           .word = rows[i].word,
                                           .subject = rows[i].subject,
                                           .subject_len = strlen(rows[i].subject) });
        wire_expect_refused(pub, i + 2, i + 2, rows[i].status);
    }
    /* an element more than version 1 has */
    raw_send_frame(pub->fd,
                   "\x95\x20\xce\x00\x00\x00\x00\xcf\x00\x00\x00\x00\x00\x00\x00\x00\xa1"
                   "a\x07",
                   19);
    wire_expect_refused(pub, KIT_LENGTH(rows) + 2, KIT_LENGTH(rows) + 2, STATUS_UNSUPPORTED);
    wire_expect_text(sub, "a", "x");
    wire_expect_nothing(sub);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

/* -- confirmed ------------------------------------------------------------------------------- */

static void confirm_counts_since_the_confirm_before(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *a = wire_open(live.path), *b = wire_open(live.path);

    wire_sub(a, &(struct wire_sub){ .sid = 1, .pattern = "x.*" });
    wire_sub(a, &(struct wire_sub){ .sid = 2, .pattern = "x.1" });
    wire_sub(a, &(struct wire_sub){ .sid = 3, .pattern = "x.>", .group = "g" });
    wire_sub(b, &(struct wire_sub){ .sid = 1, .pattern = "x.*", .group = "g" });
    wire_sub(b, &(struct wire_sub){ .sid = 2, .pattern = "x.1", .group = "h" });

    wire_confirm(pub, 5);
    wire_expect_confirmed(pub, 5, 0, 0, 0);
    wire_cork(pub);
    say(pub, "x.1"); /* x.*, x.1, g, h */
    say(pub, "x.1");
    say(pub, "x.2"); /* x.*, g */
    say(pub, "$SYS.no");
    say(pub, "nobody");
    wire_confirm(pub, 6);
    wire_confirm(pub, 7);
    say(pub, "x.2");
    say(pub, "x.3.4"); /* g */
    wire_confirm(pub, 7);
    wire_flush(pub);
    wire_expect_refused(pub, 4, 4, STATUS_RESERVED);
    wire_expect_confirmed(pub, 6, 5, 10, 1);
    wire_expect_confirmed(pub, 7, 5, 0, 0);
    wire_expect_confirmed(pub, 7, 7, 3, 0);
    assert_int_equal(wire_stat(live.path, "messages-unmatched"), 1);
    assert_int_equal(wire_stat(live.path, "messages-refused"), 1);
    wire_close(a);
    wire_close(b);
    wire_close(pub);
    live_end(&live);
}

static void a_message_dropped_for_want_of_room_is_matched(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);

    wire_sub(sub, &(struct wire_sub){
                      .sid = 1, .pattern = "x", .policy = POLICY_DROP_NEW, .queue_messages = 2 });
    wire_block(sub, pub);
    wire_confirm(pub, 1); /* the filler */
    wire_expect_confirmed(pub, 1, 64, 64, 0);
    for (int i = 0; i < 5; i++)
        say(pub, "x");
    wire_confirm(pub, 2);
    wire_expect_confirmed(pub, 2, 69, 5, 0);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

/* -- order ----------------------------------------------------------------------------------- */

static void pong_comes_behind_all_that_was_routed_before(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *self = wire_open(live.path);
    struct wire_frame f;
    uint64_t n = 0;

    wire_sub(self, &(struct wire_sub){ .sid = 1, .pattern = "x.*" });
    wire_cork(self);
    for (uint64_t i = 0; i < 300; i++) {
        wire_publish(self, i % 3 ? "x.1" : "x.2", &i, sizeof(i));
        if (i % 10 == 9)
            wire_ping(self, 1000 + i);
    }
    wire_flush(self);
    for (uint64_t ponged = 0; ponged < 300; ponged += 10) {
        for (wire_next_but_select(self, &f); f.op == OP_MESSAGE; wire_next_but_select(self, &f)) {
            assert_memory_equal(f.frame.payload, &n, sizeof(n));
            n++;
        }
        assert_int_equal(f.op, OP_PONG);
        assert_int_equal(f.envelope.ref, 1000 + ponged + 9);
        assert_int_equal(n, ponged + 10);
    }
    wire_close(self);
    live_end(&live);
}

static void two_subscribers_see_two_publishers_in_one_order(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pubs[2], *subs[2];
    struct wire_frame f;
    uint64_t order[200], next[2] = { 0 };

    for (int i = 0; i < 2; i++) {
        pubs[i] = wire_open(live.path);
        subs[i] = wire_open(live.path);
        wire_sub(subs[i], &(struct wire_sub){ .sid = 1, .pattern = i ? "o.*" : ">" });
    }
    for (uint64_t i = 0; i < 200; i++)
        wire_publish(pubs[i % 2], i % 4 < 2 ? "o.a" : "o.b", &i, sizeof(i));
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < 200; i++) {
            uint64_t number;
            wire_expect(subs[s], OP_MESSAGE, &f);
            memcpy(&number, f.frame.payload, sizeof(number));
            assert_int_equal(f.frame.id, pubs[number % 2]->id);
            if (s == 1) {
                assert_int_equal(number, order[i]);
                continue;
            }
            order[i] = number;
            assert_int_equal(number / 2, next[number % 2]);
            next[number % 2]++;
        }
    }
    for (int i = 0; i < 2; i++) {
        wire_close(pubs[i]);
        wire_close(subs[i]);
    }
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_row_of_equal_refusals_is_one_frame),
        kit_test(refusals_come_unasked),
        kit_test(each_cause_has_its_status),
        kit_test(confirm_counts_since_the_confirm_before),
        kit_test(a_message_dropped_for_want_of_room_is_matched),
        kit_test(pong_comes_behind_all_that_was_routed_before),
        kit_test(two_subscribers_see_two_publishers_in_one_order),
    };
    return kit_run("numbers", tests, KIT_LENGTH(tests));
}
