/* Subscriptions and services: the registry, and what hangs where.
 *
 * Each is a lane of its client's queue, stands in its client's table of sids, and hangs
 * on a node of the index. Removing it undoes all three; the lane's memory stays
 * until the messages queued for it are gone. All live in the route's slab and are linked by
 * its references. A subscription takes 104 bytes, and 4 in the table of sids. It is charged to
 * its connection (guard/account.h), in numbers: as long as it stands in the table.
 */
#pragma once

#include <stdbool.h>

#include "broker/guard/refusal.h"
#include "broker/net/lane.h"
#include "broker/net/slab.h"
#include "broker/route/client.h"
#include "broker/route/index.h"
#include "proto/opcode.h"

struct latest;

/* What sids name. First member of both. */
struct registration {
    struct lane lane;
    struct client *client;
    slab_ref node;      /* 0: it has ended */
    slab_ref next_sid;  /* in its bucket */
    slab_ref node_next; /* of the same kind on the same node */
    slab_ref node_prev;
};

struct sub {
    struct registration reg;
    struct sub_extra *extra; /* NULL: it has nothing of that */
};

/* What few subscriptions have. */
struct sub_extra {
    uint64_t remaining;    /* messages until it ends by itself; 0: never */
    struct latest *latest; /* policy latest: where each subject is queued; else NULL */
    char group[];          /* its name; empty: none */
};

struct service {
    struct registration reg;
    uint32_t max_open;
    uint32_t n_open;
    struct service *client_next;
    struct service *client_prev;
};

/* The client's subscription or service with that sid; NULL. */
struct registration *sid_find(const struct client *client, uint64_t sid);
/* All of a client, in no order: the first for NULL, else the one behind `reg`; NULL: that was
 * all. None may come or go in between. */
struct registration *sid_next(const struct client *client, const struct registration *reg);
/* One of them, for who ends all; NULL: there is none. */
struct registration *sid_any(struct client *client);

struct sub_wish {
    uint32_t sid;
    const char *pattern;   /* valid */
    size_t pattern_len;
    const char *group;     /* valid, or NULL */
    size_t group_len;
    enum policy policy;
    uint32_t max_bytes;
    uint32_t max_messages;
    uint64_t after;
    bool credentials;
};

/* The sid is free (sid_find). STATUS_OK; STATUS_NO_MEMORY; STATUS_QUOTA: *refusal says which
 * limit. */
enum status sub_add(struct route *route, struct client *client, const struct sub_wish *wish,
                    struct quota_refusal *refusal);
void sub_remove(struct route *route, struct sub *sub);

struct service_wish {
    uint32_t sid;
    const char *pattern;   /* valid */
    size_t pattern_len;
    uint32_t max_open;
    bool credentials;
};

/* As sub_add. */
enum status service_add(struct route *route, struct client *client,
                        const struct service_wish *wish, struct quota_refusal *refusal);
void service_remove(struct route *route, struct service *service);

static inline struct sub *sub_of(struct lane *lane)
{
    return (struct sub *)lane;
}

/* NULL: it is in no group. */
static inline const char *sub_group(const struct sub *sub)
{
    return sub->extra && sub->extra->group[0] ? sub->extra->group : NULL;
}

static inline struct latest *sub_latest(const struct sub *sub)
{
    return sub->extra ? sub->extra->latest : NULL;
}

/* Messages until it ends by itself; 0: never. */
static inline uint64_t sub_remaining(const struct sub *sub)
{
    return sub->extra ? sub->extra->remaining : 0;
}

/* The first and the next of the subscriptions on a node; NULL: there is none. */
static inline struct sub *node_sub(const struct slab *slab, const struct node *node)
{
    return slab_at(slab, node->subs);
}

static inline struct sub *sub_next(const struct slab *slab, const struct sub *sub)
{
    return slab_at(slab, sub->reg.node_next);
}

static inline struct service *node_service(const struct slab *slab, const struct node *node)
{
    return slab_at(slab, node->services);
}

static inline struct service *service_next(const struct slab *slab, const struct service *service)
{
    return slab_at(slab, service->reg.node_next);
}
