#include "broker/route/subs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/route/hold.h"
#include "broker/route/latest.h"
#include "broker/route/route.h"

enum { SID_BUCKETS_MIN = 64 };

/* ---- the table of sids ---------------------------------------------------- */

static uint32_t sid_hash(const struct client *client, uint64_t sid)
{
    uint64_t h = (client->conn.card->id * UINT64_C(0x9e3779b97f4a7c15)) ^ sid;
    return (uint32_t)((h * UINT64_C(0xd6e8feb86659fd93)) >> 32);
}

int sid_table_init(struct sid_table *table)
{
    *table = (struct sid_table){ .n_buckets = SID_BUCKETS_MIN };
    table->buckets = calloc(SID_BUCKETS_MIN, sizeof(struct registration *));
    return table->buckets ? 0 : -ENOMEM;
}

void sid_table_deinit(struct sid_table *table)
{
    free(table->buckets);
    *table = (struct sid_table){ 0 };
}

static struct registration **sid_bucket(const struct sid_table *table,
                                        const struct client *client, uint64_t sid)
{
    return &table->buckets[sid_hash(client, sid) & (table->n_buckets - 1)];
}

struct registration *sid_find(const struct sid_table *table, const struct client *client,
                              uint64_t sid)
{
    struct registration *reg = *sid_bucket(table, client, sid);
    while (reg && !(reg->client == client && reg->lane.sid == sid))
        reg = reg->next_sid;
    return reg;
}

static void sid_grow(struct sid_table *table)
{
    struct sid_table old = *table;
    struct sid_table grown = { .n_buckets = old.n_buckets * 2, .n = old.n };
    grown.buckets = calloc(grown.n_buckets, sizeof(struct registration *));
    if (!grown.buckets)
        return; /* longer chains, nothing worse */
    for (uint32_t i = 0; i < old.n_buckets; i++) {
        for (struct registration *reg = old.buckets[i], *next; reg; reg = next) {
            next = reg->next_sid;
            struct registration **bucket = sid_bucket(&grown, reg->client, reg->lane.sid);
            reg->next_sid = *bucket;
            *bucket = reg;
        }
    }
    free(old.buckets);
    *table = grown;
}

static void sid_add(struct sid_table *table, struct registration *reg)
{
    if (++table->n > table->n_buckets)
        sid_grow(table);
    struct registration **bucket = sid_bucket(table, reg->client, reg->lane.sid);
    reg->next_sid = *bucket;
    *bucket = reg;
}

static void sid_remove(struct sid_table *table, struct registration *reg)
{
    struct registration **link = sid_bucket(table, reg->client, reg->lane.sid);
    while (*link != reg)
        link = &(*link)->next_sid;
    *link = reg->next_sid;
    table->n--;
}

/* ---- both ------------------------------------------------------------------ */

#define LINK(list, item, next, prev) \
    do {                             \
        (item)->prev = NULL;         \
        (item)->next = (list);       \
        if (list)                    \
            (list)->prev = (item);   \
        (list) = (item);             \
    } while (0)

#define UNLINK(list, item, next, prev)                                \
    do {                                                              \
        *((item)->prev ? &(item)->prev->next : &(list)) = (item)->next; \
        if ((item)->next)                                             \
            (item)->next->prev = (item)->prev;                        \
    } while (0)

static void registration_end(struct route *route, struct registration *reg)
{
    sid_remove(&route->sids, reg);
    index_release(&route->index, reg->node);
    reg->node = NULL;
    route_changed(route);
    lane_unref(&reg->lane);
}

/* ---- subscriptions --------------------------------------------------------- */

static struct sub *sub_new(const struct sub_wish *wish)
{
    struct sub *sub = calloc(1, sizeof *sub);
    if (!sub)
        return NULL;
    lane_init(&sub->reg.lane, wish->sid, wish->max_bytes, wish->max_messages);
    sub->reg.lane.solo.credentials = wish->credentials;
    sub->reg.lane.solo.single = wish->policy == POLICY_LATEST;
    sub->policy = (uint8_t)wish->policy;
    sub->remaining = wish->after;
    bool ok = true;
    if (wish->group)
        ok = (sub->group = strndup(wish->group, wish->group_len));
    if (ok && wish->policy == POLICY_LATEST)
        ok = (sub->latest = latest_new(&sub->reg.lane));
    if (ok)
        return sub;
    free(sub->group);
    free(sub);
    return NULL;
}

int sub_add(struct route *route, struct client *client, const struct sub_wish *wish)
{
    struct sub *sub = sub_new(wish);
    struct node *node = sub ? index_node(&route->index, wish->pattern, wish->pattern_len) : NULL;
    if (!node) {
        if (sub) {
            free(sub->group);
            latest_free(sub->latest);
            free(sub);
        }
        return -ENOMEM;
    }
    sub->reg.client = client;
    sub->reg.node = node;
    LINK(node->subs, sub, node_next, node_prev);
    LINK(client->subs, sub, client_next, client_prev);
    sid_add(&route->sids, &sub->reg);
    client->n_subs++;
    route->n_subs++;
    route_changed(route);
    return 0;
}

void sub_remove(struct route *route, struct sub *sub)
{
    struct client *client = sub->reg.client;
    route_settle(route);
    UNLINK(sub->reg.node->subs, sub, node_next, node_prev);
    UNLINK(client->subs, sub, client_next, client_prev);
    client->n_subs--;
    route->n_subs--;
    sub->latest = latest_free(sub->latest);
    free(sub->group);
    sub->group = NULL;
    registration_end(route, &sub->reg);
    if (client->hold.first)
        hold_room(client); /* who waited for this one need not any more */
}

/* ---- services -------------------------------------------------------------- */

int service_add(struct route *route, struct client *client, const struct service_wish *wish)
{
    struct service *service = calloc(1, sizeof *service);
    struct node *node = service ? index_node(&route->index, wish->pattern, wish->pattern_len) : NULL;
    if (!node) {
        free(service);
        return -ENOMEM;
    }
    lane_init(&service->reg.lane, wish->sid, SUB_QUEUE_BYTES, SUB_QUEUE_MESSAGES);
    service->reg.lane.solo.credentials = wish->credentials;
    service->reg.client = client;
    service->reg.node = node;
    service->reg.is_service = true;
    service->max_open = wish->max_open;
    LINK(node->services, service, node_next, node_prev);
    LINK(client->services, service, client_next, client_prev);
    sid_add(&route->sids, &service->reg);
    client->n_services++;
    route->n_services++;
    route_changed(route);
    return 0;
}

void service_remove(struct route *route, struct service *service)
{
    struct client *client = service->reg.client;
    UNLINK(service->reg.node->services, service, node_next, node_prev);
    UNLINK(client->services, service, client_next, client_prev);
    client->n_services--;
    route->n_services--;
    registration_end(route, &service->reg);
}
