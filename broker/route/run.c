#include "broker/route/run.h"

#include <string.h>

#include "broker/route/deliver.h"
#include "broker/route/hold.h"
#include "broker/route/route.h"

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
    dest->room = least32(left(CONN_QUEUE_BYTES, receiver->client->conn.out.n_bytes), dest->room);
    for (uint32_t i = 0; i < receiver->to->n; i++) {
        const struct lane *lane = receiver->to->lanes[i];
        dest->room = least32(left(lane->max_bytes, lane->n_bytes), dest->room);
        dest->room_n = least32(left(lane->max_messages, lane->n_messages), dest->room_n);
    }
}

/* What fits into the queues of all receivers without any policy having a say. Of what is in
 * the burst the books say nothing yet; where there is nothing else, all lanes are empty. */
static void measure_room(struct dest *dest, uint64_t era)
{
    dest->room_era = era;
    dest->room = least32(CONN_QUEUE_BYTES, dest->max_bytes);
    dest->room_n = dest->max_messages;
    for (uint32_t i = 0; i < dest->n_receivers; i++) {
        if (dest->receivers[i].client->conn.out.head)
            look_into_queue(dest, &dest->receivers[i]);
    }
}

/* At worst all that is in the burst is for the same queue. */
static inline bool find_room(const struct burst *burst, struct dest *dest, struct run *run)
{
    if (dest->room_era != burst->era)
        measure_room(dest, burst->era);
    run->room = (uint32_t)left(dest->room, burst->n_bytes);
    run->room_n = (uint32_t)left(dest->room_n, burst->n_messages);
    return run->room_n > 0 && run->len <= run->room;
}

/* With the books right there may be some. */
static bool find_more_room(struct net *net, struct dest *dest, struct run *run)
{
    if (net->burst->n_messages == 0)
        return false; /* they are */
    net_settle(net);
    return find_room(net->burst, dest, run);
}

/* Whether the run, one message yet, may go to all without more ado. */
static inline bool passes(struct route *route, struct dest *dest, struct run *run)
{
    return !dest->one_by_one && (find_room(route->net->burst, dest, run) ||
                                 find_more_room(route->net, dest, run));
}

static void count_routed(struct route *route, struct client *from, const struct dest *dest,
                         uint32_t n)
{
    uint64_t reached = (uint64_t)dest->n_matched * n;
    route->counters->deliveries += reached;
    if (reached == 0)
        route->counters->messages_unmatched += n;
    if (from)
        from->n_matched += reached;
}

void run_end(struct route *route)
{
    struct run *run = &route->run;
    struct dest *dest = run->dest;
    if (!dest)
        return;
    run->dest = NULL;
    count_routed(route, run->from, dest, run->n);
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
        run->dest = dest; /* if it does not fit, run_add comes back here, and finds the run its own */
        return run_add(route, run, from, dest, block, off, len);
    }
    run_end(route);
    *run = (struct run){ .from = from, .block = block, .off = off, .len = len, .n = 1 };
    if (passes(route, dest, run)) {
        open_run(route, dest);
    } else {
        if (!deliver_one(route, run, dest))
            return false;
        count_routed(route, from, dest, 1);
    }
    if (from)
        hold_passed(from);
    return true;
}
