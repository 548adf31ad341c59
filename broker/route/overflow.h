/* What happens to one message when a queue is full: the five policies.
 */
#pragma once

#include "broker/route/client.h"
#include "broker/route/subs.h"

/* Whether a message of `len` bytes fits the lane and its connection; what the kernel takes at
 * once is written first, and another one that stands still may have to make room (evict.h). The
 * connection may have ended then. */
bool overflow_fits(struct client *subscriber, const struct lane *lane, size_t len);

/* One message on its way into queues. */
struct passage {
    struct route *route;
    const struct client *publisher; /* NULL: the broker itself */
    const char *subject;
    size_t subject_len;
    uint64_t hash;
    uint32_t len;
};

/* The policy in force for a subscription: `wait` counts as `drop-old` where nobody may be held,
 * and *ret_reason says what a loss is called. */
enum policy overflow_policy(const struct passage *passage, struct client *subscriber,
                            const struct sub *sub, enum gap *ret_reason);

/* Makes room for the message in the subscription's queue, as its policy has
 * it. true: it may be pushed. false: this subscription does not get it, which has been
 * announced; or its connection has ended. */
bool overflow_admit(const struct passage *passage, struct client *subscriber, struct sub *sub);
