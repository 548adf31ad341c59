#include "broker/route/dest_make.h"

#include <stdlib.h>
#include <string.h>

#include "broker/route/route.h"
#include "proto/subject.h"
#include "proto/writer.h"

/* What the index found, in growing arrays. */
struct found {
    const struct slab *slab;
    const char *subject;
    size_t subject_len;
    struct sub **subs;
    struct service **services;
    uint32_t n_subs;
    uint32_t n_services;
    uint32_t subs_cap;
    uint32_t services_cap;
    bool failed;             /* nothing more is found */
    struct client *overdone; /* has too many; NULL: nobody has */
};

static void append(void ***array, uint32_t *n, uint32_t *cap, void *item, bool *failed)
{
    if (*failed)
        return;
    if (*n == *cap) {
        uint32_t more = *cap ? *cap * 2 : 16;
        void **grown = reallocarray(*array, more, sizeof(void *));
        if (!grown) {
            *failed = true;
            return;
        }
        *array = grown;
        *cap = more;
    }
    (*array)[(*n)++] = item;
}

/* A pattern may be allowed where not all of its subjects are. */
static bool is_allowed(const struct found *found, const struct registration *reg,
                       enum policy_verb verb)
{
    return !client_refused(reg->client, verb, found->subject, found->subject_len);
}

/* Whether its client has as many already as one subject may match: then it ends, and how many more
 * there are need not be known. */
static bool is_overdone(struct found *found, const struct registration *reg)
{
    if (reg->client->n_found[reg->lane.is_service] < MAX_OVERLAP)
        return false;
    found->overdone = reg->client;
    return true;
}

static void collect(struct node *node, void *userdata)
{
    struct found *found = userdata;
    const struct slab *slab = found->slab;
    for (struct sub *sub = node_sub(slab, node); sub; sub = sub_next(slab, sub)) {
        if (is_overdone(found, &sub->reg) || !is_allowed(found, &sub->reg, VERB_SUBSCRIBE))
            continue;
        append((void ***)&found->subs, &found->n_subs, &found->subs_cap, sub, &found->failed);
        sub->reg.client->n_found[0] += !found->failed;
    }
    for (struct service *s = node_service(slab, node); s; s = service_next(slab, s)) {
        if (is_overdone(found, &s->reg) || !is_allowed(found, &s->reg, VERB_SERVE))
            continue;
        append((void ***)&found->services, &found->n_services, &found->services_cap, s,
               &found->failed);
        s->reg.client->n_found[1] += !found->failed;
    }
}

static void forget_counts(const struct found *found)
{
    for (uint32_t i = 0; i < found->n_subs; i++)
        found->subs[i]->reg.client->n_found[0] = 0;
    for (uint32_t i = 0; i < found->n_services; i++)
        found->services[i]->reg.client->n_found[1] = 0;
}

static int by_number(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_client(const struct registration *a, const struct registration *b)
{
    int order = by_number(a->client->conn.card->id, b->client->conn.card->id);
    return order ? order : by_number(a->lane.sid, b->lane.sid);
}

/* Plain subscriptions first, by client; then the groups, by name. */
static int order_subs(const void *pa, const void *pb)
{
    const struct sub *a = *(struct sub *const *)pa;
    const struct sub *b = *(struct sub *const *)pb;
    const char *a_group = sub_group(a);
    const char *b_group = sub_group(b);
    if (!a_group != !b_group)
        return a_group ? 1 : -1;
    int order = a_group ? strcmp(a_group, b_group) : 0;
    return order ? order : by_client(&a->reg, &b->reg);
}

static int order_services(const void *pa, const void *pb)
{
    const struct service *a = *(struct service *const *)pa;
    const struct service *b = *(struct service *const *)pb;
    return by_client(&a->reg, &b->reg);
}

static uint32_t count_plain(const struct found *found)
{
    uint32_t n = 0;
    while (n < found->n_subs && !sub_group(found->subs[n]))
        n++;
    return n;
}

static struct dest *dest_new(struct route *route, const char *subject, size_t len)
{
    struct dest *dest = calloc(1, sizeof *dest + 2 + len);
    if (!dest)
        return NULL;
    struct writer w = { dest->head, dest->head + 2 + len, false };
    writer_str(&w, subject, len);
    dest->head_len = (uint16_t)(w.p - dest->head);
    dest->subject_len = (uint16_t)len;
    dest->generation = route->generation;
    dest->max_bytes = dest->max_messages = UINT32_MAX;
    dest->is_sys = subject_is_sys(subject, len);
    return dest;
}

struct dest *dest_free(struct dest *dest)
{
    if (!dest)
        return NULL;
    for (uint32_t i = 0; i < dest->n_receivers; i++)
        audience_unref(dest->receivers[i].to);
    for (uint32_t i = 0; i < dest->n_members; i++)
        audience_unref(dest->members[i].to);
    for (uint32_t i = 0; i < dest->n_beyond; i++)
        audience_unref(dest->beyond[i].to);
    if (dest->receivers != &dest->first)
        free(dest->receivers);
    free(dest->members);
    free(dest->beyond);
    free(dest->groups);
    free(dest->picks);
    free(dest->services);
    free(dest);
    return NULL;
}

static void note(struct dest *dest, const struct sub *sub)
{
    const struct lane *lane = &sub->reg.lane;
    dest->one_by_one |= sub->extra != NULL; /* a group, a count-down, or latest */
    dest->shared &= !lane->solo.credentials;
    dest->max_bytes = lane->max_bytes < dest->max_bytes ? lane->max_bytes : dest->max_bytes;
    dest->max_messages =
        lane->max_messages < dest->max_messages ? lane->max_messages : dest->max_messages;
}

/* One receiver for a row of subscriptions of one client. */
static bool add_receiver(struct dest *dest, struct sub **subs, uint32_t n)
{
    struct lane *lanes[MAX_SIDS];
    uint32_t n_named = n < MAX_SIDS ? n : MAX_SIDS;
    struct client *client = subs[0]->reg.client;
    for (uint32_t i = 0; i < n_named; i++)
        lanes[i] = &subs[i]->reg.lane;
    struct audience *to = audience_new(lanes, n_named);
    if (!to)
        return false;
    dest->receivers[dest->n_receivers++] = (struct receiver){ client, to };
    for (uint32_t i = n_named; i < n; i++)
        dest->beyond[dest->n_beyond++] =
            (struct receiver){ client, audience_ref(&subs[i]->reg.lane.solo) };
    return true;
}

static bool add_plain(struct dest *dest, struct sub **subs, uint32_t n)
{
    if (n == 0)
        return true;
    dest->receivers = n > 1 ? calloc(n, sizeof *dest->receivers) : &dest->first;
    dest->beyond = n > MAX_SIDS ? calloc(n, sizeof *dest->beyond) : NULL;
    if (!dest->receivers || (n > MAX_SIDS && !dest->beyond))
        return false;
    for (uint32_t i = 0, row; i < n; i += row) {
        for (row = 1; i + row < n && subs[i + row]->reg.client == subs[i]->reg.client;)
            row++;
        if (!add_receiver(dest, subs + i, row))
            return false;
    }
    dest->n_matched = n;
    dest->shared = dest->n_beyond == 0 && n <= BURST_SHARES;
    for (uint32_t i = 0; i < n; i++)
        note(dest, subs[i]);
    return true;
}

static bool add_groups(struct dest *dest, struct sub **subs, uint32_t n)
{
    if (n == 0)
        return true;
    dest->members = calloc(n, sizeof *dest->members);
    dest->groups = calloc(n, sizeof *dest->groups);
    dest->picks = calloc(n, sizeof *dest->picks);
    if (!dest->members || !dest->groups || !dest->picks)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(sub_group(subs[i]), sub_group(subs[i - 1])) != 0)
            dest->groups[dest->n_groups++].first = i;
        dest->groups[dest->n_groups - 1].n++;
        dest->members[dest->n_members++] =
            (struct receiver){ subs[i]->reg.client, audience_ref(&subs[i]->reg.lane.solo) };
        note(dest, subs[i]);
    }
    dest->n_matched += dest->n_groups;
    return true;
}

static bool add_services(struct dest *dest, const struct found *found)
{
    if (found->n_services == 0)
        return true;
    dest->services = calloc(found->n_services, sizeof(struct service *));
    if (!dest->services)
        return false;
    memcpy(dest->services, found->services, found->n_services * sizeof(struct service *));
    dest->n_services = found->n_services;
    return true;
}

static bool fill(struct dest *dest, struct found *found)
{
    if (found->failed)
        return false;
    if (found->n_subs > 1)
        qsort(found->subs, found->n_subs, sizeof(struct sub *), order_subs);
    if (found->n_services > 1)
        qsort(found->services, found->n_services, sizeof(struct service *), order_services);
    if (found->n_subs > 0) { /* else there is no array */
        uint32_t n_plain = count_plain(found);
        if (!add_plain(dest, found->subs, n_plain) ||
            !add_groups(dest, found->subs + n_plain, found->n_subs - n_plain))
            return false;
    }
    dest->shared &= !dest->one_by_one;
    return add_services(dest, found);
}

/* Its arrays have a place for each subscription found, whatever became of it. */
static size_t cost_of(const struct dest *dest, const struct found *found)
{
    size_t place = sizeof(struct receiver) + sizeof(struct dest_group) + sizeof(struct pick);
    size_t cost = sizeof *dest + 2 + dest->subject_len + found->n_subs * place +
                  found->n_services * sizeof(struct service *);
    for (uint32_t i = 0; i < dest->n_receivers; i++) {
        const struct audience *to = dest->receivers[i].to;
        cost += to->n > 1 ? sizeof *to + to->n * sizeof(struct lane *) : 0;
    }
    return cost;
}

struct dest *dest_make(struct route *route, const char *subject, size_t len)
{
    struct found found = {
        .slab = &route->slab,
        .subject = subject,
        .subject_len = len,
    };
    struct dest *dest = dest_new(route, subject, len);
    if (dest) {
        index_match(&route->index, subject, len, collect, &found);
        forget_counts(&found);
        if (found.overdone)
            route->overdone = found.overdone;
        if (fill(dest, &found))
            dest->n_bytes = cost_of(dest, &found);
        else
            dest = dest_free(dest);
    }
    free(found.subs);
    free(found.services);
    return dest;
}
