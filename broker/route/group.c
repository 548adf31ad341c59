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
static struct receiver *least(struct dest *dest, struct dest_group *group,
                              bool (*wanted)(struct receiver *, const struct passage *),
                              const struct passage *passage)
{
    struct receiver *best = NULL;
    uint64_t best_waiting = UINT64_MAX;
    uint32_t best_at = 0;
    for (uint32_t i = 0; i < group->n; i++) {
        uint32_t at = (group->turn + i) % group->n;
        struct receiver *member = &dest->members[group->first + at];
        const struct conn *conn = &member->client->conn;
        if (!conn_is_live(conn) || !wanted(member, passage) || !conn_is_live(conn))
            continue;
        uint64_t n = waiting(passage->route, member->client);
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

static bool has_room(struct receiver *member, const struct passage *passage)
{
    return overflow_fits(member->client, member->to->lanes[0], passage->len);
}

static bool would_hold(struct receiver *member, const struct passage *passage)
{
    enum gap reason;
    const struct sub *sub = sub_of(member->to->lanes[0]);
    return overflow_policy(passage, member->client, sub, &reason) == POLICY_WAIT;
}

static bool anyone(struct receiver *member, const struct passage *passage)
{
    (void)member;
    (void)passage;
    return true;
}

struct receiver *group_pick(const struct passage *passage, struct dest *dest,
                            struct dest_group *group, struct client **ret_holder)
{
    struct receiver *member = least(dest, group, has_room, passage);
    if (member)
        return member;
    member = least(dest, group, would_hold, passage);
    if (member) {
        *ret_holder = member->client;
        return NULL;
    }
    return least(dest, group, anyone, passage);
}
