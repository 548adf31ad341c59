/* Asks: one server each of those that a call went to.
 *
 * A request leaves with the burst of its round, as a rule, and nothing is kept of it but the number
 * of its share there. Only if it has to wait it becomes an entry of the server's queue, which tells
 * when it leaves. Whether the server can have seen it is known exactly either way: a call that
 * ends takes back what has not begun to leave, and SERVER_GONE says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/net/outq.h"

struct call;
struct client;
struct service;

enum ask_state { ASK_OPEN, ASK_DONE };

/* One server that was asked. */
struct ask {
    struct entry_hook hook;  /* while the request is an entry of the server's queue, */
    struct entry *entry;     /* this one; */
    uint64_t share;          /* or has this share in the burst: else it has begun to leave */
    struct call *call;
    struct service *service; /* holds a reference to its lane */
    struct client *server;   /* good while the ask is open */
    uint64_t server_id;
    struct ask *next;        /* of the server's */
    struct ask *prev;
    uint8_t state;
    bool cancel;             /* call_end: the server is to be told */
};

/* A server was asked: the request is `entry` in its queue, or (NULL) that share of the burst. The
 * asks of a call are opened in order of their servers' ids. */
void ask_open(struct call *call, struct service *service, struct entry *entry, uint64_t share);
/* This server is done with, whatever the reason; the caller has counted it. What has not begun to
 * leave is taken back. */
void ask_close(struct ask *ask);
/* The call's ask of that server, if it is still open; NULL. */
struct ask *ask_find(struct call *call, const struct client *server);
/* Whether the request has not begun to leave: the server cannot have seen it. Of an open ask. */
bool ask_waits(const struct ask *ask);

/* A request that was in the burst is that entry of the queue from now on (entry_pool). */
void ask_queued(struct outq *outq, struct entry *entry);
