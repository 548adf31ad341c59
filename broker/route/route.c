#include "broker/route/route.h"

#include <errno.h>
#include <sys/random.h>

#include "broker/route/dest.h"
#include "broker/route/hold.h"

int route_init(struct route *route, struct net *net, const struct route_ops *ops)
{
    *route = (struct route){
        .net = net,
        .ops = ops,
        .counters = net->counters,
        .audit.counters = net->counters,
        .generation = 1,
        .epoch = 1,
    };
    if (getrandom(&route->seed, sizeof route->seed, 0) != sizeof route->seed)
        return -errno;
    route->dests = dest_cache_new();
    if (route->dests && index_init(&route->index, &route->slab, route->seed) == 0 &&
        call_table_init(route) == 0)
        return 0;
    route_deinit(route);
    return -ENOMEM;
}

void route_deinit(struct route *route)
{
    route->dests = dest_cache_free(route->dests);
    row_forget_all(route);
    index_deinit(&route->index);
    call_table_deinit(route);
    slab_deinit(&route->slab);
}

static void end_registrations(struct route *route, struct client *client)
{
    run_end(route);
    (void)outq_age(&client->conn.out); /* how much goes with it; others' shares are not touched */
    for (struct registration *reg; (reg = sid_any(client));) {
        if (reg->lane.is_service) {
            service_remove(route, (struct service *)reg);
            continue;
        }
        route->counters->lost_left += reg->lane.n_messages;
        sub_remove(route, (struct sub *)reg);
    }
}

void route_forget(struct route *route, struct client *client, bool keep_calls)
{
    if (route->overdone == client)
        route->overdone = NULL;
    hold_forget(client);
    calls_server_gone(route, client);
    if (!keep_calls)
        calls_requester_gone(route, client);
    end_registrations(route, client);
}

void route_hung_up(struct route *route, struct client *client)
{
    hold_release_all(client);
    calls_server_deaf(route, client);
    calls_requester_gone(route, client);
    end_registrations(route, client);
}

static uint64_t *counter_of(struct counters *counters, enum gap reason)
{
    switch (reason) {
    case GAP_DROPPED_OLD:
        return &counters->lost_drop_old;
    case GAP_DROPPED_NEW:
        return &counters->lost_drop_new;
    case GAP_REPLACED:
        return &counters->lost_latest;
    case GAP_STALLED:
    case GAP_NOT_HELD:
        return &counters->lost_stuck;
    case GAP_TOO_MANY:
        return &counters->lost_too_many;
    case GAP_CONNECTION_FULL:
        break;
    }
    return &counters->lost_connection_full;
}

void route_lost(struct route *route, struct client *client, struct lane *lane, enum gap reason,
                uint64_t n)
{
    *counter_of(route->counters, reason) += n;
    client->n_lost += n;
    client->last_loss = (uint8_t)reason;
    route->ops->lost(client, lane);
}
