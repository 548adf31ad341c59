/* Queue groups: exactly one member gets it, and which one. */
#include <errno.h>

#include "tests/live/live.h"

static void say(struct wire *wire, const char *subject, int n)
{
    wire_cork(wire);
    for (int i = 0; i < n; i++)
        wire_publish(wire, subject, "x", 1);
    wire_flush(wire);
    wire_barrier(wire);
}

/** Takes all messages that have been sent to @p wire; nothing else may come. */
static int count(struct wire *wire)
{
    struct wire_frame f;
    int n = 0;

    wire_ping(wire, 500);
    for (wire_next_but_select(wire, &f); f.op != OP_PONG; wire_next_but_select(wire, &f)) {
        assert_int_equal(f.op, OP_MESSAGE);
        n++;
    }
    return n;
}

static void exactly_one_member_gets_each_message(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *members[3], *plain = wire_open(live.path);
    uint8_t taken[300] = { 0 };
    struct wire_frame f;

    for (int i = 0; i < 3; i++) {
        members[i] = wire_open(live.path);
        wire_sub(members[i], &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    }
    wire_sub(plain, &(struct wire_sub){ .sid = 1, .pattern = "x" });
    wire_cork(pub);
    for (uint16_t n = 0; n < 300; n++)
        wire_publish(pub, "x", &n, sizeof(n));
    wire_confirm(pub, 1);
    wire_flush(pub);
    wire_expect_confirmed(pub, 1, 300, 600, 0);
    assert_int_equal(count(plain), 300);
    for (int i = 0; i < 3; i++) {
        uint16_t number, last = 0;
        int got = 0;
        wire_ping(members[i], 500);
        for (wire_next_but_select(members[i], &f); f.op == OP_MESSAGE;
             wire_next_but_select(members[i], &f)) {
            memcpy(&number, f.frame.payload, sizeof(number));
            taken[number]++;
            assert_true(got == 0 || number > last); /* in order */
            last = number;
            got++;
        }
        assert_in_range(got, 60, 140); /* and none does it all */
    }
    for (int n = 0; n < 300; n++)
        assert_int_equal(taken[n], 1);
    for (int i = 0; i < 3; i++)
        wire_close(members[i]);
    wire_close(plain);
    wire_close(pub);
    live_end(&live);
}

static void equals_take_turns(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *members[4];

    for (int i = 0; i < 4; i++) {
        members[i] = wire_open(live.path);
        wire_sub(members[i], &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    }
    int turns[4] = { 0 };
    for (int n = 1; n <= 40; n++) { /* nobody has anything queued when the next one comes */
        say(pub, "x", 1);
        for (int i = 0; i < 4; i++)
            turns[i] += count(members[i]);
        for (int i = 0; i < 4; i++)
            assert_in_range(turns[i], n / 4, (n + 3) / 4);
    }
    for (int i = 0; i < 4; i++)
        wire_close(members[i]);
    wire_close(pub);
    live_end(&live);
}

static void the_publishers_own_member_is_eligible(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *other = wire_open(live.path);
    struct wire_frame f;

    wire_sub(pub, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    for (int i = 0; i < 3; i++)
        wire_publish(pub, "x", "x", 1);
    assert_int_equal(count(pub), 3);
    wire_sub(other, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    int own = 0, n_other = 0;
    for (int i = 0; i < 20; i++) {
        wire_publish(pub, "x", "x", 1);
        wire_ping(pub, 500);
        for (wire_next_but_select(pub, &f); f.op != OP_PONG; wire_next_but_select(pub, &f))
            own++;
        n_other += count(other);
    }
    assert_int_equal(own + n_other, 20);
    assert_in_range(own, 5, 15);
    wire_close(pub);
    wire_close(other);
    live_end(&live);
}

static void the_least_queued_gets_it(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *slow = wire_open(live.path),
                *quick = wire_open(live.path);

    wire_sub(slow, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    wire_sub(quick, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    wire_block(slow, pub);
    for (int i = 0; i < 10; i++) {
        say(pub, "x", 10);
        assert_int_equal(count(quick), 10);
    }
    wire_unblock(slow);
    assert_int_equal(count(slow), 0);
    wire_close(slow);
    wire_close(quick);
    wire_close(pub);
    live_end(&live);
}

/* Bytes that lie in the kernel count as well: a member that does not read is passed over before its socket is full. */
static void what_lies_in_the_socket_counts(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *idle = wire_open(live.path),
                *quick = wire_open(live.path);
    static const uint8_t payload[20000];

    wire_sub(idle, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    wire_sub(idle, &(struct wire_sub){ .sid = 2, .pattern = "fill" });
    wire_sub(quick, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    wire_publish(pub, "fill", payload, sizeof(payload));
    wire_barrier(pub);
    for (int i = 0; i < 10; i++) {
        say(pub, "x", 1);
        assert_int_equal(count(quick), 1);
    }
    assert_int_equal(count(idle), 1); /* the filler */
    wire_close(idle);
    wire_close(quick);
    wire_close(pub);
    live_end(&live);
}

static void a_member_that_leaves_takes_its_queue_along(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *a = wire_open(live.path), *b = wire_open(live.path);

    wire_sub(a, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    wire_block(a, pub);
    say(pub, "x", 7);
    wire_sub(b, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    uint64_t n_queued = wire_client_number(live.path, a->id, "queued-messages");
    assert_true(n_queued > 7); /* the filler as well */
    wire_close(a);
    assert_true(kit_wait_for(wire_stat(live.path, "lost-left") > 0, 2000));
    assert_int_equal(wire_stat(live.path, "lost-left"), n_queued);
    assert_int_equal(count(b), 0);
    say(pub, "x", 5); /* and the next ones go to who is left */
    assert_int_equal(count(b), 5);
    wire_close(b);
    wire_close(pub);
    live_end(&live);
}

static void a_group_and_a_plain_subscription_of_one_client_get_one_copy(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *both = wire_open(live.path);

    wire_sub(both, &(struct wire_sub){ .sid = 1, .pattern = "x" });
    wire_sub(both, &(struct wire_sub){ .sid = 2, .pattern = "*", .group = "g" });
    wire_sub(both, &(struct wire_sub){ .sid = 3, .pattern = ">", .group = "h" });
    wire_publish(pub, "x", "1", 1);
    wire_confirm(pub, 1);
    wire_expect_confirmed(pub, 1, 1, 3, 0);
    wire_expect_text(both, "x", "1");
    wire_expect_sids(both, 1, 2, 3);
    wire_expect_nothing(both);

    struct wire *other = wire_open(live.path); /* now g goes here and there */
    wire_sub(other, &(struct wire_sub){ .sid = 9, .pattern = "x", .group = "g" });
    int n_g = 0;
    for (int i = 0; i < 10; i++) {
        wire_publish(pub, "x", "2", 1);
        wire_expect_text(both, "x", "2");
        int n_other = count(other);
        assert_int_equal(both->n_sids, n_other ? 2 : 3);
        n_g += n_other;
    }
    assert_in_range(n_g, 2, 8);
    wire_expect_nothing(both);
    wire_close(both);
    wire_close(other);
    wire_close(pub);
    live_end(&live);
}

static void a_group_is_of_all_patterns_that_match(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *a = wire_open(live.path), *b = wire_open(live.path);

    wire_sub(a, &(struct wire_sub){ .sid = 1, .pattern = "x.*", .group = "g" });
    wire_sub(b, &(struct wire_sub){ .sid = 1, .pattern = "x.>", .group = "g" });
    say(pub, "x.1", 20);
    int n_a = count(a), n_b = count(b);
    assert_int_equal(n_a + n_b, 20);
    assert_in_range(n_a, 5, 15);
    say(pub, "x.1.2", 4); /* which only one of them matches */
    assert_int_equal(count(a), 0);
    assert_int_equal(count(b), 4);
    wire_close(a);
    wire_close(b);
    wire_close(pub);
    live_end(&live);
}

static void two_members_of_one_client_are_two_members(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *two = wire_open(live.path);

    wire_sub(two, &(struct wire_sub){ .sid = 1, .pattern = "x", .group = "g" });
    wire_sub(two, &(struct wire_sub){ .sid = 2, .pattern = "*", .group = "g" });
    for (int i = 0; i < 10; i++) {
        wire_publish(pub, "x", "1", 1);
        wire_expect_text(two, "x", "1");
        assert_int_equal(two->n_sids, 1);
    }
    wire_expect_nothing(two);
    wire_close(two);
    wire_close(pub);
    live_end(&live);
}

/* A group holds its publishers only when nobody in it has room. */
static void a_group_waits_only_when_all_its_members_are_full(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *a = wire_open(live.path), *b = wire_open(live.path);
    struct wire_sub sub = { .sid = 1, .pattern = "x", .group = "g", .queue_messages = 4 };
    struct wire_frame f;

    wire_sub(a, &sub);
    wire_sub(b, &sub);
    wire_block(a, pub);
    wire_block(b, pub);
    say(pub, "x", 8); /* as many as the two have room for */
    assert_int_equal(wire_stat(live.path, "holds"), 0);
    wire_publish(pub, "x", "x", 1);
    wire_ping(pub, 900);
    assert_true(kit_wait_for(wire_stat(live.path, "holds") == 1, 2000));
    assert_int_equal(wire_wait(pub, &f, 50), -ETIMEDOUT);
    wire_unblock(b);
    wire_expect_pong(pub, 900);
    assert_int_equal(count(b), 5);
    wire_unblock(a);
    assert_int_equal(count(a), 4);
    wire_close(a);
    wire_close(b);
    wire_close(pub);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(exactly_one_member_gets_each_message),
        kit_test(equals_take_turns),
        kit_test(the_publishers_own_member_is_eligible),
        kit_test(the_least_queued_gets_it),
        kit_test(what_lies_in_the_socket_counts),
        kit_test(a_member_that_leaves_takes_its_queue_along),
        kit_test(a_group_and_a_plain_subscription_of_one_client_get_one_copy),
        kit_test(a_group_is_of_all_patterns_that_match),
        kit_test(two_members_of_one_client_are_two_members),
        kit_test(a_group_waits_only_when_all_its_members_are_full),
    };
    return kit_run("groups", tests, KIT_LENGTH(tests));
}
