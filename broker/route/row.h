/* Rows: the subscriptions of one client that one subject matches, ready for delivery.
 *
 * Overlapping subscriptions of a client get one copy, for which SELECT names the 64 with the
 * lowest sids; those beyond are told of a gap. Which they are has to be sorted out, and what is
 * made of it takes memory; but other subjects match the very same ones. So the route keeps the
 * latest rows, found again by what the index found, and lists of receivers share them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/net/lane.h"

struct route;
struct client;

struct row {
    uint32_t refs;
    uint32_t n;         /* subscriptions, … */
    uint32_t n_beyond;  /* of which so many are not named */
    uint32_t max_bytes; /* what the smallest of their queues holds */
    uint32_t max_messages;
    bool one_by_one;     /* some count down, or keep the latest */
    bool is_new;         /* nobody but who made it has it */
    struct audience *to; /* those that are named */
    struct lane **beyond;
    struct lane *lanes[]; /* all, as they were found; then those beyond, by sid */
};

enum { ROWS_KEPT = 256 };

/* Sorts at most MAX_OVERLAP of them. */
void lanes_sort(struct lane **lanes, uint32_t n);

/* What it takes in memory. */
size_t row_size(const struct row *row);
/* The row of these lanes, all of one client and different, 2 or more; a reference. NULL: no
 * memory. */
struct row *row_get(struct route *route, struct client *client, struct lane *const *lanes,
                    uint32_t n);
/* Takes NULL. */
void row_unref(struct row *row);

/* The client's subscriptions change: the row that is kept of it goes. */
void row_forget(struct route *route, const struct client *client);
/* All that are kept go. */
void row_forget_all(struct route *route);
