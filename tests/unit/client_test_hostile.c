/* A broker that breaks the rules: every frame cut off, every byte of every
 * frame changed, and what a broker may not say. The client ends the connection
 * with a clear error, or carries on; nothing else happens.
 */
#include "tests/kit/runner.h"
#include "tests/unit/client_feed.h"

#define FRAME(s) { (const uint8_t *)(s), sizeof(s) - 1 }

/* One of each that a broker sends, as they fit what client_feed.h has open. */
static const struct {
    const uint8_t *bytes; /* behind the length */
    size_t len;
} frames[] = {
    FRAME("\x96\x02\x01\x00\xc4\x10" "0123456789abcdef" "\x07\x81\xa6server\xa1x"),
    FRAME("\x93\x03\x12\xa3" "bye"),
    FRAME("\x92\x05\x01"),
    FRAME("\x92\x06\x06"),
    FRAME("\x96\x07\x12\x06\x28\xa3" "why\xa4what"),
    FRAME("\x96\x07\x21\xce\x00\x10\x00\x00\x30\xa3" "why\xc0"),
    FRAME("\x96\x08\x01\x01\x26\xa3" "why\xa4what"),
    FRAME("\x95\x0a\x01\x01\x02\x00"),
    FRAME("\x93\x18\x01\x02"),
    FRAME("\x97\x19\x2a\xcd\x03\xe8\x64\x7b\x92\x64\x65\xa5label"),
    FRAME("\x94\x1a\x01\x05\x01"),
    FRAME("\x94\x1b\x02\x4a\xa5" "ended"),
    FRAME("\x94\x20\xce\x80\x00\x00\x01\xcf\x00\x00\x00\x00\x00\x00\x00\x2a\xa1" "a\x80payload"),
    FRAME("\x97\x21\xce\x00\x00\x00\x00\xcf\x00\x00\x00\x00\x00\x00\x00\x2a"
          "\xcf\x00\x00\x00\x00\x00\x00\x00\x09\xa1" "a\x00\x64payload"),
    FRAME("\x95\x22\xce\x40\x00\x00\x00\xcf\x00\x00\x00\x00\x00\x00\x00\x2a"
          "\xcf\x00\x00\x00\x00\x00\x10\x00\x00\x00payload"),
    FRAME("\x9b\x23\xce\x00\x20\x00\x01\x00\x00\x02\x01\x01\x00\x00\x00\xc0"),
    FRAME("\x93\x24\x09\x34"),
    FRAME("\x92\x60\x01"),
};

static struct feed *opened(void)
{
    static struct feed feed;

    feed_open(&feed);
    feed_welcome(&feed);
    assert_true(broker_is_connected(feed.b));
    feed_ask(&feed);
    return &feed;
}

static void feed_frame(struct feed *feed, const uint8_t *bytes, size_t len)
{
    uint8_t buf[256];

    assert_true(len + FRAME_PREFIX <= sizeof buf);
    store_be32(buf, (uint32_t)len);
    memcpy(buf + FRAME_PREFIX, bytes, len);
    feed_bytes(feed, buf, len + FRAME_PREFIX);
}

/* A SELECT ahead, so that messages mean somebody. */
static void feed_both(struct feed *feed, const uint8_t *bytes, size_t len)
{
    static const uint8_t select_all[] = "\x94\x18\x01\x02\x03";

    feed_frame(feed, select_all, sizeof select_all - 1);
    feed_frame(feed, bytes, len);
}

static void good_frames_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIT_LENGTH(frames); i++) {
        struct feed *feed = opened();

        feed_both(feed, frames[i].bytes, frames[i].len);
        for (int k = 0; k < 4; k++)
            broker_process(feed->b);
        /* WELCOME is too late, GOODBYE is the end. */
        assert_int_equal(broker_is_connected(feed->b), i > 1);
        feed_end(feed);
    }
}

static void cut_off_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIT_LENGTH(frames); i++) {
        for (size_t len = 1; len < frames[i].len; len++) {
            struct feed *feed = opened();

            feed_both(feed, frames[i].bytes, len);
            feed_end(feed);
        }
    }
}

static void every_byte_changed(void **state)
{
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0xa1, 0xc0, 0xc1,
                                      0xc4, 0xcb, 0xcf, 0xd3, 0xd9, 0xdb, 0xdd, 0xdf, 0xff };

    (void)state;
    kit_deadline(120);
    for (size_t i = 0; i < KIT_LENGTH(frames); i++) {
        for (size_t at = 0; at < frames[i].len; at++) {
            for (size_t k = 0; k < sizeof values; k++) {
                uint8_t buf[128];
                struct feed *feed = opened();

                memcpy(buf, frames[i].bytes, frames[i].len);
                buf[at] = values[k];
                feed_both(feed, buf, frames[i].len);
                feed_both(feed, buf, frames[i].len); /* and once more: nothing answers twice */
                if (at % 2)
                    broker_flush(feed->b, 0);
                feed_end(feed);
            }
        }
    }
}

static int ended_with;

static void on_event(broker *b, const struct broker_event *event, void *userdata)
{
    (void)b;
    (void)userdata;
    if (event->kind == BROKER_EVENT_DISCONNECTED)
        ended_with = event->status;
}

static void expect(const char *bytes, size_t len, int status)
{
    struct feed *feed = opened();

    broker_set_event_fn(feed->b, on_event, NULL);
    ended_with = 0;
    feed_bytes(feed, (const uint8_t *)bytes, len);
    while (broker_process(feed->b) >= 0 && broker_fd(feed->b) >= 0)
        ;
    while (broker_process(feed->b) >= 0)
        ;
    assert_int_equal(ended_with, -status);
    broker_free(feed->b);
    close(feed->peer);
}

#define EXPECT(s, status) expect(s, sizeof(s) - 1, status)

static void what_no_broker_says_ends_the_connection(void **state)
{
    (void)state;
    EXPECT("\x00\x00\x00\x00", BROKER_E_BAD_FRAME);
    EXPECT("\xff\xff\xff\xff", BROKER_E_TOO_LARGE);
    EXPECT("HTTP/1.1 200 OK\r\n\r\n", BROKER_E_TOO_LARGE);
    EXPECT("\x00\x00\x00\x03\x92\x04\x01", BROKER_E_BAD_OPCODE);         /* PING */
    EXPECT("\x00\x00\x00\x06\x95\x10\x01\x01\xa1z", BROKER_E_BAD_OPCODE); /* SUB */
    EXPECT("\x00\x00\x00\x03\x92\x40\x01", BROKER_E_BAD_OPCODE);         /* streams */
    EXPECT("\x00\x00\x00\x03\x92\x05\x63", BROKER_E_BAD_FRAME);          /* PONG unasked */
    EXPECT("\x00\x00\x00\x03\x92\x06\x63", BROKER_E_BAD_FRAME);          /* OK unasked */
    EXPECT("\x00\x00\x00\x06\x95\x0a\x09\x01\x02\x00", BROKER_E_BAD_FRAME); /* CONFIRMED */
    EXPECT("\x00\x00\x00\x06\x94\x08\x01\x63\x26\xa0", BROKER_E_BAD_FRAME); /* REFUSED 99 */
    EXPECT("\x00\x00\x00\x04\x92\x05\x01\x00", BROKER_E_BAD_FRAME);      /* a byte more */
    EXPECT("\x00\x00\x00\x02\x91\x18", BROKER_E_BAD_FRAME);              /* SELECT nobody */
    EXPECT("\x00\x00\x00\x04\x92\x03\xcc\xff", 255);                     /* a new status */
    EXPECT("\x00\x00\x00\x02\x92\x03", BROKER_E_BAD_FRAME);
}

static void descriptors_end_the_connection(void **state)
{
    struct feed *feed = opened();
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = { 0 };
    struct iovec iov = { (void *)(uintptr_t) "\x00\x00\x00\x02\x91\x60", 6 };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    int fds[2] = { 0, 0 };

    (void)state;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
    broker_set_event_fn(feed->b, on_event, NULL);
    assert_int_equal(sendmsg(feed->peer, &msg, 0), 6);
    while (broker_process(feed->b) >= 0)
        ;
    assert_int_equal(ended_with, -BROKER_E_UNEXPECTED_FDS);
    broker_free(feed->b);
    close(feed->peer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(good_frames_do_no_harm),
        kit_test(cut_off_at_every_byte),
        kit_test(every_byte_changed),
        kit_test(what_no_broker_says_ends_the_connection),
        kit_test(descriptors_end_the_connection),
    };

    return kit_run("client hostile", tests, KIT_LENGTH(tests));
}
