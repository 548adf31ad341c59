/* Sessions: what clients say, frame by frame, and what they are told.
 *
 * One file a family of opcodes, one constant table in front (table.c). A
 * session owns the network and the routing of a broker and is what the house
 * drives: it takes over accepted descriptors and needs session_round() once a
 * round.
 */
#pragma once

#include <stdbool.h>

#include "broker/guard/policy.h"
#include "broker/guard/quota.h"
#include "broker/net/conn.h"
#include "broker/route/request.h"
#include "broker/route/route.h"
#include "broker/watch/sys_service.h"

enum { INSTANCE_LEN = 16 };

struct event;

struct session {
    struct loop *loop;
    struct counters *counters;
    struct net net;
    struct route route;
    struct sys_registry sys;
    uint8_t instance[INSTANCE_LEN];
    struct policy_snapshot *policy; /* in force */
    struct quota quota;
    struct event *events;        /* to be published at the end of the round */
    struct event **events_tail;
    bool draining;
    struct sys_service clients_service;
    struct sys_service client_service;
    struct sys_service subjects_service;
    struct sys_service users_service;
    struct sys_service explain_service;
};

/* 0 or -errno. The counters outlive the session. The limits are the defaults, as far as they fit
 * the machine and the descriptors that the process may have now. */
int session_init(struct session *session, struct loop *loop, struct counters *counters);
/* Cuts whoever is left. */
void session_deinit(struct session *session);

/* Another policy from now on (a reference is taken). Everybody's rights are looked at anew: who may
 * not be here any more is told and ends, what somebody may not have any more ends; what was routed
 * before still arrives. 0, or -ENOMEM: nothing has happened. (policy.c) */
int session_set_policy(struct session *session, struct policy_snapshot *policy);

/* Other limits from now on, good ones (limits_check), which are copied. Nothing is taken from
 * anybody: who holds more than it may now gets nothing more. */
void session_set_limits(struct session *session, const struct limits *limits);

/* A new connection: takes over fd. Who may not come in is told why and closed. */
void session_adopt(struct session *session, int fd, const char *listener);
/* Says why and leaves fd to the caller: one non-blocking send. */
void session_turn_away(int fd, enum status status, const char *sentence);

/* The end of a round: events, output, the dead. */
void session_round(struct session *session);

/* Says goodbye to everybody; session_is_empty tells when all have gone. */
void session_drain(struct session *session);
static inline bool session_is_empty(const struct session *session)
{
    return session->net.n_conns == 0;
}

static inline struct session *session_of(struct client *client)
{
    return (struct session *)((char *)client->route - offsetof(struct session, route));
}
