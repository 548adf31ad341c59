/* Holding publishers: the policy `wait`, and its limits.
 *
 * A publisher whose next frame would overfill a queue that waits is held: its
 * input stops at that frame, which goes to nobody yet. It goes on when the
 * queue is half empty. The subscriber that holds must, in each second, take something
 * (the kernel tells: bytes sent, or SIOCOUTQ); if it does not, all it holds
 * go on, and for 10 s, and for as long as it takes nothing, it is treated as `drop-old`. So one that
 * stands still costs a publisher a second of every eleven, and one that reads
 * at all loses nothing.
 */
#pragma once

#include "broker/route/client.h"

struct passage;
struct route;

/* Whether `subscriber` may hold the publisher of the message now: it is of the same uid or may do so
 * by policy, is not stalled, and has not been standing still for a second already. If not,
 * *ret_reason is why. */
bool hold_allowed(const struct passage *passage, struct client *subscriber,
                  enum gap *ret_reason);
/* Holds the publisher; without memory for that the subscriber ends. One that was held before for
 * the same frame keeps its place in front. */
void hold_start(struct client *subscriber, struct client *publisher);
/* The frame it was held for, if any, has been routed: it waits no more. */
void hold_passed(struct client *publisher);
/* Lets one go, or all that a subscriber holds, in turn. */
void hold_release(struct client *publisher);
void hold_release_all(struct client *subscriber);
/* The subscriber's queue got shorter (conn_ops.room), or it has a subscription less. */
void hold_room(struct client *subscriber);
/* The lane of a subscription that ends. */
void hold_forget_lane(struct client *subscriber, const struct lane *lane);
/* The client is gone. */
void hold_forget(struct client *client);
