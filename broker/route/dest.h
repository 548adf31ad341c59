/* Where a subject goes: the answer of the index, cached.
 *
 * A dest lists the receivers of one subject. It is good for one generation of
 * the route: anything that changes who receives what makes it stale, and it is
 * made anew when it is next asked for. The cache is bounded (2^18 subjects, and 64 MiB, since
 * an answer is as long as it has receivers); stale answers are swept away a few at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/net/lane.h"
#include "broker/route/client.h"
#include "broker/route/row.h"
#include "broker/route/topic.h"

struct route;

struct receiver {
    struct client *client;
    struct audience *to;
};

/* The members of one queue group, in dest->members. */
struct dest_group {
    uint32_t first;
    uint32_t n;
    uint32_t turn;
};

/* Whom a group chose for the message at hand (group.h). */
struct pick {
    struct receiver *member;
    uint32_t next; /* 1 + index of the same client's next pick; 0: none */
};

/* What a stream reads of it lies together at the end, next to the subject: with many
 * subjects in turn each is a cache miss. */
struct dest {
    uint64_t hash;
    size_t n_bytes;        /* what it costs to keep */
    uint32_t n_groups;
    uint32_t n_members;
    uint32_t n_rows;
    uint32_t n_beyond;     /* lanes past the 64th of one client: never delivered */
    uint32_t n_services;
    uint32_t turn;         /* for services with equally many requests open */
    uint16_t subject_len;
    struct dest_group *groups;
    struct pick *picks;    /* one a group */
    struct receiver *members;
    struct row **rows;     /* which those lanes are in */
    struct service **services;
    struct topic *topic;   /* for requests; NULL: there was none yet */

    uint64_t generation;
    uint64_t publishers;   /* the rights (a bit each, policy_rights.h) that may publish there … */
    uint64_t rights_epoch; /* … as far as they were asked in that epoch */
    struct receiver *receivers;
    struct receiver first; /* where `receivers` points to if there is one */
    uint32_t n_receivers;
    uint32_t n_matched;    /* subscriptions, a group counting one */
    uint32_t max_bytes;    /* what the smallest of the receivers' queues holds */
    uint32_t max_messages;
    /* What fitted into the queues of all receivers, without what is in the burst, when their
     * books were last looked at: good for that era of the burst. */
    uint64_t room_era;
    uint32_t room;         /* bytes */
    uint32_t room_n;       /* messages */
    bool one_by_one;       /* a run holds one message: groups, latest, count-down */
    bool shared;           /* its runs go into the burst: nobody wants credentials, a gap, or them
                            * one by one */
    bool is_sys;           /* the broker's own: clients do not publish there */
    uint16_t head_len;     /* of `head`: the subject as msgpack */
    uint8_t head[];
};

static inline const char *dest_subject(const struct dest *dest)
{
    return (const char *)dest->head + dest->head_len - dest->subject_len;
}

struct dest_cache;

struct dest_cache *dest_cache_new(void);
/* Takes NULL. */
struct dest_cache *dest_cache_free(struct dest_cache *cache);

/* What a subject is looked up by. Borrows it. */
struct dest_key {
    uint64_t hash;
    const char *subject;
    size_t len;
};

struct dest_key dest_key(const struct route *route, const char *subject, size_t len);
/* The cached dest of a subject, of the current generation; NULL: look it up with
 * dest_find. Frees nothing. */
struct dest *dest_peek(const struct route *route, const struct dest_key *key);
/* Begins to fetch into the caches of the processor what looking them up will read. */
void dest_prefetch(const struct route *route, const struct dest_key *keys, unsigned n);
/* The dest of a subject, of the current generation. The subject's grammar is
 * checked only when it is not cached. NULL: *ret_status says why (BAD_SUBJECT,
 * NO_MEMORY). Good until the next call. */
struct dest *dest_find(struct route *route, const char *subject, size_t len,
                       enum status *ret_status);
/* Whether those rights were found to be enough to publish there. */
bool dest_has_admitted(const struct dest *dest, const struct rights *rights);
/* Whether the client may publish there, as far as is known; false: ask. */
static inline bool dest_admits(const struct dest *dest, const struct client *client)
{
    return rights_pass(client->rights, VERB_PUBLISH, dest_subject(dest)) ||
           dest_has_admitted(dest, client->rights);
}
/* It may. */
void dest_admit(struct dest *dest, const struct client *client);

/* The subject for a request to keep: a reference. NULL: no memory. */
static inline struct topic *dest_topic(struct dest *dest)
{
    if (!dest->topic)
        dest->topic = topic_new(dest_subject(dest), dest->subject_len);
    if (dest->topic)
        dest->topic->refs++;
    return dest->topic;
}

/* The client's message went there, and its next one may. */
void dest_remember(struct client *client, struct dest *dest);

/* Only this one subject's receivers have changed. Frees nothing. */
void dest_changed(struct route *route, const char *subject, size_t len);
/* Frees a few stale ones. Called once a round. */
void dest_sweep(struct route *route);
/* Frees many, for who has nothing else to do. Whether there may be more. */
bool dest_tidy(struct route *route);
/* What those take that are cached, stale or not. */
size_t dest_bytes(const struct route *route);
