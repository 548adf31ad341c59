/* Thousands of subscriptions, more than what is looked at ahead: each message
 * meets its own, wherever reads end and whatever is released meanwhile; and what
 * was read before the connection was lost is still handed out.
 */
#include <stdio.h>

#include "proto/opcode.h"
#include "proto/writer.h"
#include "tests/kit/runner.h"
#include "tests/unit/client_feed.h"

enum { SUBS = 3000, MESSAGES = 4000, MOST_FOR = 3 };

/* Who is to hear which message, in order. */
struct hearing {
    uint32_t sid;
    unsigned number;
};

static struct world {
    struct feed feed;
    broker_subscription *subs[SUBS + 1]; /* by sid; NULL: freed */
    struct hearing hearings[MOST_FOR * MESSAGES];
    unsigned n_hearings, at, n_heard;
    size_t ends[MESSAGES]; /* of the messages, in bytes */
    uint8_t bytes[MESSAGES * 256];
    size_t len;
    uint32_t seed;
} world;

static unsigned chance(unsigned n)
{
    world.seed = world.seed * 1103515245u + 12345u;
    return (world.seed >> 16) % n;
}

/* ---- what the broker says ---- */

static void add_sid(struct writer *w, uint32_t sid)
{
    if (chance(8) == 0)
        writer_u64(w, sid); /* longer than it need be */
    else if (chance(8) == 0)
        writer_u32(w, sid);
    else
        writer_uint(w, sid);
}

static void add_select(const uint32_t *sids, unsigned n)
{
    uint8_t *start = world.bytes + world.len;
    struct writer w = { start + FRAME_PREFIX, world.bytes + sizeof world.bytes, false };

    writer_array(&w, 1 + n);
    writer_uint(&w, OP_SELECT);
    for (unsigned i = 0; i < n; i++)
        add_sid(&w, sids[i]);
    assert_false(w.full);
    store_be32(start, (uint32_t)(w.p - start) - FRAME_PREFIX);
    world.len = (size_t)(w.p - world.bytes);
}

static void add_message(unsigned number)
{
    char subject[32];
    struct frame frame = {
        .op = OP_MESSAGE,
        .id = 7,
        .subject = subject,
        .subject_len = (size_t)snprintf(subject, sizeof subject, "a.%u", chance(1000)),
        .payload_len = sizeof number,
    };

    world.len += frame_write_head(world.bytes + world.len, &frame);
    memcpy(world.bytes + world.len, &number, sizeof number);
    world.len += sizeof number;
    world.ends[number] = world.len;
}

static void write_stream(void)
{
    uint32_t sids[MOST_FOR] = { 0 };
    unsigned n = 0;

    for (unsigned number = 0; number < MESSAGES; number++) {
        if (n == 0 || chance(4)) {
            n = 1 + (chance(8) == 0 ? chance(MOST_FOR) : 0);
            for (unsigned i = 0; i < n; i++)
                sids[i] = 1 + chance(SUBS + 50); /* some that nobody ever had */
            add_select(sids, n);
        }
        add_message(number);
        for (unsigned i = 0; i < n; i++)
            world.hearings[world.n_hearings++] = (struct hearing){ sids[i], number };
    }
}

/* ---- what the client hears ---- */

static struct hearing *next_hearing(void)
{
    while (world.at < world.n_hearings) {
        struct hearing *hearing = &world.hearings[world.at];

        if (hearing->sid <= SUBS && world.subs[hearing->sid])
            return hearing;
        world.at++;
    }
    return NULL;
}

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    uint32_t sid = (uint32_t)(uintptr_t)userdata, other = 1 + chance(SUBS);
    struct hearing *hearing = next_hearing();
    unsigned number;
    size_t len;

    assert_non_null(hearing);
    assert_int_equal(hearing->sid, sid);
    assert_ptr_equal(world.subs[sid], sub);
    memcpy(&number, broker_message_payload(m, &len), sizeof number);
    assert_int_equal(len, sizeof number);
    assert_int_equal(number, hearing->number);
    world.at++;
    world.n_heard++;
    if (chance(100) == 0)
        world.subs[sid] = broker_subscription_free(sub);
    if (chance(100) == 0)
        world.subs[other] = broker_subscription_free(world.subs[other]);
}

static void open_world(uint32_t seed)
{
    broker_options *options;
    int pair[2];

    memset(&world, 0, sizeof world);
    world.seed = seed;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(broker_options_new(&options), 0);
    broker_options_set_reconnect(options, 0);
    assert_int_equal(broker_new(&world.feed.b, options), 0);
    broker_options_free(options);
    world.feed.peer = pair[0];
    for (uintptr_t sid = 1; sid <= SUBS; sid++)
        assert_int_equal(
            broker_subscribe(world.feed.b, &world.subs[sid], "a.*", NULL, on_message, (void *)sid),
            0);
    feed_connect(world.feed.b, pair[1]);
    feed_drain(&world.feed);
    feed_hello(&world.feed);
    broker_process(world.feed.b);
    assert_true(broker_is_connected(world.feed.b));
}

static void close_world(void)
{
    shutdown(world.feed.peer, SHUT_WR);
    while (broker_process(world.feed.b) >= 0)
        feed_drain(&world.feed);
    broker_free(world.feed.b);
    close(world.feed.peer);
}

/* A piece at a time; now and then it lies in the inbox before it is handed out. */
static void feed_pieces(size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = 1 + (chance(4) ? chance(64) : chance(30000));
        ssize_t sent = send(world.feed.peer, world.bytes + at, n < len - at ? n : len - at, 0);

        at += sent > 0 ? (size_t)sent : 0;
        if (chance(3) == 0)
            broker_flush(world.feed.b, 0);
        if (sent < 0 || chance(3) == 0)
            assert_true(broker_process(world.feed.b) >= 0);
        feed_drain(&world.feed);
    }
}

static void each_of_thousands_hears_its_own(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 6; seed++) {
        open_world(seed);
        write_stream();
        feed_pieces(world.len);
        close_world();
        assert_null(next_hearing());
        assert_true(world.n_heard > MESSAGES / 2);
    }
}

/* The end is in the middle of something; all that is whole before it is heard. */
static void what_was_read_before_the_end_is_heard(void **state)
{
    (void)state;
    for (uint32_t seed = 100; seed < 130; seed++) {
        const struct hearing *next;
        size_t cut;

        open_world(seed);
        write_stream();
        cut = 1 + chance((unsigned)world.len - 1);
        feed_pieces(cut);
        close_world();
        next = next_hearing();
        assert_true(!next || world.ends[next->number] > cut);
    }
}

/* ---- what is not so simple ---- */

static void count_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    (void)sub;
    (void)m;
    ++*(unsigned *)userdata;
}

/* Whatever the broker says. */
static void who_wants_three_hears_three(void **state)
{
    broker_sub_options *options;
    unsigned n = 0;

    (void)state;
    open_world(1);
    assert_int_equal(broker_sub_options_new(&options), 0);
    assert_int_equal(broker_sub_options_set_after(options, 3), 0);
    assert_int_equal(broker_subscribe(world.feed.b, NULL, "a", options, count_message, &n), 0);
    broker_sub_options_free(options);
    add_select((uint32_t[]){ SUBS + 1 }, 1);
    for (unsigned number = 0; number < 10; number++)
        add_message(number);
    feed_pieces(world.len);
    close_world();
    assert_int_equal(n, 3);
}

static void note_status(broker *b, const struct broker_event *event, void *userdata)
{
    (void)b;
    if (event->kind == BROKER_EVENT_DISCONNECTED)
        *(int *)userdata = event->status;
}

static void assert_no_greeting(const uint8_t *bytes, size_t len)
{
    unsigned n = 0;
    int status = 0;

    memset(&world, 0, sizeof world);
    feed_open(&world.feed);
    world.feed.b->connecting = false; /* so that its end is told */
    broker_set_event_fn(world.feed.b, note_status, &status);
    assert_int_equal(broker_subscribe(world.feed.b, NULL, "a", NULL, count_message, &n), 0);
    feed_bytes(&world.feed, bytes, len);
    for (int i = 0; i < 4; i++)
        broker_process(world.feed.b);
    assert_int_equal(broker_fd(world.feed.b), -1);
    assert_int_equal(status, -BROKER_E_BAD_MAGIC);
    assert_int_equal(n, 0);
    broker_free(world.feed.b);
    close(world.feed.peer);
}

#define ASSERT_NO_GREETING(s) assert_no_greeting((const uint8_t *)(s), sizeof(s) - 1)

/* Frames that are known at a glance, too. */
static void nothing_is_good_before_the_welcome(void **state)
{
    (void)state;
    ASSERT_NO_GREETING("\x00\x00\x00\x03\x92\x18\x01");
    ASSERT_NO_GREETING("\x00\x00\x00\x12\x94\x20\xce\x00\x00\x00\x00"
                       "\xcf\x00\x00\x00\x00\x00\x00\x00\x00\xa1"
                       "a");
    ASSERT_NO_GREETING("\x00\x00\x00\x1a\x95\x22\xce\x00\x00\x00\x00"
                       "\xcf\x00\x00\x00\x00\x00\x00\x00\x00"
                       "\xcf\x00\x00\x00\x00\x00\x00\x00\x00\x00");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_of_thousands_hears_its_own),
        kit_test(what_was_read_before_the_end_is_heard),
        kit_test(who_wants_three_hears_three),
        kit_test(nothing_is_good_before_the_welcome),
    };

    return kit_run("client stream", tests, KIT_LENGTH(tests));
}
