#include "broker/route/group.h"

#include "broker/route/overflow.h"
#include "broker/route/route.h"
#include "proto/transport/sys.h"

static uint64_t waiting(struct route *route, struct client *client)
{
    uint32_t round = (uint32_t)loop_round(route->net->loop);
    if (client->outq_round != round) {
        int bytes = sys_outq(client->conn.io.fd);
        client->outq_round = round;
        client->outq_bytes = bytes > 0 ? (uint32_t)bytes : 0;
    }
    return client->conn.out.n_bytes + client->outq_bytes;
}

/* The least busy of the members that `wanted` lets through; in turn among equals. */
static struct receiver *least(struct route *route, struct dest *dest, struct dest_group *group,
                              bool (*wanted)(struct receiver *, size_t, const struct client *),
                              size_t len, const struct client *publisher)
{
    struct receiver *best = NULL;
    uint64_t best_waiting = UINT64_MAX;
    uint32_t best_at = 0;
    for (uint32_t i = 0; i < group->n; i++) {
        uint32_t at = (group->turn + i) % group->n;
        struct receiver *member = &dest->members[group->first + at];
        const struct conn *conn = &member->client->conn;
        if (!conn_is_live(conn) || !wanted(member, len, publisher) || !conn_is_live(conn))
            continue;
        uint64_t n = waiting(route, member->client);
        if (n < best_waiting) {
            best = member;
            best_waiting = n;
            best_at = at;
        }
    }
    if (best)
        group->turn = (best_at + 1) % group->n;
    return best;
}

static bool has_room(struct receiver *member, size_t len, const struct client *publisher)
{
    (void)publisher;
    return overflow_fits(member->client, member->to->lanes[0], len);
}

static bool would_hold(struct receiver *member, size_t len, const struct client *publisher)
{
    enum gap reason;
    (void)len;
    return overflow_policy(member->client, sub_of(member->to->lanes[0]), publisher, &reason) ==
           POLICY_WAIT;
}

static bool anyone(struct receiver *member, size_t len, const struct client *publisher)
{
    (void)member;
    (void)len;
    (void)publisher;
    return true;
}

struct receiver *group_pick(struct route *route, struct dest *dest, struct dest_group *group,
                            size_t len, const struct client *publisher,
                            struct client **ret_holder)
{
    struct receiver *member = least(route, dest, group, has_room, len, publisher);
    if (member)
        return member;
    member = least(route, dest, group, would_hold, len, publisher);
    if (member) {
        *ret_holder = member->client;
        return NULL;
    }
    return least(route, dest, group, anyone, len, publisher);
}
