/* Hash tables of things in a slab, that grow and shrink one bucket at a time.
 *
 * Linear hashing: an addition may split one bucket, a removal may join two, so none
 * of them ever waits for a million others to be moved, and there is a bucket of 4
 * bytes for each thing, give or take a half. A thing is linked by a slab_ref of its
 * own; its hash it keeps or computes. A zeroed table is an empty one, and owns
 * nothing.
 */
#pragma once

#include "broker/net/slab.h"

struct table {
    slab_ref *buckets;
    uint32_t n_buckets;
    uint32_t n;
};

/* What its things have in common. */
struct table_kind {
    size_t next_at; /* where in a thing the link is: a slab_ref */
    uint32_t (*hash)(const struct table *table, const void *thing);
};

/* Idempotent; the things are not touched. */
void table_deinit(struct table *table);

/* 0, or -ENOMEM: only an empty table says that, one that cannot grow has longer chains. */
int table_add(struct table *table, const struct table_kind *kind, const struct slab *slab,
              void *thing);
/* The thing is in the table. */
void table_remove(struct table *table, const struct table_kind *kind, const struct slab *slab,
                  const void *thing);

/* Which bucket a hash belongs to; n_buckets is not 0. */
static inline uint32_t table_bucket(const struct table *table, uint32_t hash)
{
    uint32_t n = table->n_buckets;
    uint32_t mask = n > 1 ? UINT32_MAX >> __builtin_clz(n - 1) : 0;
    uint32_t i = hash & mask;
    return i < n ? i : i & (mask >> 1); /* that one is not split yet */
}

/* The first of those that may have the hash; the others follow by their links. */
static inline slab_ref table_first(const struct table *table, uint32_t hash)
{
    return table->n_buckets ? table->buckets[table_bucket(table, hash)] : 0;
}

/* All of them, in no order: the first for NULL, else the one behind `thing`; NULL: that was
 * all. Nothing may be added or removed in between. */
void *table_next(const struct table *table, const struct table_kind *kind,
                 const struct slab *slab, const void *thing);
/* One of them, for who takes all out, one by one; NULL: it is empty. */
void *table_any(struct table *table, const struct slab *slab);
