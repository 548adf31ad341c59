/* Delivery: pushing a run, or one message, to everybody it is for.
 */
#pragma once

#include "broker/route/dest.h"
#include "broker/route/run.h"

/* Opens a stretch of the burst for the run, and gives every receiver a share in it; the burst has
 * room. */
void deliver_share(struct burst *burst, const struct run *run, const struct dest *dest);
/* Pushes a run that fits everywhere to receivers that cannot share it. */
void deliver_run(struct route *route, const struct run *run, struct dest *dest);

/* One message, with groups, policies and count-downs. false: some queue is full and
 * waits; run->from is held, and nobody has got the message. */
bool deliver_one(struct route *route, const struct run *run, struct dest *dest);
