#include "broker/route/found.h"

#include <stdlib.h>
#include <string.h>

#include "broker/route/client.h"

enum { ALLOWED = 1, REFUSED };

/* ---- lists ------------------------------------------------------------------- */

static bool grow(struct found_list *list, const void *few, size_t size)
{
    uint32_t cap = list->cap ? list->cap * 4 : FOUND_FEW;
    bool is_own = list->items && list->items != few;
    void *items = reallocarray(is_own ? list->items : NULL, cap, size);
    if (!items)
        return false;
    if (!is_own && list->n > 0)
        memcpy(items, few, list->n * size);
    list->items = items;
    list->cap = cap;
    return true;
}

static void add_reg(struct found *found, enum found_kind kind, struct registration *reg,
                    const struct found_client *whose)
{
    struct found_list *list = &found->lists[kind];
    if (list->n == list->cap && !grow(list, found->few_plain, sizeof(struct found_reg))) {
        found->failed = true;
        return;
    }
    found_regs(list)[list->n++] = (struct found_reg){ reg, whose->client->mark - 1 };
}

/* NULL: no memory. */
static struct found_client *client_of(struct found *found, struct client *client)
{
    struct found_list *list = &found->clients;
    if (client->mark > 0)
        return &found_clients(found)[client->mark - 1];
    if (list->n == list->cap && !grow(list, found->few_clients, sizeof(struct found_client))) {
        found->failed = true;
        return NULL;
    }
    struct found_client *whose = &found_clients(found)[list->n];
    *whose = (struct found_client){ .client = client };
    client->mark = ++list->n;
    return whose;
}

/* ---- what counts --------------------------------------------------------------- */

/* A pattern may be allowed where not all of its subjects are. */
static bool is_allowed(const struct found *found, struct found_client *whose,
                       const struct registration *reg)
{
    bool is_service = reg->lane.is_service;
    uint8_t *verdict = &whose->verdict[is_service];
    enum policy_verb verb = is_service ? VERB_SERVE : VERB_SUBSCRIBE;
    if (*verdict == 0)
        *verdict = rights_pass(whose->client->rights, verb, found->subject) ||
                           !client_refused(whose->client, verb, found->subject, found->subject_len)
                       ? ALLOWED
                       : REFUSED;
    return *verdict == ALLOWED;
}

/* Whose it is, if it counts; else NULL. A client that has as many already as one subject may match
 * ends, and how many more there are need not be known. */
static struct found_client *counts(struct found *found, const struct registration *reg)
{
    struct found_client *whose = found->failed ? NULL : client_of(found, reg->client);
    if (!whose)
        return NULL;
    if (whose->n[reg->lane.is_service] == MAX_OVERLAP) {
        found->overdone = whose->client;
        return NULL;
    }
    if (!is_allowed(found, whose, reg))
        return NULL;
    whose->n[reg->lane.is_service]++;
    return whose;
}

static void collect_sub(struct found *found, struct sub *sub)
{
    struct found_client *whose = counts(found, &sub->reg);
    if (!whose)
        return;
    bool is_plain = !sub_group(sub);
    whose->n_plain += is_plain;
    add_reg(found, is_plain ? FOUND_PLAIN : FOUND_GROUPED, &sub->reg, whose);
}

static void collect(struct node *node, void *userdata)
{
    struct found *found = userdata;
    const struct slab *slab = found->slab;
    for (struct sub *sub = node_sub(slab, node); sub; sub = sub_next(slab, sub))
        collect_sub(found, sub);
    for (struct service *s = node_service(slab, node); s; s = service_next(slab, s)) {
        struct found_client *whose = counts(found, &s->reg);
        if (whose)
            add_reg(found, FOUND_SERVICES, &s->reg, whose);
    }
}

void found_make(struct found *found, const struct index *index, const char *subject, size_t len)
{
    found->slab = index->slab;
    found->subject = subject;
    found->subject_len = len;
    found->failed = false;
    found->overdone = NULL;
    found->clients = (struct found_list){ found->few_clients, 0, FOUND_FEW };
    memset(found->lists, 0, sizeof found->lists);
    found->lists[FOUND_PLAIN] = (struct found_list){ found->few_plain, 0, FOUND_FEW };
    index_match(index, subject, len, collect, found);
    for (uint32_t i = 0; i < found->clients.n; i++)
        found_clients(found)[i].client->mark = 0;
}

/* ---- by client ----------------------------------------------------------------- */

static int by_id(const void *pa, const void *pb)
{
    const struct found_client *a = *(struct found_client *const *)pa;
    const struct found_client *b = *(struct found_client *const *)pb;
    uint64_t a_id = a->client->conn.card->id;
    uint64_t b_id = b->client->conn.card->id;
    return a_id < b_id ? -1 : a_id > b_id;
}

struct found_client **found_order(const struct found *found)
{
    uint32_t n = found->clients.n;
    struct found_client **order = reallocarray(NULL, n, sizeof(struct found_client *));
    if (!order)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        order[i] = &found_clients(found)[i];
    if (n > 1)
        qsort(order, n, sizeof *order, by_id);
    return order;
}

uint32_t found_count(const struct found_client *whose, enum found_kind kind)
{
    switch (kind) {
    case FOUND_PLAIN:
        return whose->n_plain;
    case FOUND_GROUPED:
        return whose->n[0] - whose->n_plain;
    case FOUND_SERVICES:
        break;
    }
    return whose->n[1];
}

struct lane **found_by_client(const struct found *found, enum found_kind kind,
                              struct found_client *const *order)
{
    const struct found_list *list = &found->lists[kind];
    struct lane **lanes = reallocarray(NULL, list->n, sizeof(struct lane *));
    uint32_t at = 0;
    if (!lanes)
        return NULL;
    for (uint32_t i = 0; i < found->clients.n; i++) {
        order[i]->end = at;
        at += found_count(order[i], kind);
    }
    for (uint32_t i = 0; i < list->n; i++) {
        const struct found_reg *item = &found_regs(list)[i];
        lanes[found_clients(found)[item->of].end++] = &item->reg->lane;
    }
    return lanes;
}

void found_deinit(struct found *found)
{
    if (found->clients.items != found->few_clients)
        free(found->clients.items);
    for (unsigned kind = 0; kind <= FOUND_SERVICES; kind++) {
        if (found->lists[kind].items != found->few_plain)
            free(found->lists[kind].items);
    }
}
