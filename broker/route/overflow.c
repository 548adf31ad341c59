#include "broker/route/overflow.h"

#include "broker/route/evict.h"
#include "broker/route/hold.h"
#include "broker/route/latest.h"
#include "broker/route/route.h"

enum policy overflow_policy(const struct passage *passage, struct client *subscriber,
                            const struct sub *sub, enum gap *ret_reason)
{
    *ret_reason = sub->reg.lane.policy == POLICY_DROP_NEW ? GAP_DROPPED_NEW : GAP_DROPPED_OLD;
    if (sub->reg.lane.policy != POLICY_WAIT)
        return (enum policy)sub->reg.lane.policy;
    if (passage->publisher && hold_allowed(passage, subscriber, ret_reason))
        return POLICY_WAIT;
    return POLICY_DROP_OLD;
}

static bool fits(struct client *subscriber, const struct lane *lane, size_t len)
{
    return conn_fits(&subscriber->conn, len) && lane_fits(lane, len);
}

bool overflow_fits(struct client *subscriber, const struct lane *lane, size_t len)
{
    if (fits(subscriber, lane, len))
        return true;
    conn_write_now(&subscriber->conn);
    return fits(subscriber, lane, len) ||
           (lane_fits(lane, len) && evict_for(subscriber, QUOTA_QUEUED_BYTES) &&
            fits(subscriber, lane, len));
}

static bool lose_new(const struct passage *passage, struct client *client, struct lane *lane,
                     enum gap reason)
{
    if (outq_gap(&client->conn.out, lane, reason, 1) < 0) {
        conn_cut(&client->conn, STATUS_NO_MEMORY, NULL);
        return false;
    }
    conn_dirty(&client->conn);
    route_lost(passage->route, client, lane, reason, 1);
    return false;
}

/* Messages that were queued and are lost after all do not count for a subscription that ends
 * after so many. */
static void lose_queued(const struct passage *passage, struct client *client, struct lane *lane,
                        enum gap reason, uint64_t n)
{
    struct sub *sub = sub_of(lane);
    if (sub_remaining(sub) > 0)
        sub->extra->remaining += n;
    route_lost(passage->route, client, lane, reason, n);
}

/* The lane's own oldest messages make room, in its queue and in the connection's. */
static bool make_room(const struct passage *passage, struct client *client, struct lane *lane,
                      enum gap reason)
{
    struct outq *outq = &client->conn.out;
    uint64_t lost_before = lane->n_lost;
    bool fits = outq_make_room(outq, lane, passage->len, reason);
    while (fits && !conn_fits(&client->conn, passage->len))
        fits = outq_drop_oldest(outq, lane, 1, reason) > 0;
    if (lane->n_lost > lost_before)
        lose_queued(passage, client, lane, reason, lane->n_lost - lost_before);
    return fits || lose_new(passage, client, lane, reason);
}

static void replace_queued(const struct passage *passage, struct client *client, struct sub *sub)
{
    struct entry *queued = latest_find(sub_latest(sub), passage->hash, passage->subject,
                                       passage->subject_len);
    if (queued &&
        outq_replace(&client->conn.out, &sub->reg.lane, queued, GAP_REPLACED) == 0)
        lose_queued(passage, client, &sub->reg.lane, GAP_REPLACED, 1);
}

bool overflow_admit(const struct passage *passage, struct client *subscriber, struct sub *sub)
{
    struct lane *lane = &sub->reg.lane;
    enum gap reason;

    if (sub_latest(sub))
        replace_queued(passage, subscriber, sub);
    if (overflow_fits(subscriber, lane, passage->len))
        return true;
    if (!conn_is_live(&subscriber->conn))
        return false;
    bool conn_full = !conn_fits(&subscriber->conn, passage->len);
    enum policy policy = overflow_policy(passage, subscriber, sub, &reason);
    if (conn_full)
        reason = GAP_CONNECTION_FULL;
    switch (policy) {
    case POLICY_DROP_NEW:
        return lose_new(passage, subscriber, lane, reason);
    case POLICY_DISCONNECT:
        conn_end(&subscriber->conn, STATUS_TOO_SLOW, NULL);
        return false;
    case POLICY_WAIT: /* the publisher was asked to wait before it came here */
    case POLICY_DROP_OLD:
    case POLICY_LATEST:
        break;
    }
    return make_room(passage, subscriber, lane, reason);
}
