#include "broker/route/run.h"

#include <stdlib.h>

#include "broker/route/deliver.h"
#include "broker/route/hold.h"
#include "broker/route/route.h"

static uint32_t least32(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

static uint64_t left(uint64_t limit, uint64_t used)
{
    return used < limit ? limit - used : 0;
}

/* What fits into the queues of all receivers without any policy having a say. */
static void measure_room(struct run *run, const struct dest *dest)
{
    run->room = UINT32_MAX;
    run->room_n = UINT32_MAX;
    for (uint32_t i = 0; i < dest->n_receivers; i++) {
        const struct receiver *receiver = &dest->receivers[i];
        run->room = least32(left(CONN_QUEUE_BYTES, receiver->client->conn.out.n_bytes), run->room);
        for (uint32_t j = 0; j < receiver->to->n; j++) {
            const struct lane *lane = receiver->to->lanes[j];
            run->room = least32(left(lane->max_bytes, lane->n_bytes), run->room);
            run->room_n = least32(left(lane->max_messages, lane->n_messages), run->room_n);
        }
    }
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
    deliver_run(route, run, dest);
}

bool run_begin(struct route *route, struct client *from, struct dest *dest, struct block *block,
               uint32_t off, uint32_t len)
{
    run_end(route);
    struct run begun = { .from = from, .block = block, .off = off, .len = len, .n = 1 };
    if (!dest->one_by_one) {
        measure_room(&begun, dest);
        if (begun.room_n > 0 && len <= begun.room) {
            begun.dest = dest;
            route->run = begun;
            if (from)
                hold_passed(from);
            return true;
        }
    }
    if (!deliver_one(route, &begun, dest))
        return false;
    if (from)
        hold_passed(from);
    count_routed(route, from, dest, 1);
    return true;
}
