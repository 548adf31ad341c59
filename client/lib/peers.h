/* The credentials of senders, as the broker's PEER frames told them: 256
 * places, place = id mod 256 (PROTOCOL.md, "Subscriptions"). Made at the first
 * PEER; most clients never ask for one.
 */
#pragma once

#include <stdint.h>

#include <brokerclient.h>

#include "proto/envelope.h"

struct peer;

struct peers {
    struct peer **places; /* PEER_CACHE of them, or NULL */
};

/* Without memory the place stays empty, so that nobody is taken for another. */
void peers_learn(broker *b, const struct envelope *envelope);
/* Whether the raw fields of a PEER are what they should be. */
bool peers_valid(const struct envelope *envelope);
const struct broker_credentials *peers_find(const struct peers *peers, uint64_t id);
/* A copy, to be freed, of what peers_find found; NULL for NULL, or without memory. */
struct peer *peer_copy(const struct broker_credentials *of);
const struct broker_credentials *peer_credentials(const struct peer *peer);
void peers_clear(broker *b);
