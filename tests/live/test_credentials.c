/* PEER: the sender's credentials, ahead of its first message, to who asked for them. */
#include <unistd.h>

#include "proto/cursor.h"
#include "tests/live/live.h"

/** The next frame but SELECT is a PEER of @p id with this process's own credentials. */
static void expect_peer(struct wire *wire, uint64_t id)
{
    struct wire_frame f;
    uint64_t pid;

    wire_expect(wire, OP_PEER, &f);
    assert_int_equal(f.envelope.peer.id, id);
    assert_int_equal(f.envelope.peer.uid, getuid());
    assert_int_equal(f.envelope.peer.gid, getgid());
    struct piece piece = f.envelope.peer.pid;
    struct cursor cursor = { piece.p, (const uint8_t *)piece.p + piece.len };
    assert_true(cursor_uint(&cursor, &pid));
    assert_int_equal(pid, getpid());

    gid_t groups[64];
    uint32_t n;
    int n_groups = getgroups(64, groups);
    piece = f.envelope.peer.groups;
    cursor = (struct cursor){ piece.p, (const uint8_t *)piece.p + piece.len };
    assert_true(cursor_array(&cursor, &n));
    assert_int_equal(n, n_groups);
}

static void credentials_come_once_ahead_of_a_senders_first_message(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *a = wire_open(live.path), *b = wire_open(live.path);
    struct wire *asks = wire_open(live.path), *does_not = wire_open(live.path);

    wire_sub(asks, &(struct wire_sub){ .sid = 1, .pattern = "x", .credentials = true });
    wire_sub(asks, &(struct wire_sub){ .sid = 2, .pattern = "y" });
    wire_sub(does_not, &(struct wire_sub){ .sid = 1, .pattern = ">" });

    wire_publish(a, "y", "0", 1); /* for a subscription that did not ask */
    wire_barrier(a);
    wire_publish(a, "x", "1", 1);
    wire_publish(a, "x", "2", 1);
    wire_barrier(a);
    wire_publish(b, "x", "3", 1);
    wire_barrier(b);
    wire_publish(a, "x", "4", 1);
    wire_barrier(a);

    wire_expect_text(asks, "y", "0");
    expect_peer(asks, a->id);
    wire_expect_text(asks, "x", "1");
    wire_expect_text(asks, "x", "2");
    expect_peer(asks, b->id);
    wire_expect_text(asks, "x", "3");
    wire_expect_text(asks, "x", "4");
    wire_expect_nothing(asks);

    static const char *const seen[] = { "0", "1", "2", "3", "4" };
    for (size_t i = 0; i < KIT_LENGTH(seen); i++)
        wire_expect_text(does_not, i ? "x" : "y", seen[i]);
    wire_expect_nothing(does_not);
    wire_close(a);
    wire_close(b);
    wire_close(asks);
    wire_close(does_not);
    live_end(&live);
}

/* One overlapping subscription that asks is enough. */
static void an_overlapping_subscription_may_ask(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x" });
    wire_sub(sub, &(struct wire_sub){ .sid = 2, .pattern = ">", .credentials = true });
    wire_publish(pub, "x", "1", 1);
    expect_peer(sub, pub->id);
    wire_expect_text(sub, "x", "1");
    wire_expect_sids(sub, 1, 2);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

/** Opens connections until one has an id that shares a place with @p id. */
static struct wire *open_rival(const char *path, uint64_t id)
{
    for (;;) {
        struct wire *wire = wire_open(path);
        if (wire->id % PEER_CACHE == id % PEER_CACHE)
            return wire;
        wire_close(wire);
    }
}

static void credentials_come_again_when_their_place_was_taken(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *sub = wire_open(live.path), *a = wire_open(live.path),
                *other = wire_open(live.path);

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x", .credentials = true });
    wire_publish(a, "x", "1", 1);
    expect_peer(sub, a->id);
    wire_expect_text(sub, "x", "1");
    wire_publish(other, "x", "2", 1);
    expect_peer(sub, other->id);
    wire_expect_text(sub, "x", "2");

    struct wire *rival = open_rival(live.path, a->id);
    for (int i = 0; i < 3; i++) {
        wire_publish(rival, "x", "3", 1);
        expect_peer(sub, rival->id);
        wire_expect_text(sub, "x", "3");
        wire_publish(other, "x", "4", 1); /* its place was not touched */
        wire_expect_text(sub, "x", "4");
        wire_publish(a, "x", "5", 1);
        expect_peer(sub, a->id);
        wire_expect_text(sub, "x", "5");
    }
    wire_close(sub);
    wire_close(a);
    wire_close(other);
    wire_close(rival);
    live_end(&live);
}

/* Both ends forget alike even when much is queued: places are taken in the order of the stream. */
static void credentials_stay_right_while_the_reader_is_slow(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *sub = wire_open(live.path), *a = wire_open(live.path);
    struct wire *rival = open_rival(live.path, a->id);
    uint64_t known[PEER_CACHE] = { 0 };
    uint8_t payload[3000] = { 0 };
    struct wire_frame f;

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x", .credentials = true });
    for (int i = 0; i < 2000; i++) {
        wire_publish(i % 3 ? a : rival, "x", payload, sizeof(payload));
        if (i % 5 == 0)
            wire_barrier(i % 2 ? a : rival);
    }
    wire_barrier(a);
    wire_barrier(rival);
    for (int n = 0; n < 2000;) {
        wire_next_but_select(sub, &f);
        if (f.op == OP_PEER) {
            known[f.envelope.peer.id % PEER_CACHE] = f.envelope.peer.id;
        } else {
            assert_int_equal(f.op, OP_MESSAGE);
            assert_int_equal(known[f.frame.id % PEER_CACHE], f.frame.id);
            n++;
        }
    }
    wire_expect_nothing(sub);
    wire_close(sub);
    wire_close(a);
    wire_close(rival);
    live_end(&live);
}

/* The credentials outlive their connection: what it had sent still says who it was. */
static void credentials_of_a_sender_that_has_gone(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *sub = wire_open(live.path), *a = wire_open(live.path);

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "x", .credentials = true });
    wire_block(sub, a);
    wire_publish(a, "x", "last words", 10);
    uint64_t id = a->id;
    wire_close(a);
    while (wire_stat(live.path, "vanished") < 1)
        kit_nap();
    wire_unblock(sub);
    expect_peer(sub, id);
    wire_expect_text(sub, "x", "last words");
    wire_close(sub);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(credentials_come_once_ahead_of_a_senders_first_message),
        kit_test(an_overlapping_subscription_may_ask),
        kit_test(credentials_come_again_when_their_place_was_taken),
        kit_test(credentials_stay_right_while_the_reader_is_slow),
        kit_test(credentials_of_a_sender_that_has_gone),
    };
    return kit_run("credentials", tests, KIT_LENGTH(tests));
}
