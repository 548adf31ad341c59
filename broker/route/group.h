/* Queue groups: which member gets a message.
 *
 * The one with the least waiting: bytes queued here, and bytes in the kernel,
 * which are asked for once a round. Members whose queue is full stand back as
 * long as one has room; the group holds the publisher only when none has.
 */
#pragma once

#include "broker/route/dest.h"

struct passage;

/* The member that gets the message. NULL: its publisher has to be held, by *ret_holder. A member
 * without room is returned if its policy makes some. */
struct receiver *group_pick(const struct passage *passage, struct dest *dest,
                            struct dest_group *group, struct client **ret_holder);
