/* A client against the bytes of a hostile broker: never a crash, always an end.
 * The first byte chooses how the client meets them.
 */
#include "tests/fuzz/fake_sockets.h"
#include "tests/unit/client_feed.h"

enum { NOT_GREETED = 1, BLOCKING_FIRST = 2, RELEASED = 4, IN_PIECES = 8, NARROW = 16 };

/* How much the client reads at a time, and how much of its own the broker lets wait. */
static void choose_pace(const struct feed *feed, uint8_t how)
{
    if (how & IN_PIECES)
        fake_at(feed->b->fd)->at_most = 1 + (how >> 5);
    if (how & NARROW)
        fake_at(feed->peer)->room = 1024;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct feed feed;

    if (len < 1)
        return 0;
    fake_reset();
    feed_open(&feed);
    if (!(data[0] & NOT_GREETED)) {
        feed_welcome(&feed);
        REQUIRE(broker_is_connected(feed.b));
        feed_ask(&feed);
    }
    choose_pace(&feed, data[0]);
    if (data[0] & RELEASED)
        broker_subscription_free(feed.sub);
    feed_bytes(&feed, data + 1, len - 1);
    if (data[0] & BLOCKING_FIRST)
        broker_flush(feed.b, 0);
    feed_end(&feed);
    REQUIRE(fake.n_open == 0);
    return 0;
}
