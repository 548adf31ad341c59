/* Queue groups: which member gets a message.
 *
 * The one with the least waiting: bytes queued here, and bytes in the kernel,
 * which are asked for once a round. Members whose queue is full stand back as
 * long as one has room; the group holds the publisher only when none has.
 */
#pragma once

#include "broker/route/dest.h"

/* The member that gets a message of `len` bytes from `publisher` (NULL: the
 * broker). NULL: the publisher has to be held, by *ret_holder. A member without room is
 * returned if its policy makes some. */
struct receiver *group_pick(struct route *route, struct dest *dest, struct dest_group *group,
                            size_t len, const struct client *publisher,
                            struct client **ret_holder);
