/*
 * Who hears a subject: the subscriptions of the floor's broker, and a bounded cache of what they come to.
 *
 * A pattern is filed under its literal tokens before the first wildcard; a subject that the cache does not know
 * is looked for under each of its prefixes. The cache is emptied when subscriptions change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/peers/floor_conn.h"

/* A connection that hears a subject, by one of its subscriptions. */
struct receiver {
    struct conn *conn;
    uint32_t sid;
};

/* A subject and who hears it; valid until index_find() of another one, or the index changes. */
struct entry {
    uint64_t hash;
    unsigned n_receivers;
    struct receiver *receivers;
    struct receiver server; /* conn is NULL if nobody serves it */
    uint32_t len;
    char subject[];
};

void index_init(void);
/** Files a subscription, or a service. @return false if the pattern is none */
bool index_add(struct conn *conn, uint32_t sid, bool serves, const char *pattern, size_t len);
/** Takes out all that a connection has. */
void index_remove(struct conn *conn);

/**
 * Who hears a subject.
 * @return NULL if it is no subject, or if a new entry has to be made and @p may_make is false
 */
struct entry *index_find(const char *subject, uint32_t len, bool may_make);
