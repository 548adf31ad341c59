/* Eviction: who gives something up when there is not enough of it.
 *
 * A connection that filled its share while its uid was alone holds more than the share is once
 * others come, and its neighbours are left with what is basic. When one of them is refused, the
 * one of that uid that holds most is ended, if it stands still: for a second the
 * kernel has taken nothing for it, or nothing has come of the frame that it has begun. And when
 * more lies in blocks than there may be, which only what nobody was granted can make, those that
 * stand still with the most of that end. They are told why.
 */
#pragma once

#include "broker/route/client.h"

/* The client was refused more of a kind. Whether another one gave something up for it, and so is
 * ended: in the middle of a delivery others may be gone after this, but not be freed. */
bool evict_for(struct client *client, enum quota_kind kind);
/* At the end of a round: ends the client that has more than MAX_OVERLAP for one subject, if one was
 * found. To deliver that subject's messages costs everybody's time, and it gets 64 of them. */
void evict_overdone(struct route *route);
/* At the end of a round: makes sure that blocks take no more memory than they may. */
void evict_beyond(struct route *route);
