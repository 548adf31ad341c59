/* What a broker that broke the wire is told. PROTOCOL.md: "Frames". */
#include "tests/kit/runner.h"
#include "tests/unit/client_feed.h"

static int ended_with;
static uint64_t n_not_sent;

static void on_event(broker *b, const struct broker_event *event, void *userdata)
{
    (void)b;
    (void)userdata;
    if (event->kind == BROKER_EVENT_DISCONNECTED)
        ended_with = event->status;
    if (event->kind == BROKER_EVENT_NOT_SENT)
        n_not_sent += event->last - event->first + 1;
}

static struct feed *opened(void)
{
    static struct feed feed;

    feed_open(&feed);
    feed_welcome(&feed);
    broker_set_event_fn(feed.b, on_event, NULL);
    ended_with = 0;
    n_not_sent = 0;
    return &feed;
}

/* Everything that the client has said; the length. */
static size_t heard(const struct feed *feed, uint8_t *ret, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while (len < size && (n = read(feed->peer, ret + len, size - len)) > 0)
        len += (size_t)n;
    return len;
}

/* The last frame of them, if the bytes are whole frames. */
static bool last_frame(const uint8_t *bytes, size_t len, struct envelope *ret)
{
    size_t at = 0, size = 0;

    while (len - at >= FRAME_PREFIX) {
        size = FRAME_PREFIX + load_be32(bytes + at);
        if (size > len - at)
            return false;
        at += size;
    }
    return at == len && size > 0 &&
           envelope_read(ret, bytes + at - size + FRAME_PREFIX, size - FRAME_PREFIX, NULL);
}

static void close_feed(struct feed *feed)
{
    broker_free(feed->b);
    close(feed->peer);
}

/* Bytes of a broker's, and the GOODBYE that they are to be answered with. */
static void expect(const char *bytes, size_t len, int status, const char *sentence)
{
    uint8_t said[65536];
    struct envelope e = { 0 };
    struct feed *feed = opened();

    assert_int_equal(write(feed->peer, bytes, len), len);
    while (broker_process(feed->b) >= 0)
        ;
    assert_int_equal(ended_with, -status);
    assert_true(last_frame(said, heard(feed, said, sizeof said), &e));
    assert_int_equal(e.op, OP_GOODBYE);
    assert_int_equal(e.goodbye.status, status);
    assert_int_equal(e.goodbye.sentence.len, strlen(sentence));
    assert_memory_equal(e.goodbye.sentence.p, sentence, strlen(sentence));
    close_feed(feed);
}

#define EXPECT(s, status, sentence) expect(s, sizeof(s) - 1, status, sentence)

static void it_says_what_and_where(void **state)
{
    (void)state;
    EXPECT("\x00\x00\x00\x00", BROKER_E_BAD_FRAME, "from the broker: a frame of no bytes");
    EXPECT("\x7f\xff\xff\xff", BROKER_E_TOO_LARGE,
           "from the broker: a frame of 2147483647 bytes, the limit is 16843775");
    EXPECT("\x00\x00\x00\x01\xc0", BROKER_E_BAD_FRAME,
           "from the broker: a frame that begins with no opcode");
    EXPECT("\x00\x00\x00\x03\x92\x04\x01", BROKER_E_BAD_OPCODE, "from the broker: opcode 0x04");
    EXPECT("\x00\x00\x00\x03\x92\x05\xc0", BROKER_E_BAD_FRAME,
           "from the broker: byte 2 of a PONG frame breaks the wire format");
    EXPECT("\x00\x00\x00\x03\x92\x05\x63", BROKER_E_BAD_FRAME,
           "from the broker: a PONG that no broker may send");
    EXPECT("\x00\x00\x00\x04\x94\x20\xce\x00", BROKER_E_BAD_FRAME,
           "from the broker: byte 2 of a MESSAGE frame breaks the wire format");
    EXPECT("\x00\x00\x00\x17\x95\x02\x01\x00\xc4\x10"
           "sixteen bytes..."
           "\x07",
           BROKER_E_BAD_OPCODE, "from the broker: a second WELCOME");
}

/* A broker that says GOODBYE itself is not told anything. */
static void a_goodbye_is_not_answered(void **state)
{
    uint8_t said[65536];
    struct envelope e = { 0 };
    struct feed *feed = opened();

    (void)state;
    assert_int_equal(write(feed->peer, "\x00\x00\x00\x03\x92\x03\x12", 7), 7);
    while (broker_process(feed->b) >= 0)
        ;
    assert_int_equal(ended_with, -BROKER_E_SHUTTING_DOWN);
    assert_true(last_frame(said, heard(feed, said, sizeof said), &e));
    assert_int_not_equal(e.op, OP_GOODBYE);
    close_feed(feed);
}

static void it_goes_ahead_of_what_waits(void **state)
{
    uint8_t said[65536];
    struct envelope e = { 0 };
    struct feed *feed = opened();

    (void)state;
    broker_cork(feed->b);
    for (int i = 0; i < 3; i++)
        assert_true(broker_publish(feed->b, "a", "x", 1, 0) >= 0);
    assert_int_equal(write(feed->peer, "\x00\x00\x00\x00", 4), 4);
    while (broker_process(feed->b) >= 0)
        ;
    assert_int_equal(n_not_sent, 3);
    assert_true(last_frame(said, heard(feed, said, sizeof said), &e));
    assert_int_equal(e.op, OP_GOODBYE);
    close_feed(feed);
}

/* In the middle of a message it would be read as the rest of it. */
static void half_a_frame_is_not_followed(void **state)
{
    static uint8_t payload[8 << 20], said[10 << 20];
    struct envelope e = { 0 };
    struct feed *feed = opened();

    (void)state;
    broker_set_publish_timeout(feed->b, 0);
    broker_publish(feed->b, "a", payload, sizeof payload, 0);
    assert_int_equal(write(feed->peer, "\x00\x00\x00\x00", 4), 4);
    while (broker_process(feed->b) >= 0)
        ;
    assert_int_equal(ended_with, -BROKER_E_BAD_FRAME);
    size_t len = heard(feed, said, sizeof said);
    assert_in_range(len, 1, sizeof payload - 1);
    assert_false(last_frame(said, len, &e));
    assert_null(memmem(said, len, "from the broker", 15));
    close_feed(feed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_says_what_and_where),
        kit_test(a_goodbye_is_not_answered),
        kit_test(it_goes_ahead_of_what_waits),
        kit_test(half_a_frame_is_not_followed),
    };

    return kit_run("client farewell", tests, KIT_LENGTH(tests));
}
