/* Routing: who gets what. The state that all of it shares.
 *
 * Driven by the session layer, one frame after the other; nothing here knows
 * the wire beyond the three frames that are forwarded. What changes who
 * receives what (subscriptions, membership, policy) raises `generation`, and
 * every cached answer older than that is looked up anew.
 */
#pragma once

#include "broker/net/conn.h"
#include "broker/route/calls.h"
#include "broker/route/client.h"
#include "broker/route/index.h"
#include "broker/route/row.h"
#include "broker/route/run.h"
#include "broker/route/subs.h"

struct dest_cache;

struct route_ops {
    /* A subscription ended by itself (after N messages). */
    void (*sub_ended)(struct client *client, uint32_t sid);
    /* Messages of a subscription were lost. Must not publish from within: a
     * flag for the end of the round. */
    void (*lost)(struct client *client, struct lane *lane);
};

struct route {
    struct net *net;
    const struct route_ops *ops;
    struct counters *counters;
    struct audit audit;  /* of what policy would refuse */
    struct slab slab;    /* of subscriptions, services and the index */
    struct index index;
    struct dest_cache *dests;
    struct row *rows[ROWS_KEPT]; /* the latest, by their clients' ids */
    struct call_table calls;
    struct run run;
    uint64_t generation; /* of subscriptions, services, membership */
    uint64_t epoch;      /* also raised when a cached dest is freed */
    uint64_t seed;
    uint64_t looked_ns;  /* when hold.c last looked at all connections */
    uint64_t beyond_ns;  /* when evict.c last found nobody who could give something up */
    struct client *overdone; /* has more than MAX_OVERLAP for one subject, and ends; NULL: none */
    uint32_t n_subs;
    uint32_t n_services;
    uint32_t n_clients;
};

int route_init(struct route *route, struct net *net, const struct route_ops *ops);
void route_deinit(struct route *route);

static inline void route_changed(struct route *route)
{
    route->generation++;
    route->epoch++;
}

/* Everything the client holds goes: subscriptions, services, open calls on
 * both sides, whom it holds and by whom it is held. With keep_calls the requests it has open stay,
 * and may still be answered (it has half-closed). */
void route_forget(struct route *route, struct client *client, bool keep_calls);
/* Nobody is there to receive: the same, but what it had sent may still be waiting its turn, its
 * answers among it. */
void route_hung_up(struct route *route, struct client *client);

/* Notes n losses of a lane: counters, and the client's own. */
void route_lost(struct route *route, struct client *client, struct lane *lane, enum gap reason,
                uint64_t n);
