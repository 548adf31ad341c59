/* Calls: open requests, each with its reply slot.
 *
 * A call is what the broker keeps of one REQUEST: who asked, under which
 * reference, and an ask for every service it went to. The token that the servers see
 * is the number of the slot and a serial that never repeats, so an old one
 * finds nothing. A REPLY is taken only from a connection that was asked and has
 * not finished. Every call ends by exactly one of: the last reply of its only server, END
 * to the requester, or the requester's own end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/loop/timer.h"
#include "broker/route/ask.h"
#include "broker/route/topic.h"
#include "proto/status.h"

struct route;
struct client;
struct dest;

struct call {
    uint64_t token;
    uint64_t reference;
    struct client *requester;
    struct topic *topic;     /* a reference; NULL: not known yet */
    struct call *next;       /* of the requester's */
    struct call *prev;
    struct call *next_ref;   /* in the table of references, */
    struct call **ref_link;  /* and what points to it there */
    struct timer timer;      /* armed for the deadline or for a time before it */
    uint64_t deadline_ns;
    bool survey;
    uint32_t n_charged;      /* to the requester */
    uint32_t n_asks;
    uint32_t n_open;
    struct {
        uint32_t asked, answered, refused, gone, timed_out, cancelled;
    } counts;
    struct ask *asks;        /* in order of their servers' ids */
    struct ask only;         /* of a request to one: no second allocation */
};

enum { ASKED_PLACES = 16 };

struct call_table {
    struct call **slots;
    uint32_t *free_slots;
    uint32_t n_slots;
    uint32_t n_free;
    uint32_t n_open;
    uint64_t serial;
    struct call **refs;      /* by requester and reference */
    uint32_t n_refs;
    struct call *spare;      /* for the next ones; their timers may be armed */
    uint32_t n_spare;
    struct {
        struct dest *dest;   /* good while the epoch is the route's */
        uint64_t epoch;
    } asked[ASKED_PLACES];   /* where the last requests went, by their clients' ids */
};

/* 0 or -ENOMEM. */
int call_table_init(struct route *route);
void call_table_deinit(struct route *route);

/* A new call with room for n_asks, for which the requester's account is covered; it times out by
 * itself. NULL: no memory, or MAX_OPEN_CALLS are open. */
struct call *call_new(struct route *route, struct client *requester, uint64_t reference,
                      uint64_t timeout_ms, uint32_t n_asks);
/* The open call a token names; NULL. */
struct call *call_find(const struct call_table *table, uint64_t token);
/* The requester's open call with that reference; NULL. */
struct call *call_find_reference(const struct call_table *table, const struct client *requester,
                                 uint64_t reference);

/* The server is gone, or may not answer any more: counted so, and the call ends that has nobody
 * else. */
void ask_gone(struct route *route, struct ask *ask);

/* Ends the call: what is still open is counted by `status` (TIMEOUT, CANCELLED, OVERFLOW,
 * REQUESTER_GONE), its servers are told or never see it; then END goes to the requester
 * (unless it is the one that has gone), and the call is freed. */
void call_end(struct route *route, struct call *call, enum status status);
/* Frees a call all of whose asks are closed, without a word. */
void call_free(struct route *route, struct call *call);
/* The same, and tells the requester END with the call's counts. */
void call_finish(struct route *route, struct call *call, enum status status, bool left_queue);

/* The server's end: its open asks are counted as gone, and the calls that had
 * nobody else end. */
void calls_server_gone(struct route *route, struct client *server);
/* The same for the requests that it will not see: those that are still queued. */
void calls_server_deaf(struct route *route, struct client *server);
/* The requester's end: its calls end without a word to it. */
void calls_requester_gone(struct route *route, struct client *requester);
