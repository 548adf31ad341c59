/* What the index finds for one subject, by client: what a dest is made of (dest_make.c).
 *
 * Policy is asked once for each client, not for each of its subscriptions, which may overlap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/route/subs.h"

enum { FOUND_FEW = 16 }; /* need no memory of their own */

/* Plain subscriptions are of no group. */
enum found_kind { FOUND_PLAIN, FOUND_GROUPED, FOUND_SERVICES };

struct found_client {
    struct client *client;
    uint32_t n[2];      /* subscriptions, services */
    uint32_t n_plain;   /* subscriptions of no group */
    uint32_t end;       /* where its part of a list by client ends */
    uint8_t verdict[2]; /* of policy; 0: it has not been asked */
};

struct found_reg {
    struct registration *reg;
    uint32_t of; /* whose it is: its place in `clients` */
};

/* A list that grows: `few` until it is too short. */
struct found_list {
    void *items;
    uint32_t n;
    uint32_t cap;
};

struct found {
    const struct slab *slab;
    const char *subject;
    size_t subject_len;
    struct found_list clients;
    struct found_list lists[FOUND_SERVICES + 1];
    bool failed;             /* no memory: nothing more is found */
    struct client *overdone; /* has too many; NULL: nobody has */
    struct found_client few_clients[FOUND_FEW];
    struct found_reg few_plain[FOUND_FEW];
};

/* All that the index has for a valid subject. `found` owns memory until found_deinit, whether it
 * failed or not. */
void found_make(struct found *found, const struct index *index, const char *subject, size_t len);
void found_deinit(struct found *found);

/* The clients in order of their ids; the array is the caller's. NULL: no memory. */
struct found_client **found_order(const struct found *found);
/* The lanes of one list, client by client in that order: those of one end before its `end`. The
 * array is the caller's. NULL: no memory. */
struct lane **found_by_client(const struct found *found, enum found_kind kind,
                              struct found_client *const *order);
/* How many of them are the client's. */
uint32_t found_count(const struct found_client *whose, enum found_kind kind);

static inline struct found_client *found_clients(const struct found *found)
{
    return found->clients.items;
}

static inline struct found_reg *found_regs(const struct found_list *list)
{
    return list->items;
}
