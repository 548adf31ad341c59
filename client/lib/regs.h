/* Registrations: what the application subscribes to and serves. Both live in
 * one table indexed by sid, the number they have on the wire.
 *
 *             OK                 ENDED, ERROR
 *   PENDING ──────► ACTIVE ────────────────────► OVER
 *      ▲──────────────╯ connection lost
 *
 * The state moves when a frame is scanned; the table entry goes when the frame
 * that ends it is dispatched, since messages for the sid may lie before it. So
 * a registration that the application freed stays listed, `freed`, until
 * nothing in the inbox can mean it any more; only then its sid is used again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <brokerclient.h>

#include "proto/envelope.h"
#include "proto/limits.h"

enum reg_state { REG_PENDING, REG_ACTIVE, REG_OVER };

struct reg {
    void *buried; /* first: struct buried (handle.h) */
    union {
        broker_message_fn message;
        broker_request_fn request;
    } fn;
    void *userdata;
    broker *b;
    uint32_t sid;
    bool is_service;
    bool listed;
    struct reg *next, **link; /* not listed any more, and not freed yet */
    bool freed;
    bool unsubscribed; /* UNSUB is out, its answer ends the listing */
    bool was_active; /* an OK was dispatched */
    bool gap_due;    /* it was in force when the connection was lost */
    enum reg_state state;
    int status;          /* of REG_OVER; positive */
    uint64_t sent_epoch; /* of the connection that was told of it; 0: none */

    char pattern[MAX_SUBJECT + 1];
    char group[MAX_GROUP + 1]; /* "": none */
    uint64_t policy, queue_bytes, queue_messages, flags;
    uint64_t after;    /* 0: never */
    uint64_t n_taken;  /* of `after` */
    uint32_t max_open; /* of a service */

    void *notice_data;
    union {
        broker_notice_fn subscription;
        broker_service_notice_fn service;
    } notice_fn;
};

struct broker_subscription {
    struct reg reg;
};

struct broker_service {
    struct reg reg;
};

/* The sid in a reference of SUB, UNSUB, SERVE, UNSERVE: it waits for at most one
 * answer of each kind, so the two of them make a reference. */
enum { REF_SUB = 0, REF_UNSUB = 1, REF_SHIFT = 1 };

static inline uint64_t regs_sid_of(uint64_t ref)
{
    return ref >> REF_SHIFT;
}

/* All that a message meets of most registrations, in half a cache line: with a
 * hundred thousand of them each is a miss. */
struct reg_slot {
    struct reg *reg; /* NULL: the sid is free */
    /* Of a subscription without an end that is not freed; NULL: look at reg. */
    broker_message_fn fn;
    void *userdata;
    void *unused; /* so that none lies in two of them */
};

struct regs {
    struct reg_slot *at; /* [0] stays empty, sids begin with 1 */
    uint32_t n;
    uint32_t lowest;  /* no free sid is below this */
    struct reg *over; /* those that are not listed any more */
};

static inline struct reg *regs_find(const struct regs *regs, uint64_t sid)
{
    return sid < regs->n ? regs->at[sid].reg : NULL;
}

/* Lists it under a free sid and tells the broker, if one is there. 0 or
 * -BROKER_E_NO_MEMORY, -BROKER_E_QUOTA. */
int regs_add(broker *b, struct reg *reg);
/* The application lets go of it. */
void regs_release(struct reg *reg);
/* Tells a new connection of all that is to be in force. */
void regs_send_all(broker *b);
/* The connection is lost: nothing is in force. */
void regs_lost(broker *b);
/* Its end was dispatched: forgets what was freed while it was there. */
void regs_forget(broker *b, uint64_t epoch);
void regs_deinit(broker *b);

/* An OK or ERROR with one of the references below: as it is scanned, and as it
 * is dispatched. false: it answers nothing that was asked. */
bool regs_scan_answer(broker *b, uint64_t ref, uint64_t status);
void regs_dispatch_answer(broker *b, uint64_t ref, uint64_t status, const char *text,
                          const char *what);
bool regs_scan_ended(broker *b, const struct envelope *envelope);
void regs_dispatch_ended(broker *b, const struct envelope *envelope);

/* Runs the notice callback, if there is one. */
void reg_notice(struct reg *reg, const struct broker_notice *notice);
bool reg_hears_notices(const struct reg *reg);
