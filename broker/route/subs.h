/* Subscriptions and services: the registry, and what hangs where.
 *
 * Each is a lane of its client's queue, a member of its client's list, an entry
 * of the table of sids, and hangs on a node of the index. Removing it undoes all
 * four; the lane's memory stays until the messages queued for it are gone.
 */
#pragma once

#include <stdbool.h>

#include "broker/net/lane.h"
#include "broker/route/client.h"
#include "broker/route/index.h"
#include "proto/opcode.h"

struct latest;

/* What sids name. First member of both. */
struct registration {
    struct lane lane;
    struct client *client;
    struct node *node;
    struct registration *next_sid;
    bool is_service;
};

struct sub {
    struct registration reg;
    uint8_t policy;          /* enum policy */
    uint64_t remaining;      /* messages until it ends by itself; 0: never */
    char *group;             /* NULL: none */
    struct latest *latest;   /* policy latest: where each subject is queued */
    struct sub *node_next;
    struct sub *node_prev;
    struct sub *client_next;
    struct sub *client_prev;
};

struct service {
    struct registration reg;
    uint32_t max_open;
    uint32_t n_open;
    struct service *node_next;
    struct service *node_prev;
    struct service *client_next;
    struct service *client_prev;
};

struct sid_table {
    struct registration **buckets;
    uint32_t n_buckets;
    uint32_t n;
};

int sid_table_init(struct sid_table *table);
void sid_table_deinit(struct sid_table *table);
/* The client's subscription or service with that sid; NULL. */
struct registration *sid_find(const struct sid_table *table, const struct client *client,
                              uint64_t sid);

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

/* 0 or -ENOMEM. The sid is free (sid_find). */
int sub_add(struct route *route, struct client *client, const struct sub_wish *wish);
void sub_remove(struct route *route, struct sub *sub);

struct service_wish {
    uint32_t sid;
    const char *pattern;   /* valid */
    size_t pattern_len;
    uint32_t max_open;
    bool credentials;
};

int service_add(struct route *route, struct client *client, const struct service_wish *wish);
void service_remove(struct route *route, struct service *service);

static inline struct sub *sub_of(struct lane *lane)
{
    return (struct sub *)lane;
}
