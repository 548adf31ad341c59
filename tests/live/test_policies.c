/* The five policies on a full queue: what goes, what is announced, where. */
#include "tests/kit/ledger.h"
#include "tests/live/live.h"

/* A reader whose socket stands full before the subscription under test has anything queued. */
struct stage {
    struct live live;
    struct wire *pub;
    struct wire *sub;
};

static struct stage stage_begin(const struct wire_sub *sub)
{
    struct stage stage = { .live = live_begin() };

    stage.pub = wire_open(stage.live.path);
    stage.sub = wire_open(stage.live.path);
    wire_sub(stage.sub, sub);
    wire_block(stage.sub, stage.pub);
    return stage;
}

static void stage_end(struct stage *stage)
{
    wire_close(stage->pub);
    wire_close(stage->sub);
    live_end(&stage->live);
}

/** Publishes single letters, each on @p subject or, without one, on "x.LETTER". */
static void say(struct stage *stage, const char *subject, const char *letters)
{
    wire_cork(stage->pub);
    for (; *letters; letters++) {
        const char own[] = { 'x', '.', *letters, '\0' };
        wire_publish(stage->pub, subject ? subject : own, letters, 1);
    }
    wire_flush(stage->pub);
    wire_barrier(stage->pub);
}

static void expect_letters(struct stage *stage, const char *letters)
{
    struct wire_frame f;

    for (; *letters; letters++) {
        wire_expect(stage->sub, OP_MESSAGE, &f);
        assert_int_equal(f.frame.payload_len, 1);
        assert_int_equal(f.frame.payload[0], *letters);
    }
}

/* -- one policy each ------------------------------------------------------------------------- */

static void drop_old_announces_in_front_of_what_is_left(void **state)
{
    (void)state;
    struct stage s = stage_begin(&(struct wire_sub){
        .sid = 1, .pattern = "x", .policy = POLICY_DROP_OLD, .queue_messages = 4 });

    say(&s, "x", "abcd");
    say(&s, "x", "e");
    say(&s, "x", "fghij");
    wire_unblock(s.sub);
    wire_expect_gap(s.sub, 1, 6, GAP_DROPPED_OLD);
    expect_letters(&s, "ghij");
    wire_expect_nothing(s.sub);
    say(&s, "x", "k"); /* and it goes on as if nothing had been */
    expect_letters(&s, "k");
    assert_int_equal(wire_stat(s.live.path, "lost-drop-old"), 6);
    assert_int_equal(wire_stat(s.live.path, "gaps"), 1);
    assert_int_equal(wire_client_number(s.live.path, s.sub->id, "lost"), 6);
    stage_end(&s);
}

static void drop_new_announces_behind_what_is_queued(void **state)
{
    (void)state;
    struct stage s = stage_begin(&(struct wire_sub){
        .sid = 1, .pattern = "x", .policy = POLICY_DROP_NEW, .queue_messages = 4 });

    say(&s, "x", "abcdefg");
    say(&s, "x", "hij");
    wire_unblock(s.sub);
    expect_letters(&s, "abcd");
    wire_expect_gap(s.sub, 1, 6, GAP_DROPPED_NEW);
    say(&s, "x", "k");
    expect_letters(&s, "k");
    wire_expect_nothing(s.sub);
    assert_int_equal(wire_stat(s.live.path, "lost-drop-new"), 6);
    stage_end(&s);
}

static void latest_replaces_and_takes_the_place_at_the_end(void **state)
{
    (void)state;
    struct stage s = stage_begin(&(struct wire_sub){
        .sid = 1, .pattern = "x.*", .policy = POLICY_LATEST, .queue_messages = 4 });

    say(&s, NULL, "abc");
    say(&s, NULL, "a"); /* b c a, one replaced in front of b */
    say(&s, NULL, "a"); /* b c a, another between c and a */
    wire_unblock(s.sub);
    wire_expect_gap(s.sub, 1, 1, GAP_REPLACED);
    expect_letters(&s, "bc");
    wire_expect_gap(s.sub, 1, 1, GAP_REPLACED);
    expect_letters(&s, "a");
    wire_expect_nothing(s.sub);
    assert_int_equal(wire_stat(s.live.path, "lost-latest"), 2);
    stage_end(&s);
}

static void latest_drops_the_oldest_when_full(void **state)
{
    (void)state;
    struct stage s = stage_begin(&(struct wire_sub){
        .sid = 1, .pattern = "x.*", .policy = POLICY_LATEST, .queue_messages = 4 });

    say(&s, NULL, "abcdef"); /* a and b made room */
    say(&s, NULL, "d");      /* c e f d */
    say(&s, NULL, "a");      /* e f d a: the dropped a is not there to be replaced */
    wire_unblock(s.sub);
    wire_expect_gap(s.sub, 1, 3, GAP_DROPPED_OLD);
    wire_expect_gap(s.sub, 1, 1, GAP_REPLACED); /* the old d, which stood between c and e */
    expect_letters(&s, "efda");
    wire_expect_nothing(s.sub);
    stage_end(&s);
}

/* Gaps of one reason that come to touch are one, in whatever order they were made. */
static void gaps_that_touch_are_one(void **state)
{
    (void)state;
    struct stage s =
        stage_begin(&(struct wire_sub){ .sid = 1, .pattern = "x.*", .policy = POLICY_LATEST });

    say(&s, NULL, "abcde");
    say(&s, NULL, "bdac"); /* replaced b, then d, then a in front of b, then c between all */
    wire_unblock(s.sub);
    wire_expect_gap(s.sub, 1, 4, GAP_REPLACED);
    expect_letters(&s, "ebdac");
    wire_expect_nothing(s.sub);
    stage_end(&s);
}

static void disconnect_ends_the_connection_behind_what_is_queued(void **state)
{
    (void)state;
    struct stage s = stage_begin(&(struct wire_sub){
        .sid = 1, .pattern = "x", .policy = POLICY_DISCONNECT, .queue_messages = 4 });

    say(&s, "x", "abcd");
    wire_confirm(s.pub, 1);
    wire_expect_confirmed(s.pub, 1, 68, 68, 0);
    say(&s, "x", "e");
    say(&s, "x", "f"); /* it is no longer there */
    wire_confirm(s.pub, 2);
    wire_expect_confirmed(s.pub, 2, 70, 1, 0);
    wire_unblock(s.sub);
    expect_letters(&s, "abcd");
    wire_expect_goodbye(s.sub, STATUS_TOO_SLOW);
    assert_int_equal(wire_stat(s.live.path, "expelled"), 1);
    stage_end(&s);
}

/* What a stuck reader that waits costs is in test_wait.c; here that it loses by the same rules. */
static void wait_holds_the_publisher_then_announces_stalled(void **state)
{
    (void)state;
    struct stage s = stage_begin(
        &(struct wire_sub){ .sid = 1, .pattern = "x", .policy = POLICY_WAIT, .queue_messages = 4 });

    say(&s, "x", "abcd");
    int64_t start_ns = kit_now_ns();
    say(&s, "x", "efghij");
    assert_in_range(kit_now_ns() - start_ns, 0, INT64_C(1500) * 1000000);
    wire_unblock(s.sub);
    wire_expect_gap(s.sub, 1, 6, GAP_STALLED);
    expect_letters(&s, "ghij");
    wire_expect_nothing(s.sub);
    assert_int_equal(wire_stat(s.live.path, "lost-stuck"), 6);
    stage_end(&s);
}

/* -- how full is full ------------------------------------------------------------------------ */

/* Both ways through the broker: messages of a group are handled one by one, others in runs. */
static void bytes_count_as_well_as_messages(void **state)
{
    (void)state;
    /* A frame on "x" with an empty payload is 22 bytes: 4 of length, 17 of envelope, 1 of subject. */
    enum { FRAME = 22, PAYLOAD = 78 };
    static const char *const groups[] = { NULL, "g" };
    uint8_t payload[PAYLOAD + 1];
    struct wire_frame f;

    for (size_t i = 0; i < KIT_LENGTH(groups); i++) {
        struct stage s = stage_begin(&(struct wire_sub){ .sid = 1,
                                                         .pattern = "x",
                                                         .group = groups[i],
                                                         .policy = POLICY_DROP_OLD,
                                                         .queue_bytes = 3 * (FRAME + PAYLOAD) });
        for (int n = 0; n < 3; n++) {
            memset(payload, 'a' + n, sizeof(payload));
            wire_publish(s.pub, "x", payload, PAYLOAD);
            wire_barrier(s.pub);
        }
        assert_int_equal(wire_stat(s.live.path, "lost-drop-old"), 0); /* exactly full */
        memset(payload, 'd', sizeof(payload));
        wire_publish(s.pub, "x", payload, PAYLOAD + 1); /* a byte more than one makes room for */
        wire_barrier(s.pub);
        wire_unblock(s.sub);
        wire_expect_gap(s.sub, 1, 2, GAP_DROPPED_OLD);
        wire_expect(s.sub, OP_MESSAGE, &f);
        assert_int_equal(f.frame.payload[0], 'c');
        wire_expect(s.sub, OP_MESSAGE, &f);
        assert_int_equal(f.frame.payload_len, PAYLOAD + 1);
        wire_expect_nothing(s.sub);
        stage_end(&s);
    }
}

static void a_single_message_always_fits_an_empty_queue(void **state)
{
    (void)state;
    static const enum policy policies[] = { POLICY_DROP_OLD, POLICY_DROP_NEW, POLICY_LATEST,
                                            POLICY_DISCONNECT, POLICY_WAIT };
    uint8_t *payload = calloc(1, 1 << 20);
    struct wire_frame f;

    assert_non_null(payload);
    for (size_t i = 0; i < KIT_LENGTH(policies); i++) {
        struct stage s = stage_begin(&(struct wire_sub){ .sid = 1,
                                                         .pattern = "x.*",
                                                         .policy = policies[i],
                                                         .queue_bytes = 1,
                                                         .queue_messages = 1 });
        wire_publish(s.pub, "x.a", payload, 1 << 20);
        wire_barrier(s.pub);
        wire_unblock(s.sub);
        wire_expect(s.sub, OP_MESSAGE, &f);
        assert_int_equal(f.frame.payload_len, 1 << 20);
        wire_expect_nothing(s.sub);
        stage_end(&s);
    }
    free(payload);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(drop_old_announces_in_front_of_what_is_left),
        kit_test(drop_new_announces_behind_what_is_queued),
        kit_test(latest_replaces_and_takes_the_place_at_the_end),
        kit_test(latest_drops_the_oldest_when_full),
        kit_test(gaps_that_touch_are_one),
        kit_test(disconnect_ends_the_connection_behind_what_is_queued),
        kit_test(wait_holds_the_publisher_then_announces_stalled),
        kit_test(bytes_count_as_well_as_messages),
        kit_test(a_single_message_always_fits_an_empty_queue),
    };
    return kit_run("policies", tests, KIT_LENGTH(tests));
}
