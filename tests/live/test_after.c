/* Subscriptions that end by themselves, and when their number is free again. */
#include "tests/live/live.h"

static void say(struct wire *wire, const char *subject, int n)
{
    for (int i = 0; i < n; i++)
        wire_publish(wire, subject, "x", 1);
}

static void ended_stands_behind_the_last_message(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);

    wire_sub(sub, &(struct wire_sub){ .sid = 5, .pattern = "x", .after = 3 });
    wire_cork(pub);
    say(pub, "x", 7);
    wire_confirm(pub, 1);
    wire_flush(pub);
    wire_expect_confirmed(pub, 1, 7, 3, 0); /* the other four reached nobody */
    for (int i = 0; i < 3; i++)
        wire_expect_text(sub, "x", "x");
    wire_expect_ended(sub, 5);
    wire_expect_nothing(sub);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

static void only_the_one_that_is_through_ends(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x", .after = 1 });
    wire_sub(sub, &(struct wire_sub){ .sid = 2, .pattern = "x", .after = 2 });
    wire_sub(sub, &(struct wire_sub){ .sid = 3, .pattern = "x" });
    say(pub, "x", 3);
    wire_barrier(pub);
    wire_expect_text(sub, "x", "x");
    wire_expect_sids(sub, 1, 2, 3);
    wire_expect_ended(sub, 1);
    wire_expect_text(sub, "x", "x");
    wire_expect_sids(sub, 2, 3);
    wire_expect_ended(sub, 2);
    wire_expect_text(sub, "x", "x");
    wire_expect_sids(sub, 3);
    wire_expect_nothing(sub);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

static void a_member_of_a_group_ends_and_the_others_go_on(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *a = wire_open(live.path), *b = wire_open(live.path);

    wire_sub(a, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g", .after = 2 });
    wire_sub(b, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    for (int i = 0; i < 20; i++) { /* one a round: what a socket holds is looked at once a round */
        wire_publish(pub, "x", "x", 1);
        wire_barrier(pub);
    }
    for (int i = 0; i < 2; i++)
        wire_expect_text(a, "x", "x");
    wire_expect_ended(a, 1);
    wire_expect_nothing(a);
    for (int i = 0; i < 18; i++)
        wire_expect_text(b, "x", "x");
    wire_expect_nothing(b);
    wire_close(a);
    wire_close(b);
    wire_close(pub);
    live_end(&live);
}

/* Messages announced in a gap do not count. */
static void what_was_dropped_is_not_counted(void **state)
{
    (void)state;
    static const enum policy policies[] = { POLICY_DROP_OLD, POLICY_DROP_NEW, POLICY_LATEST };
    struct live live = live_begin();

    for (size_t i = 0; i < KIT_LENGTH(policies); i++) {
        struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
        struct wire_frame f;
        uint64_t n_messages = 0, n_lost = 0;
        char subject[] = "x.0";

        wire_sub(sub, &(struct wire_sub){ .sid = 1,
                                          .pattern = "x.*",
                                          .policy = policies[i],
                                          .queue_messages = 3,
                                          .after = 10 });
        wire_block(sub, pub);
        for (int n = 0; n < 8; n++) {
            subject[2] = (char)('0' + n % 4);
            say(pub, subject, 1);
        }
        wire_barrier(pub);
        wire_unblock(sub);
        wire_barrier(pub);
        for (int n = 0; n < 10; n++) {
            say(pub, "x.9", 1);
            wire_barrier(pub);
            wire_ping(sub, 50); /* so that nothing is queued long enough to be dropped */
            for (wire_next_but_select(sub, &f); f.op != OP_PONG; wire_next_but_select(sub, &f)) {
                n_messages += f.op == OP_MESSAGE;
                n_lost += f.op == OP_GAP ? f.envelope.gap.count : 0;
                if (f.op == OP_ENDED)
                    assert_int_equal(n_messages, 10);
            }
        }
        assert_int_equal(n_messages, 10);
        assert_int_equal(n_lost, 5);
        wire_close(sub);
        wire_close(pub);
    }
    live_end(&live);
}

/* -- numbers --------------------------------------------------------------------------------- */

static void a_number_is_in_use_until_the_end(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    const struct wire_sub twice = { .sid = 1, .pattern = "y" };

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x", .after = 1 });
    wire_sub_send(sub, &twice);
    wire_expect_error(sub, OP_SUB, sub->ref, STATUS_SID_IN_USE);
    say(pub, "y", 1); /* the refused one gets nothing */
    say(pub, "x", 1);
    wire_barrier(pub);
    wire_expect_text(sub, "x", "x");
    wire_expect_ended(sub, 1);
    wire_sub(sub, &twice);
    say(pub, "x", 1);
    say(pub, "y", 1);
    wire_barrier(pub);
    wire_expect_text(sub, "y", "x");
    wire_expect_sids(sub, 1);

    wire_unsub_send(sub, 1);
    wire_expect_ok(sub, sub->ref);
    wire_unsub_send(sub, 1);
    wire_expect_error(sub, OP_UNSUB, sub->ref, STATUS_NO_SID);
    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "z" });
    say(pub, "y", 1);
    say(pub, "z", 1);
    wire_expect_text(sub, "z", "x");
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

static void numbers_of_two_clients_have_nothing_to_do_with_each_other(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *a = wire_open(live.path), *b = wire_open(live.path);

    wire_sub(a, &(struct wire_sub){ .sid = 1, .pattern = "x" });
    wire_sub(b, &(struct wire_sub){ .sid = 1, .pattern = "x" });
    wire_unsub_send(b, 1);
    wire_expect_ok(b, b->ref);
    say(b, "x", 1);
    wire_expect_text(a, "x", "x");
    wire_expect_nothing(b);
    wire_close(a);
    wire_close(b);
    live_end(&live);
}

/* What was queued before UNSUB arrives ahead of its answer, and the next owner of the number starts behind it. */
static void queued_messages_come_ahead_of_the_answer_to_unsub(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x" });
    wire_block(sub, pub);
    say(pub, "x", 3);
    wire_barrier(pub);
    wire_cork(sub);
    wire_unsub_send(sub, 1);
    uint64_t ref = sub->ref;
    wire_sub_send(sub, &(struct wire_sub){ .sid = 1, .pattern = "y" });
    wire_flush(sub);
    wire_unblock(sub);
    for (int i = 0; i < 3; i++)
        wire_expect_text(sub, "x", "x");
    wire_expect_ok(sub, ref);
    wire_expect_ok(sub, sub->ref);
    say(pub, "x", 1);
    say(pub, "y", 1);
    wire_expect_text(sub, "y", "x");
    wire_expect_sids(sub, 1);
    wire_expect_nothing(sub);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

static void wrong_fields_are_refused_by_name(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *w = wire_open(live.path);
    static const struct {
        struct wire_sub sub;
        enum status status;
    } rows[] = {
        { { .sid = 0, .pattern = "a" }, STATUS_BAD_FIELD },
        { { .sid = MAX_SID + 1, .pattern = "a" }, STATUS_BAD_FIELD },
        { { .sid = 1, .pattern = "a..b" }, STATUS_BAD_PATTERN },
        { { .sid = 1, .pattern = ">.a" }, STATUS_BAD_PATTERN },
        { { .sid = 1, .pattern = "a", .policy = (enum policy)5 }, STATUS_BAD_FIELD },
        { { .sid = 1, .pattern = "a", .group = "a.b" }, STATUS_BAD_FIELD },
        { { .sid = 1, .pattern = "a", .group = "" }, STATUS_BAD_FIELD },
        { { .sid = 1, .pattern = "a", .queue_bytes = SUB_QUEUE_BYTES + 1 }, STATUS_QUOTA },
        { { .sid = 1, .pattern = "a", .queue_messages = SUB_QUEUE_MESSAGES + 1 }, STATUS_QUOTA },
    };

    for (size_t i = 0; i < KIT_LENGTH(rows); i++) {
        wire_sub_send(w, &rows[i].sub);
        wire_expect_error(w, OP_SUB, w->ref, rows[i].status);
    }
    wire_sub(w, &(struct wire_sub){ .sid = 1,
                                    .pattern = "a",
                                    .queue_bytes = SUB_QUEUE_BYTES,
                                    .queue_messages = SUB_QUEUE_MESSAGES });
    wire_sub(w, &(struct wire_sub){ .sid = MAX_SID, .pattern = "a" });
    wire_close(w);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(ended_stands_behind_the_last_message),
        kit_test(only_the_one_that_is_through_ends),
        kit_test(a_member_of_a_group_ends_and_the_others_go_on),
        kit_test(what_was_dropped_is_not_counted),
        kit_test(a_number_is_in_use_until_the_end),
        kit_test(numbers_of_two_clients_have_nothing_to_do_with_each_other),
        kit_test(queued_messages_come_ahead_of_the_answer_to_unsub),
        kit_test(wrong_fields_are_refused_by_name),
    };
    return kit_run("after", tests, KIT_LENGTH(tests));
}
