/* A client, as routing sees it: a connection with what hangs on it.
 *
 * Made and freed by the session layer, which also owns the fields marked so.
 * Everything a client holds is in a list of its own here, so that its end is a
 * walk (route_forget).
 */
#pragma once

#include "broker/guard/permit.h"
#include "broker/net/conn.h"
#include "broker/route/table.h"

struct route;
struct service;
struct call;
struct ask;
struct dest;
struct refusal;

/* Publishers that wait for one subscriber, and what is known of its reading. */
struct hold {
    struct timer timer;       /* while it holds, or is being treated as stalled */
    struct client *client;    /* who holds */
    struct client *first;     /* those held, in turn */
    struct client *last;
    const struct lane *full;  /* one that was more than half full at the last look; or NULL */
    uint64_t mark_sent;       /* conn.bytes_out at the last look */
    int mark;                 /* bytes in the kernel (SIOCOUTQ) at the last look */
    bool stalled;             /* `wait` is treated as `drop-old`, at least until the timer says */
};

/* In order of use; what most clients never need is made when they do. 448 bytes: there may be
 * very many that do nothing. */
struct client {
    struct conn conn;
    struct route *route;
    struct rights *rights;    /* session's */

    /* Where the last two subjects it used go: good while the epoch is route->epoch. */
    struct dest *recent[2];
    uint64_t recent_epoch;

    /* Numbers of its messages (PROTOCOL.md, "Numbers"). */
    uint64_t n_messages;
    uint64_t n_matched;       /* since the last CONFIRM */
    uint64_t held_ns;         /* since when it waits for its frame to be routed; 0: it does not */
    struct refusal *refusal;  /* session's; NULL: none waits to be told */
    uint64_t n_refused;       /* since the last CONFIRM */

    struct table sids;        /* its subscriptions and services (subs.h) */
    struct service *services;
    struct call *calls;       /* it asked */
    struct ask *asks;         /* it was asked */
    uint32_t n_subs;
    uint32_t n_calls;         /* as they are charged: one for each server that may be asked */

    struct hold *hold;        /* of those it holds; NULL: it has no need of one */
    struct client *held_by;   /* whom it waits for; NULL: not held */
    struct client *held_next;
    struct client *held_prev;

    /* Least-queued: bytes in the kernel, looked at once a round (group.h). */
    uint32_t outq_round;      /* its lower half */
    uint32_t outq_bytes;
    /* 1 + an index, 0 in between: of its first pick for the message at hand (deliver.c), or of what
     * is found of it while a dest is made (found.c). */
    uint32_t mark;

    uint8_t last_loss;        /* enum gap */
    bool said_hello : 1;      /* session's */
    bool is_reviewed : 1;     /* session's: by the policy in force */
    uint64_t n_lost;
    uint64_t loss_event_ns;   /* when $SYS.event.loss was last published */
};

/* Whether policy refuses the client something about a subject (NULL, 0: about none). NULL: it does
 * not; else the rule, as long as the client has these rights. */
const struct policy_rule *client_refused(const struct client *client, enum policy_verb verb,
                                         const char *subject, size_t len);
/* … about all subjects of a pattern. */
const struct policy_rule *client_refused_all(const struct client *client, enum policy_verb verb,
                                             const char *pattern, size_t len);

/* What it is told of a limit's refusal, which is counted, and written down if it is news. Returns
 * buf. */
const char *client_limit_text(struct client *client, const struct quota_refusal *refusal,
                              char buf[REFUSAL_TEXT_MAX]);

static inline uint32_t client_n_services(const struct client *client)
{
    return client->sids.n - client->n_subs;
}
