#include "broker/route/dest.h"

#include <stdlib.h>
#include <string.h>

#include "broker/guard/policy_rights.h"
#include "broker/route/dest_make.h"
#include "broker/route/route.h"
#include "proto/subject.h"

enum {
    SLOTS_MIN = 1 << 10,
    SLOTS_MAX = 1 << 18,
    PROBES = 8,
    SWEEP_SLOTS = 64, /* a round */
    TIDY_SLOTS = 1 << 15,
    CACHE_BYTES_MAX = 64 << 20,
};

struct slot {
    uint64_t hash;
    struct dest *dest;
};

struct dest_cache {
    struct slot *slots;
    uint32_t n_slots; /* a power of two */
    uint32_t n;
    size_t n_bytes;
    uint32_t evict_at;
    uint32_t sweep_at;
    uint64_t swept_generation; /* all that is left is at least that fresh */
    uint64_t sweep_generation; /* of the sweep under way */
    bool sweep_again;          /* one has become stale since it began */
};

struct dest_cache *dest_cache_new(void)
{
    struct dest_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->n_slots = SLOTS_MIN;
    cache->slots = calloc(SLOTS_MIN, sizeof(struct slot));
    if (cache->slots)
        return cache;
    free(cache);
    return NULL;
}

struct dest_cache *dest_cache_free(struct dest_cache *cache)
{
    if (!cache)
        return NULL;
    for (uint32_t i = 0; i < cache->n_slots; i++)
        dest_free(cache->slots[i].dest);
    free(cache->slots);
    free(cache);
    return NULL;
}

static struct slot *probe(const struct dest_cache *cache, uint64_t hash, uint32_t i)
{
    return &cache->slots[((hash >> 32) + i) & (cache->n_slots - 1)];
}

static void empty_slot(struct route *route, struct slot *slot)
{
    if (!slot->dest)
        return;
    route_settle(route); /* its audiences */
    route->epoch++;      /* clients may remember it */
    route->dests->n_bytes -= slot->dest->n_bytes;
    slot->dest = dest_free(slot->dest);
    route->dests->n--;
}

/* A place for a new dest: a free one, else the first of the row is given up. */
static struct slot *place(struct route *route, struct dest_cache *cache, uint64_t hash)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        struct slot *slot = probe(cache, hash, i);
        if (!slot->dest)
            return slot;
    }
    struct slot *slot = probe(cache, hash, (uint32_t)hash % PROBES);
    empty_slot(route, slot);
    return slot;
}

/* Gives others up, in turn, until so many bytes more may be kept. */
static void make_room(struct route *route, struct dest_cache *cache, size_t n_bytes)
{
    while (cache->n > 0 && cache->n_bytes + n_bytes > CACHE_BYTES_MAX) {
        cache->evict_at = (cache->evict_at + 1) & (cache->n_slots - 1);
        empty_slot(route, &cache->slots[cache->evict_at]);
    }
}

static void grow(struct route *route, struct dest_cache *cache)
{
    struct dest_cache old = *cache;
    struct slot *slots = calloc(old.n_slots * 2, sizeof(struct slot));
    if (!slots)
        return;
    cache->slots = slots;
    cache->n_slots = old.n_slots * 2;
    cache->sweep_at = 0;
    for (uint32_t i = 0; i < old.n_slots; i++) {
        if (old.slots[i].dest)
            *place(route, cache, old.slots[i].hash) = old.slots[i];
    }
    free(old.slots);
}

static struct dest *make(struct route *route, const struct dest_key *key,
                         enum status *ret_status)
{
    struct dest_cache *cache = route->dests;
    if (!subject_valid(key->subject, key->len, NULL)) {
        *ret_status = STATUS_BAD_SUBJECT;
        return NULL;
    }
    struct dest *dest = dest_make(route, key);
    if (!dest) {
        *ret_status = STATUS_NO_MEMORY;
        return NULL;
    }
    route->counters->lookups_walked++;
    make_room(route, cache, dest->n_bytes);
    if (cache->n * 2 > cache->n_slots && cache->n_slots < SLOTS_MAX)
        grow(route, cache);
    struct slot *slot = place(route, cache, key->hash);
    *slot = (struct slot){ key->hash, dest };
    cache->n++;
    cache->n_bytes += dest->n_bytes;
    return dest;
}

struct dest_key dest_key(const struct route *route, const char *subject, size_t len)
{
    return (struct dest_key){ subject_hash(subject, len, route->seed), subject, len };
}

/* Looks at nothing but what lies together. */
static bool is_of(const struct dest *dest, const struct dest_key *key)
{
    size_t at = key->len < 32 ? 1 : 2;
    return dest->head_len == at + key->len && memcmp(dest->head + at, key->subject, key->len) == 0;
}

/* The slot that holds the subject, stale or not. */
static struct slot *find_slot(const struct route *route, const struct dest_key *key)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        struct slot *slot = probe(route->dests, key->hash, i);
        if (slot->hash == key->hash && slot->dest && is_of(slot->dest, key))
            return slot;
    }
    return NULL;
}

void dest_prefetch(const struct route *route, const struct dest_key *keys, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(probe(route->dests, keys[i].hash, 0));
    for (unsigned i = 0; i < n; i++) {
        const struct dest *dest = probe(route->dests, keys[i].hash, 0)->dest;
        if (!dest)
            continue;
        __builtin_prefetch(&dest->generation);
        __builtin_prefetch(&dest->n_receivers);
        __builtin_prefetch(dest->head);
    }
}

struct dest *dest_peek(const struct route *route, const struct dest_key *key)
{
    struct slot *slot = find_slot(route, key);
    if (!slot || slot->dest->generation != route->generation)
        return NULL;
    route->counters->lookups_cached++;
    return slot->dest;
}

struct dest *dest_find(struct route *route, const char *subject, size_t len,
                       enum status *ret_status)
{
    struct dest_key key = dest_key(route, subject, len);
    struct slot *slot = find_slot(route, &key);
    if (slot && slot->dest->generation == route->generation) {
        route->counters->lookups_cached++;
        return slot->dest;
    }
    if (slot)
        empty_slot(route, slot);
    return make(route, &key, ret_status);
}

/* It may be in use right now: so it is swept away later. */
void dest_changed(struct route *route, const char *subject, size_t len)
{
    struct dest_key key = dest_key(route, subject, len);
    struct slot *slot = find_slot(route, &key);
    if (!slot || slot->dest->generation != route->generation)
        return;
    slot->dest->generation = 0;
    route->epoch++;
    route->dests->swept_generation = 0;
    route->dests->sweep_again = true;
}

bool dest_has_admitted(const struct dest *dest, const struct rights *rights)
{
    return (dest->publishers & rights_bit(rights)) &&
           dest->rights_epoch == rights_epoch(rights->policy);
}

void dest_admit(struct dest *dest, const struct client *client)
{
    uint64_t epoch = rights_epoch(client->rights->policy);
    if (dest->rights_epoch != epoch)
        dest->publishers = 0;
    dest->rights_epoch = epoch;
    dest->publishers |= rights_bit(client->rights);
}

void dest_remember(struct client *client, struct dest *dest)
{
    uint64_t epoch = client->route->epoch;
    client->recent[1] = client->recent_epoch == epoch ? client->recent[0] : dest;
    client->recent[0] = dest;
    client->recent_epoch = epoch;
}

/* false: none is stale. */
static bool sweep(struct route *route, uint32_t n_slots)
{
    struct dest_cache *cache = route->dests;
    if (cache->swept_generation == route->generation)
        return false;
    if (cache->sweep_at == 0)
        cache->sweep_generation = route->generation;
    for (uint32_t i = 0; i < n_slots; i++) {
        struct slot *slot = &cache->slots[cache->sweep_at];
        if (slot->dest && slot->dest->generation != route->generation)
            empty_slot(route, slot);
        cache->sweep_at = (cache->sweep_at + 1) & (cache->n_slots - 1);
        if (cache->sweep_at == 0) {
            cache->swept_generation = cache->sweep_again ? 0 : cache->sweep_generation;
            cache->sweep_again = false;
            break;
        }
    }
    return cache->swept_generation != route->generation;
}

void dest_sweep(struct route *route)
{
    (void)sweep(route, SWEEP_SLOTS);
}

bool dest_tidy(struct route *route)
{
    return sweep(route, TIDY_SLOTS);
}

size_t dest_bytes(const struct route *route)
{
    return route->dests->n_bytes;
}
