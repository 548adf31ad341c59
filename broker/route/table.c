#include "broker/route/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { BUCKETS_MIN = 4, BUCKETS_MAX = 1 << 30 };

static slab_ref *link_of(const struct table_kind *kind, void *thing)
{
    return (slab_ref *)((char *)thing + kind->next_at);
}

static slab_ref link_at(const struct table_kind *kind, const void *thing)
{
    return *(const slab_ref *)((const char *)thing + kind->next_at);
}

/* Room is a power of two: as the number passes one, up or down, it doubles or halves. */
static bool resize(struct table *table, uint32_t cap)
{
    slab_ref *buckets = reallocarray(table->buckets, cap, sizeof *buckets);
    if (buckets)
        table->buckets = buckets;
    return buckets;
}

static bool is_power_of_two(uint32_t n)
{
    return (n & (n - 1)) == 0;
}

/* The last bucket but one half: where the things of bucket `i` are while it does not exist. */
static uint32_t buddy_of(uint32_t i)
{
    return i & (UINT32_MAX >> __builtin_clz(i) >> 1);
}

static void split_one(struct table *table, const struct table_kind *kind, const struct slab *slab)
{
    uint32_t fresh = table->n_buckets;
    if (fresh == BUCKETS_MAX || (is_power_of_two(fresh) && !resize(table, fresh * 2)))
        return; /* longer chains, nothing worse */
    table->buckets[fresh] = 0;
    table->n_buckets++;
    slab_ref *link = &table->buckets[buddy_of(fresh)];
    while (*link) {
        slab_ref ref = *link;
        void *thing = slab_at(slab, ref);
        if (table_bucket(table, kind->hash(table, thing)) != fresh) {
            link = link_of(kind, thing);
            continue;
        }
        *link = *link_of(kind, thing);
        *link_of(kind, thing) = table->buckets[fresh];
        table->buckets[fresh] = ref;
    }
}

static void join_last(struct table *table, const struct table_kind *kind, const struct slab *slab)
{
    uint32_t last = table->n_buckets - 1;
    slab_ref *link = &table->buckets[buddy_of(last)];
    while (*link)
        link = link_of(kind, slab_at(slab, *link));
    *link = table->buckets[last];
    table->n_buckets = last;
    if (is_power_of_two(last))
        (void)resize(table, last); /* it may as well stay as large as it is */
}

void table_deinit(struct table *table)
{
    free(table->buckets);
    *table = (struct table){ 0 };
}

int table_add(struct table *table, const struct table_kind *kind, const struct slab *slab,
              void *thing)
{
    if (table->n_buckets == 0) {
        if (!resize(table, BUCKETS_MIN))
            return -ENOMEM;
        for (; table->n_buckets < BUCKETS_MIN; table->n_buckets++)
            table->buckets[table->n_buckets] = 0;
    }
    if (++table->n > table->n_buckets)
        split_one(table, kind, slab);
    slab_ref *bucket = &table->buckets[table_bucket(table, kind->hash(table, thing))];
    *link_of(kind, thing) = *bucket;
    *bucket = slab_ref_of(thing);
    return 0;
}

void table_remove(struct table *table, const struct table_kind *kind, const struct slab *slab,
                  const void *thing)
{
    slab_ref ref = slab_ref_of(thing);
    slab_ref *link = &table->buckets[table_bucket(table, kind->hash(table, thing))];
    while (*link != ref)
        link = link_of(kind, slab_at(slab, *link));
    *link = link_at(kind, thing);
    if (--table->n == 0) {
        table_deinit(table);
        return;
    }
    while (table->n_buckets > BUCKETS_MIN && table->n < table->n_buckets / 2)
        join_last(table, kind, slab);
}

void *table_next(const struct table *table, const struct table_kind *kind,
                 const struct slab *slab, const void *thing)
{
    uint32_t i = thing ? table_bucket(table, kind->hash(table, thing)) + 1 : 0;
    if (thing && link_at(kind, thing))
        return slab_at(slab, link_at(kind, thing));
    for (; i < table->n_buckets; i++) {
        if (table->buckets[i])
            return slab_at(slab, table->buckets[i]);
    }
    return NULL;
}

/* What is empty at the end is cut off, so that taking all out looks at each bucket once. */
void *table_any(struct table *table, const struct slab *slab)
{
    while (table->n_buckets > BUCKETS_MIN && !table->buckets[table->n_buckets - 1]) {
        table->n_buckets--;
        if (is_power_of_two(table->n_buckets))
            (void)resize(table, table->n_buckets);
    }
    for (uint32_t i = table->n_buckets; i-- > 0;) {
        if (table->buckets[i])
            return slab_at(slab, table->buckets[i]);
    }
    return NULL;
}
