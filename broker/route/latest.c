#include "broker/route/latest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"

enum { BUCKETS_MIN = 16 };

struct mark {
    struct entry_hook hook; /* first: the hook is the mark */
    struct latest *owner;   /* NULL: the subscription is gone */
    struct entry *entry;
    uint64_t hash;
    struct mark *next;
};

struct latest {
    struct lane *lane;
    struct mark **buckets;
    uint32_t n_buckets;
    uint32_t n;
};

struct latest *latest_new(struct lane *lane)
{
    struct latest *latest = malloc(sizeof *latest);
    if (!latest)
        return NULL;
    *latest = (struct latest){ .lane = lane, .n_buckets = BUCKETS_MIN };
    latest->buckets = calloc(BUCKETS_MIN, sizeof(struct mark *));
    if (latest->buckets)
        return latest;
    free(latest);
    return NULL;
}

struct latest *latest_free(struct latest *latest)
{
    if (!latest)
        return NULL;
    for (uint32_t i = 0; i < latest->n_buckets; i++) {
        for (struct mark *mark = latest->buckets[i]; mark; mark = mark->next)
            mark->owner = NULL;
    }
    free(latest->buckets);
    free(latest);
    return NULL;
}

static struct mark **bucket_of(const struct latest *latest, uint64_t hash)
{
    return &latest->buckets[(hash >> 32) & (latest->n_buckets - 1)];
}

/* The subject of the frame an entry holds; the frame is a MESSAGE in its fixed form. */
static bool holds_subject(const struct entry *entry, const char *subject, size_t len)
{
    const uint8_t *p = entry->block->data + entry->off + FRAME_AT_SUBJECT;
    size_t at = len < 32 ? 1 : 2;
    size_t has = *p == 0xd9 ? p[1] : *p & 31u;
    return has == len && memcmp(p + at, subject, len) == 0;
}

struct entry *latest_find(const struct latest *latest, uint64_t hash, const char *subject,
                          size_t len)
{
    for (struct mark *mark = *bucket_of(latest, hash); mark; mark = mark->next) {
        if (mark->hash == hash && holds_subject(mark->entry, subject, len))
            return mark->entry;
    }
    return NULL;
}

static void grow(struct latest *latest)
{
    struct latest grown = { .n_buckets = latest->n_buckets * 2 };
    grown.buckets = calloc(grown.n_buckets, sizeof(struct mark *));
    if (!grown.buckets)
        return;
    for (uint32_t i = 0; i < latest->n_buckets; i++) {
        for (struct mark *mark = latest->buckets[i], *next; mark; mark = next) {
            next = mark->next;
            struct mark **bucket = bucket_of(&grown, mark->hash);
            mark->next = *bucket;
            *bucket = mark;
        }
    }
    free(latest->buckets);
    latest->buckets = grown.buckets;
    latest->n_buckets = grown.n_buckets;
}

static void entry_left(struct entry_hook *hook, bool sent)
{
    struct mark *mark = (struct mark *)hook;
    (void)sent;
    if (mark->owner) {
        struct mark **link = bucket_of(mark->owner, mark->hash);
        while (*link != mark)
            link = &(*link)->next;
        *link = mark->next;
        mark->owner->n--;
    }
    free(mark);
}

int latest_add(struct latest *latest, uint64_t hash, struct entry *entry)
{
    struct mark *mark = malloc(sizeof *mark);
    if (!mark)
        return -ENOMEM;
    if (++latest->n > latest->n_buckets)
        grow(latest);
    *mark = (struct mark){
        .hook = { .left = entry_left, .lane = latest->lane },
        .owner = latest,
        .entry = entry,
        .hash = hash,
    };
    struct mark **bucket = bucket_of(latest, hash);
    mark->next = *bucket;
    *bucket = mark;
    entry_watch(entry, &mark->hook);
    return 0;
}
