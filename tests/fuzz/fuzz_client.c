/* A client against the bytes of a hostile broker: never a crash, always an end.
 * The first byte chooses how the client meets them.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/client_feed.h"

enum { NOT_GREETED = 1, BLOCKING_FIRST = 2, RELEASED = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct feed feed;

    if (len < 1)
        return 0;
    feed_open(&feed);
    if (!(data[0] & NOT_GREETED)) {
        feed_welcome(&feed);
        REQUIRE(broker_is_connected(feed.b));
        feed_ask(&feed);
    }
    if (data[0] & RELEASED)
        broker_subscription_free(feed.sub);
    feed_bytes(&feed, data + 1, len - 1);
    if (data[0] & BLOCKING_FIRST)
        broker_flush(feed.b, 0);
    feed_end(&feed);
    return 0;
}
