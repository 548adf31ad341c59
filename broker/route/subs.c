#include "broker/route/subs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/route/dest.h"
#include "broker/route/hold.h"
#include "broker/route/latest.h"
#include "broker/route/route.h"

/* ---- sids ------------------------------------------------------------------ */

/* Sids that follow each other stand side by side, since they come and go in a row; but only
 * 16 of them: without the seed nobody finds more that meet in one bucket. */
enum { ROW = 16 };

static uint32_t hash_sid(const struct client *client, uint64_t sid)
{
    uint64_t seed = client->route->seed;
    uint64_t row = sid / ROW * (seed | 1) + (seed >> 7);
    return (uint32_t)(row >> 32) * ROW + (uint32_t)(sid % ROW);
}

static uint32_t sid_hash(const struct table *table, const void *reg)
{
    const struct client *client =
        (const struct client *)((const char *)table - offsetof(struct client, sids));
    return hash_sid(client, ((const struct registration *)reg)->lane.sid);
}

static const struct table_kind sid_kind = { offsetof(struct registration, next_sid), sid_hash };

struct registration *sid_find(const struct client *client, uint64_t sid)
{
    const struct slab *slab = &client->route->slab;
    struct registration *reg = slab_at(slab, table_first(&client->sids, hash_sid(client, sid)));
    while (reg && reg->lane.sid != sid)
        reg = slab_at(slab, reg->next_sid);
    return reg;
}

struct registration *sid_next(const struct client *client, const struct registration *reg)
{
    return table_next(&client->sids, &sid_kind, &client->route->slab, reg);
}

struct registration *sid_any(struct client *client)
{
    return table_any(&client->sids, &client->route->slab);
}

/* ---- both ------------------------------------------------------------------ */

static void hang_on(const struct slab *slab, slab_ref *list, struct registration *reg)
{
    struct registration *next = slab_at(slab, *list);
    reg->node_prev = 0;
    reg->node_next = *list;
    if (next)
        next->node_prev = slab_ref_of(reg);
    *list = slab_ref_of(reg);
}

static void take_off(const struct slab *slab, slab_ref *list, const struct registration *reg)
{
    struct registration *prev = slab_at(slab, reg->node_prev);
    struct registration *next = slab_at(slab, reg->node_next);
    *(prev ? &prev->node_next : list) = reg->node_next;
    if (next)
        next->node_prev = reg->node_prev;
}

static slab_ref *list_of(struct node *node, const struct registration *reg)
{
    return reg->lane.is_service ? &node->services : &node->subs;
}

/* A pattern without wildcards is one subject: the answers for all others stay good. */
static void node_changed(struct route *route, const struct node *node)
{
    if (node->edge.parent)
        route_changed(route);
    else
        dest_changed(route, node->text, node->edge.len);
}

/* 0 or -ENOMEM, and then nothing has happened. */
static int registration_begin(struct route *route, struct client *client,
                              struct registration *reg, const char *pattern, size_t pattern_len)
{
    struct node *node = index_node(&route->index, pattern, pattern_len);
    if (!node)
        return -ENOMEM;
    if (table_add(&client->sids, &sid_kind, &route->slab, reg) < 0) {
        index_release(&route->index, node);
        return -ENOMEM;
    }
    reg->client = client;
    reg->node = slab_ref_of(node);
    hang_on(&route->slab, list_of(node, reg), reg);
    node_changed(route, node);
    return 0;
}

static void registration_end(struct route *route, struct registration *reg)
{
    struct node *node = slab_at(&route->slab, reg->node);
    take_off(&route->slab, list_of(node, reg), reg);
    node_changed(route, node);
    index_release(&route->index, node);
    reg->node = 0;
    table_remove(&reg->client->sids, &sid_kind, &route->slab, reg);
    lane_unref(&reg->lane);
}

/* ---- subscriptions --------------------------------------------------------- */

static struct sub_extra *extra_free(struct sub_extra *extra)
{
    if (extra)
        latest_free(extra->latest);
    slab_give(extra);
    return NULL;
}

/* false: no memory. */
static bool extra_new(struct route *route, struct sub *sub, const struct sub_wish *wish)
{
    size_t group_len = wish->group ? wish->group_len : 0;
    if (!wish->group && wish->after == 0 && wish->policy != POLICY_LATEST)
        return true;
    size_t size = sizeof(struct sub_extra) + group_len + 1;
    struct sub_extra *extra = slab_take(&route->slab, SLAB_ALIGNED(size, struct sub_extra));
    if (!extra)
        return false;
    *extra = (struct sub_extra){ .remaining = wish->after };
    memcpy(extra->group, wish->group ? wish->group : "", group_len);
    extra->group[group_len] = '\0';
    if (wish->policy == POLICY_LATEST && !(extra->latest = latest_new(&sub->reg.lane)))
        extra = extra_free(extra);
    sub->extra = extra;
    return extra;
}

static struct sub *sub_new(struct route *route, const struct sub_wish *wish)
{
    struct sub *sub = slab_take(&route->slab, sizeof *sub);
    if (!sub)
        return NULL;
    *sub = (struct sub){ 0 };
    lane_init(&sub->reg.lane, wish->sid, wish->max_bytes, wish->max_messages);
    sub->reg.lane.policy = (uint8_t)wish->policy;
    sub->reg.lane.solo.credentials = wish->credentials;
    sub->reg.lane.solo.single = wish->policy == POLICY_LATEST;
    if (extra_new(route, sub, wish))
        return sub;
    slab_give(sub);
    return NULL;
}

int sub_add(struct route *route, struct client *client, const struct sub_wish *wish)
{
    struct sub *sub = sub_new(route, wish);
    if (!sub)
        return -ENOMEM;
    if (registration_begin(route, client, &sub->reg, wish->pattern, wish->pattern_len) < 0) {
        extra_free(sub->extra);
        slab_give(sub);
        return -ENOMEM;
    }
    client->n_subs++;
    route->n_subs++;
    return 0;
}

void sub_remove(struct route *route, struct sub *sub)
{
    struct client *client = sub->reg.client;
    client->n_subs--;
    route->n_subs--;
    sub->extra = extra_free(sub->extra);
    hold_forget_lane(client, &sub->reg.lane);
    registration_end(route, &sub->reg);
    hold_room(client); /* who waited for this one need not any more */
}

/* ---- services -------------------------------------------------------------- */

int service_add(struct route *route, struct client *client, const struct service_wish *wish)
{
    struct service *service = slab_take(&route->slab, sizeof *service);
    if (!service)
        return -ENOMEM;
    *service = (struct service){ .max_open = wish->max_open };
    lane_init(&service->reg.lane, wish->sid, SUB_QUEUE_BYTES, SUB_QUEUE_MESSAGES);
    service->reg.lane.is_service = true;
    service->reg.lane.solo.credentials = wish->credentials;
    if (registration_begin(route, client, &service->reg, wish->pattern, wish->pattern_len) < 0) {
        slab_give(service);
        return -ENOMEM;
    }
    service->client_next = client->services;
    if (client->services)
        client->services->client_prev = service;
    client->services = service;
    route->n_services++;
    return 0;
}

void service_remove(struct route *route, struct service *service)
{
    struct client *client = service->reg.client;
    *(service->client_prev ? &service->client_prev->client_next : &client->services) =
        service->client_next;
    if (service->client_next)
        service->client_next->client_prev = service->client_prev;
    route->n_services--;
    registration_end(route, &service->reg);
}
