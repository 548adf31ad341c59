#include "broker/route/dest_make.h"

#include <stdlib.h>
#include <string.h>

#include "broker/route/found.h"
#include "broker/route/route.h"
#include "proto/subject.h"
#include "proto/writer.h"

static struct dest *dest_new(struct route *route, const struct dest_key *key)
{
    const char *subject = key->subject;
    size_t len = key->len;
    struct dest *dest = calloc(1, sizeof *dest + 2 + len);
    if (!dest)
        return NULL;
    struct writer w = { dest->head, dest->head + 2 + len, false };
    writer_str(&w, subject, len);
    dest->head_len = (uint16_t)(w.p - dest->head);
    dest->subject_len = (uint16_t)len;
    dest->generation = route->generation;
    dest->n_bytes = sizeof *dest + 2 + len;
    dest->hash = key->hash;
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
    for (uint32_t i = 0; i < dest->n_rows; i++)
        row_unref(dest->rows[i]);
    if (dest->receivers != &dest->first)
        free(dest->receivers);
    free(dest->members);
    free(dest->rows);
    free(dest->groups);
    free(dest->picks);
    free(dest->services);
    topic_unref(dest->topic);
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

static void note_row(struct dest *dest, const struct row *row)
{
    dest->one_by_one |= row->one_by_one;
    dest->shared &= !row->to->credentials;
    dest->max_bytes = row->max_bytes < dest->max_bytes ? row->max_bytes : dest->max_bytes;
    dest->max_messages =
        row->max_messages < dest->max_messages ? row->max_messages : dest->max_messages;
}

/* ---- receivers ---------------------------------------------------------------- */

static void add_alone(struct dest *dest, struct client *client, struct lane *lane)
{
    dest->receivers[dest->n_receivers++] = (struct receiver){ client, audience_ref(&lane->solo) };
    note(dest, sub_of(lane));
}

/* Some of them are told of each message that it was not for them. */
static bool keep_row(struct dest *dest, struct row *row)
{
    struct row **rows = reallocarray(dest->rows, dest->n_rows + 1, sizeof(struct row *));
    if (!rows)
        return false;
    dest->rows = rows;
    rows[dest->n_rows++] = row;
    row->refs++;
    dest->n_beyond += row->n_beyond;
    return true;
}

/* One receiver for a row of subscriptions of one client. */
static bool add_row(struct route *route, struct dest *dest, struct client *client,
                    struct lane **lanes, uint32_t n)
{
    struct row *row = row_get(route, client, lanes, n);
    if (!row)
        return false;
    bool kept = row->n_beyond == 0 || keep_row(dest, row);
    dest->receivers[dest->n_receivers++] = (struct receiver){ client, audience_ref(row->to) };
    dest->n_bytes += row->is_new ? row_size(row) : 0; /* who comes later shares it */
    note_row(dest, row);
    row_unref(row);
    return kept;
}

static bool add_plain(struct route *route, struct dest *dest, const struct found *found,
                      struct found_client *const *order)
{
    uint32_t n = found->lists[FOUND_PLAIN].n;
    if (n == 0)
        return true;
    uint32_t n_clients = 0;
    for (uint32_t i = 0; i < found->clients.n; i++)
        n_clients += order[i]->n_plain > 0;
    struct lane **lanes = found_by_client(found, FOUND_PLAIN, order);
    dest->receivers = n_clients > 1 ? calloc(n_clients, sizeof *dest->receivers) : &dest->first;
    bool ok = lanes && dest->receivers;
    dest->n_matched = n;
    dest->shared = n_clients <= BURST_SHARES;
    for (uint32_t i = 0; ok && i < found->clients.n; i++) {
        const struct found_client *whose = order[i];
        struct lane **first = lanes + whose->end - whose->n_plain;
        if (whose->n_plain == 1)
            add_alone(dest, whose->client, *first);
        else if (whose->n_plain > 1)
            ok = add_row(route, dest, whose->client, first, whose->n_plain);
    }
    dest->shared &= dest->n_beyond == 0;
    dest->n_bytes += n_clients > 1 ? n_clients * sizeof *dest->receivers : 0;
    free(lanes);
    return ok;
}

/* The same where there is but one, as there mostly is. */
static bool add_only(struct dest *dest, const struct found *found)
{
    struct registration *reg = found_regs(&found->lists[FOUND_PLAIN])->reg;
    dest->receivers = &dest->first;
    dest->n_matched = 1;
    dest->shared = true;
    add_alone(dest, reg->client, &reg->lane);
    return true;
}

/* ---- groups ------------------------------------------------------------------- */

static const char *name_of(struct lane *member)
{
    return sub_group(sub_of(member));
}

/* Which group it is, of those seen so far, by its name. A group's `first` is one of its members
 * until all are counted. */
static uint32_t group_of(struct dest *dest, struct lane *const *members, uint32_t i,
                         uint32_t *places, uint32_t mask)
{
    const char *name = name_of(members[i]);
    uint32_t at = (uint32_t)subject_hash(name, strlen(name), dest->hash) & mask;
    while (places[at] && strcmp(name, name_of(members[dest->groups[places[at] - 1].first])) != 0)
        at = (at + 1) & mask;
    if (!places[at]) {
        dest->groups[dest->n_groups].first = i;
        places[at] = ++dest->n_groups;
    }
    return places[at] - 1;
}

/* Group by group, and within one in the order that they have; `groups` is the group of each. */
static void place_members(struct dest *dest, struct lane *const *members, const uint32_t *groups,
                          uint32_t n)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < dest->n_groups; i++)
        dest->groups[i].first = end += dest->groups[i].n;
    for (uint32_t i = n; i-- > 0;) {
        struct sub *sub = sub_of(members[i]);
        dest->members[--dest->groups[groups[i]].first] =
            (struct receiver){ sub->reg.client, audience_ref(&sub->reg.lane.solo) };
        note(dest, sub);
    }
    dest->n_members = n;
}

/* false: no memory. */
static bool group_by_name(struct dest *dest, struct lane *const *members, uint32_t n)
{
    uint32_t n_places = 2;
    while (n_places < 2 * n)
        n_places *= 2;
    uint32_t *places = calloc(n_places + n, sizeof *places);
    if (!places)
        return false;
    uint32_t *groups = places + n_places;
    for (uint32_t i = 0; i < n; i++) {
        groups[i] = group_of(dest, members, i, places, n_places - 1);
        dest->groups[groups[i]].n++;
    }
    place_members(dest, members, groups, n);
    free(places);
    return true;
}

static bool add_groups(struct dest *dest, const struct found *found,
                       struct found_client *const *order)
{
    uint32_t n = found->lists[FOUND_GROUPED].n;
    if (n == 0)
        return true;
    struct lane **members = found_by_client(found, FOUND_GROUPED, order);
    dest->members = calloc(n, sizeof *dest->members);
    dest->groups = calloc(n, sizeof *dest->groups);
    dest->picks = calloc(n, sizeof *dest->picks);
    bool ok =
        members && dest->members && dest->groups && dest->picks && group_by_name(dest, members, n);
    dest->n_matched += dest->n_groups;
    dest->n_bytes += n * (sizeof *dest->members + sizeof *dest->groups + sizeof *dest->picks);
    free(members);
    return ok;
}

/* ---- services ------------------------------------------------------------------ */

/* In order of their clients' ids, as the asks of a call are. */
static bool add_services(struct dest *dest, const struct found *found,
                         struct found_client *const *order)
{
    uint32_t n = found->lists[FOUND_SERVICES].n;
    if (n == 0)
        return true;
    struct lane **lanes = found_by_client(found, FOUND_SERVICES, order);
    dest->services = calloc(n, sizeof(struct service *));
    bool ok = lanes && dest->services;
    for (uint32_t i = 0; ok && i < found->clients.n; i++)
        lanes_sort(lanes + order[i]->end - order[i]->n[1], order[i]->n[1]);
    for (uint32_t i = 0; ok && i < n; i++)
        dest->services[dest->n_services++] = (struct service *)lanes[i];
    dest->n_bytes += n * sizeof(struct service *);
    free(lanes);
    return ok;
}

/* ---- the whole ------------------------------------------------------------------ */

static bool fill(struct route *route, struct dest *dest, const struct found *found)
{
    if (found->failed)
        return false;
    if (found->clients.n == 0)
        return true;
    if (found->lists[FOUND_PLAIN].n == 1 && found->clients.n == 1 &&
        !found->lists[FOUND_GROUPED].n && !found->lists[FOUND_SERVICES].n)
        return add_only(dest, found);
    struct found_client **order = found_order(found);
    bool ok = order && add_plain(route, dest, found, order) && add_groups(dest, found, order) &&
              add_services(dest, found, order);
    free(order);
    return ok;
}

struct dest *dest_make(struct route *route, const struct dest_key *key)
{
    struct found found;
    struct dest *dest = dest_new(route, key);
    if (!dest)
        return NULL;
    found_make(&found, &route->index, key->subject, key->len);
    if (found.overdone)
        route->overdone = found.overdone;
    if (!fill(route, dest, &found))
        dest = dest_free(dest);
    else
        dest->shared &= !dest->one_by_one;
    found_deinit(&found);
    return dest;
}
