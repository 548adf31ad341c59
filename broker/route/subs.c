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

static bool is_wildcard(const struct node *node)
{
    return node->edge.parent != 0;
}

/* A pattern without wildcards is one subject: the answers for all others stay good. */
static void node_changed(struct route *route, const struct node *node)
{
    if (is_wildcard(node))
        route_changed(route);
    else
        dest_changed(route, node->text, node->edge.len);
}

static enum quota_kind kind_of(const struct registration *reg)
{
    return reg->lane.is_service ? QUOTA_SERVERS : QUOTA_SUBSCRIPTIONS;
}

static enum status charge(struct account *account, const struct registration *reg,
                          const struct node *node, struct quota_refusal *refusal)
{
    enum status status = account_add(account, kind_of(reg), 1, refusal);
    if (status != STATUS_OK || !is_wildcard(node))
        return status;
    status = account_add(account, QUOTA_WILDCARDS, 1, refusal);
    if (status != STATUS_OK)
        account_sub(account, kind_of(reg), 1);
    return status;
}

static void discharge(struct account *account, const struct registration *reg,
                      const struct node *node)
{
    account_sub(account, kind_of(reg), 1);
    if (is_wildcard(node))
        account_sub(account, QUOTA_WILDCARDS, 1);
}

static struct quota_refusal overlap_refusal(void)
{
    return (struct quota_refusal){
        .status = STATUS_QUOTA,
        .limit = "overlap",
        .value = MAX_OVERLAP,
        .used = MAX_OVERLAP,
    };
}

/* Whether the client has registered for the pattern so often in a row that one more would never
 * get anything. Others in between hide it from here, not from dest_make.c. */
static bool is_overdone(const struct slab *slab, const struct client *client, slab_ref list)
{
    unsigned n = 0;
    const struct registration *reg = slab_at(slab, list);
    for (; reg && reg->client == client && n < MAX_OVERLAP; n++)
        reg = slab_at(slab, reg->node_next);
    return n == MAX_OVERLAP;
}

static enum status hang_on_node(struct route *route, struct client *client,
                                struct registration *reg, struct node *node,
                                struct quota_refusal *refusal)
{
    slab_ref *list = list_of(node, reg);
    if (is_overdone(&route->slab, client, *list)) {
        *refusal = overlap_refusal();
        return STATUS_QUOTA;
    }
    enum status status = charge(&client->conn.account, reg, node, refusal);
    if (status != STATUS_OK)
        return status;
    if (table_add(&client->sids, &sid_kind, &route->slab, reg) < 0) {
        discharge(&client->conn.account, reg, node);
        return STATUS_NO_MEMORY;
    }
    reg->client = client;
    reg->node = slab_ref_of(node);
    hang_on(&route->slab, list, reg);
    node_changed(route, node);
    return STATUS_OK;
}

/* If it is not STATUS_OK, nothing has happened. */
static enum status registration_begin(struct route *route, struct client *client,
                                      struct registration *reg, const char *pattern,
                                      size_t pattern_len, struct quota_refusal *refusal)
{
    struct node *node = index_node(&route->index, pattern, pattern_len);
    if (!node)
        return STATUS_NO_MEMORY;
    enum status status = hang_on_node(route, client, reg, node, refusal);
    if (status != STATUS_OK)
        index_release(&route->index, node);
    return status;
}

static void registration_end(struct route *route, struct registration *reg)
{
    struct node *node = slab_at(&route->slab, reg->node);
    take_off(&route->slab, list_of(node, reg), reg);
    node_changed(route, node);
    row_forget(route, reg->client);
    discharge(&reg->client->conn.account, reg, node);
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

enum status sub_add(struct route *route, struct client *client, const struct sub_wish *wish,
                    struct quota_refusal *refusal)
{
    struct sub *sub = sub_new(route, wish);
    if (!sub)
        return STATUS_NO_MEMORY;
    enum status status = registration_begin(route, client, &sub->reg, wish->pattern,
                                            wish->pattern_len, refusal);
    if (status != STATUS_OK) {
        extra_free(sub->extra);
        slab_give(sub);
        return status;
    }
    client->n_subs++;
    route->n_subs++;
    return STATUS_OK;
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

enum status service_add(struct route *route, struct client *client,
                        const struct service_wish *wish, struct quota_refusal *refusal)
{
    struct service *service = slab_take(&route->slab, sizeof *service);
    if (!service)
        return STATUS_NO_MEMORY;
    *service = (struct service){ .max_open = wish->max_open };
    lane_init(&service->reg.lane, wish->sid, SUB_QUEUE_BYTES, SUB_QUEUE_MESSAGES);
    service->reg.lane.is_service = true;
    service->reg.lane.solo.credentials = wish->credentials;
    enum status status = registration_begin(route, client, &service->reg, wish->pattern,
                                            wish->pattern_len, refusal);
    if (status != STATUS_OK) {
        slab_give(service);
        return status;
    }
    service->client_next = client->services;
    if (client->services)
        client->services->client_prev = service;
    client->services = service;
    route->n_services++;
    return STATUS_OK;
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
