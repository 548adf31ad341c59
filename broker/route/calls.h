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
#include "broker/net/outq.h"
#include "proto/status.h"

struct route;
struct client;
struct service;
struct call;
struct dest;

enum ask_state { ASK_OPEN, ASK_DONE };

/* One server that was asked. */
struct ask {
    struct entry_hook hook;  /* while the request is in the server's queue */
    struct call *call;
    struct service *service; /* holds a reference to its lane */
    struct client *server;   /* good while the ask is open */
    uint64_t server_id;
    struct entry *entry;     /* NULL: it is in the queue no more */
    bool sent;               /* it has begun to leave: the server may have seen it */
    struct ask *next;        /* of the server's */
    struct ask *prev;
    uint8_t state;
    bool cancel;             /* call_end: the server is to be told */
};

struct call {
    uint64_t token;
    uint64_t reference;
    struct client *requester;
    struct call *next;       /* of the requester's */
    struct call *prev;
    struct call *next_ref;   /* in the table of references */
    struct timer timer;
    bool survey;
    uint32_t n_asks;
    uint32_t n_open;
    struct {
        uint32_t asked, answered, refused, gone, timed_out, cancelled;
    } counts;
    struct ask *asks;        /* in order of their servers' ids */
    struct ask only;         /* of a request to one: no second allocation */
};

struct call_table {
    struct call **slots;
    uint32_t *free_slots;
    uint32_t n_slots;
    uint32_t n_free;
    uint32_t n_open;
    uint64_t serial;
    struct call **refs;      /* by requester and reference */
    uint32_t n_refs;
    struct call *spare;      /* for the next ones */
    uint32_t n_spare;
};

int call_table_init(struct call_table *table);
void call_table_deinit(struct call_table *table);

/* A new call with room for n_asks; NULL: no memory, or too many are open. */
struct call *call_new(struct route *route, struct client *requester, uint64_t reference,
                      uint32_t n_asks);
/* The open call a token names; NULL. */
struct call *call_find(const struct call_table *table, uint64_t token);
/* The requester's open call with that reference; NULL. */
struct call *call_find_reference(const struct call_table *table, const struct client *requester,
                                 uint64_t reference);
/* The ask of that server, if it is still open; NULL. */
struct ask *call_find_ask(struct call *call, const struct client *server);

/* A server was asked: the request is `entry` in its queue. */
void ask_open(struct call *call, struct service *service, struct entry *entry);
/* This server is done with, whatever the reason; the caller has counted it. */
void ask_close(struct ask *ask);

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
