#include "broker/route/run.h"

#include <string.h>

#include "broker/route/deliver.h"
#include "broker/route/hold.h"
#include "broker/route/route.h"

enum {
    READ_MESSAGES = 2048, /* of a read, small ones */
    AS_DEAR_AS = 128,     /* bytes of input: a receiver by itself */
};

static uint32_t least32(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

static inline uint64_t left(uint64_t limit, uint64_t used)
{
    return used < limit ? limit - used : 0;
}

/* What is queued takes from it. */
static void look_into_queue(struct dest *dest, const struct receiver *receiver)
{
    const struct conn *conn = &receiver->client->conn;
    dest->room = least32(conn_left(conn), dest->room);
    dest->room_n = least32(left(conn->account.use[QUOTA_QUEUED_MESSAGES], conn->out.n_messages),
                           dest->room_n);
    for (uint32_t i = 0; i < receiver->to->n; i++) {
        const struct lane *lane = receiver->to->lanes[i];
        dest->room = least32(left(lane->max_bytes, lane->n_bytes), dest->room);
        dest->room_n = least32(left(lane->max_messages, lane->n_messages), dest->room_n);
    }
}

/* What fits into the queues of all receivers without any policy having a say. Of what is in
 * the burst the books say nothing yet; where there is nothing else, all lanes are empty. What an
 * empty queue has is on its way to the kernel, and not charged: should that take none of it, no
 * more than overdrafts may be is left of it. */
static void measure_room(const struct net *net, struct dest *dest)
{
    bool is_short = net_is_short(net);
    uint64_t most = net->overdraft_max / (dest->n_receivers ? dest->n_receivers : 1);
    dest->room_era = net->burst->era;
    dest->room = least32(most < CONN_QUEUE_BYTES ? most : CONN_QUEUE_BYTES, dest->max_bytes);
    dest->room_n = dest->max_messages;
    for (uint32_t i = 0; i < dest->n_receivers; i++) {
        if (dest->receivers[i].client->conn.out.head || is_short)
            look_into_queue(dest, &dest->receivers[i]);
    }
}

/* At worst all that is in the burst is for the same queue. */
static inline bool find_room(const struct net *net, struct dest *dest, struct run *run)
{
    const struct burst *burst = net->burst;
    if (dest->room_era != burst->era)
        measure_room(net, dest);
    run->room = (uint32_t)left(dest->room, burst->n_bytes);
    run->room_n = (uint32_t)left(dest->room_n, burst->n_messages);
    return run->room_n > 0 && run->len <= run->room;
}

/* More for one whose queue has to be granted what comes: a whole read more, so that it is not asked
 * for each message. Whether it got some. */
static bool raise_grant(struct conn *conn, uint64_t n_bytes, uint64_t n_messages)
{
    uint64_t needed = conn_queued(conn) + n_bytes;
    uint64_t wanted = needed + READ_BLOCK;
    uint64_t room = conn_room(conn, QUOTA_QUEUED_BYTES);
    n_messages += conn->out.n_messages;
    if (needed <= conn->account.use[QUOTA_QUEUED_BYTES] &&
        n_messages <= conn->account.use[QUOTA_QUEUED_MESSAGES])
        return false;
    return needed <= CONN_QUEUE_BYTES && needed <= room &&
           conn_raise(conn, wanted < room ? wanted : room, n_messages + READ_MESSAGES);
}

static bool raise_grants(struct net *net, const struct dest *dest, const struct run *run)
{
    bool is_short = net_is_short(net);
    bool raised = false;
    for (uint32_t i = 0; i < dest->n_receivers; i++) {
        struct conn *conn = &dest->receivers[i].client->conn;
        if (conn_is_live(conn) && (conn->out.head || is_short))
            raised |= raise_grant(conn, net->burst->n_bytes + run->len,
                                  (uint64_t)net->burst->n_messages + 1);
    }
    return raised;
}

/* Whether the room of so many empty queues is used up: that is what they are written for. */
static bool is_much(const struct net *net, const struct dest *dest, const struct run *run)
{
    return (net->burst->n_bytes + run->len) * dest->n_receivers > net->overdraft_max;
}

/* There may be some, with more granted, with the burst written, or with the books right. */
static bool find_more_room(struct net *net, struct dest *dest, struct run *run)
{
    if (raise_grants(net, dest, run)) {
        net->burst->era++; /* for other subjects, too */
        if (find_room(net, dest, run))
            return true;
    }
    if (net->burst->n_messages == 0)
        return false;
    if (is_much(net, dest, run))
        net_write_burst(net);
    else
        net_settle(net);
    return find_room(net, dest, run);
}

/* Whether the run, one message yet, may go to all without more ado. */
static inline bool passes(struct route *route, struct dest *dest, struct run *run)
{
    return !dest->one_by_one && (find_room(route->net, dest, run) ||
                                 find_more_room(route->net, dest, run));
}

static inline void count_routed(struct route *route, const struct run *run, const struct dest *dest)
{
    struct client *from = run->from;
    uint32_t n = run->n;
    uint64_t reached = (uint64_t)dest->n_matched * n;
    route->counters->deliveries += reached;
    if (reached == 0)
        route->counters->messages_unmatched += n;
    if (!from)
        return;
    from->n_matched += reached;
    if (pace_is_shared(&route->net->quota->pace))
        pace_routed(&from->conn.account.user->pace, run->len, dest->n_matched);
}

void run_end(struct route *route)
{
    struct run *run = &route->run;
    struct dest *dest = run->dest;
    if (!dest)
        return;
    run->dest = NULL;
    count_routed(route, run, dest);
    if (dest->shared)
        burst_close(route->net->burst, run->len, run->n);
    else
        deliver_run(route, run, dest);
}

void route_settle(struct route *route)
{
    run_end(route);
    net_settle(route->net);
}

static void open_run(struct route *route, struct dest *dest)
{
    struct burst *burst = route->net->burst;
    if (dest->shared) {
        if (burst_is_full(burst) || !burst_has_room(burst, dest->n_receivers))
            net_write_burst(route->net);
        deliver_share(burst, &route->run, dest);
    }
    route->run.dest = dest;
}

/* Another subject for the very same receivers goes on with the run. */
static inline bool same_receivers(const struct dest *a, const struct dest *b)
{
    return a->shared && b->shared && a->n_receivers == b->n_receivers &&
           a->receivers[0].to == b->receivers[0].to &&
           memcmp(a->receivers, b->receivers, a->n_receivers * sizeof(struct receiver)) == 0;
}

bool run_begin(struct route *route, struct client *from, struct dest *dest, struct block *block,
               uint32_t off, uint32_t len)
{
    struct run *run = &route->run;
    if (run->dest && run->dest != dest && same_receivers(run->dest, dest)) {
        run->dest = dest; /* if it does not fit, run_add comes back, and finds the run its own */
        return run_add(route, run, from, dest, block, off, len);
    }
    run_end(route);
    *run = (struct run){ .from = from, .block = block, .off = off, .len = len, .n = 1 };
    if (passes(route, dest, run)) {
        open_run(route, dest);
    } else {
        net_look_sooner(route->net, dest->n_matched * AS_DEAR_AS);
        if (!deliver_one(route, run, dest))
            return false;
        count_routed(route, run, dest);
    }
    if (from)
        hold_passed(from);
    return true;
}
