/* struct broker, and what every file of the library needs of it.
 *
 * A handle has one connection at a time. Connections are numbered by `epoch`;
 * what belongs to one (a request that was sent, a subscription's number in
 * use) remembers its epoch. Input is seen twice, in order each time: scan.h
 * keeps the state current, also in blocking calls; dispatch.h runs callbacks.
 * Between the two lies the inbox, so the end of a connection, too, has a place
 * in the stream (loss.h) and is told there.
 *
 * Every callback runs inside handle_enter and handle_leave. What is released
 * meanwhile is buried, and freed when the outermost callback is over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <brokerclient.h>

#include "client/lib/calls.h"
#include "client/lib/confirm.h"
#include "client/lib/inbox.h"
#include "client/lib/kept.h"
#include "client/lib/loss.h"
#include "client/lib/message.h"
#include "client/lib/options.h"
#include "client/lib/outbox.h"
#include "client/lib/peers.h"
#include "client/lib/received.h"
#include "client/lib/regs.h"
#include "client/lib/requests.h"
#include "proto/address.h"
#include "proto/limits.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum state {
    STATE_IDLE,     /* no connection; retry_ns says when to try */
    STATE_GREETING, /* HELLO is out */
    STATE_OPEN,
    STATE_LEAVING, /* our GOODBYE is out */
    STATE_CLOSED,
};

/* The first bytes of a page that a child of fork(2) finds zeroed
 * (MADV_WIPEONFORK), so that asking costs no system call. */
struct fork_page {
    bool ours;
    /* Payloads shorter than this may just be put into the outbox: all that a
     * publish, a request or a reply has to ask. 0 while they may not. */
    size_t gather_end;
};

struct buried {
    struct buried *next;
};

struct broker {
    /* What publishing touches. */
    struct fork_page *page;
    unsigned hold;        /* > 0: corked, or inside dispatch: frames gather */
    unsigned cork;        /* of these, the application's */
    uint64_t n_published; /* messages, over all connections: the last number */
    struct outbox out;
    struct kept_subjects kept;

    /* What receiving touches. */
    struct inbox in;
    struct received received;
    struct regs regs;
    struct loss *losses; /* in the order of the stream */
    int n_callbacks;     /* run by this broker_process */
    bool halt;           /* dispatch returns to its caller */

    enum state state;
    int fd;
    /* The socket before: it stays open until the next one is, so that a loop
     * can take it out of its set, and never finds its number used again. */
    int dead_fd;
    pid_t pid;
    unsigned depth; /* of callbacks */
    bool freed;     /* broker_free was called in a callback */
    bool stop;
    struct buried *graveyard;

    /* The connection. */
    uint64_t epoch;          /* of the connection, or of the next one */
    uint64_t dispatch_epoch; /* of what lies at the head of the inbox */
    uint64_t base;           /* n_published when the connection began */
    uint64_t dispatch_base;
    uint64_t n_confirmed; /* the last number known to be routed */
    uint64_t lost_sent;   /* out.sent of the connection before */
    unsigned posting;     /* 1: a MESSAGE is in the outbox that has no number yet */
    struct pings pings;
    struct confirms confirms;
    struct calls calls;
    struct requests requests;
    struct peers peers;

    /* Finding a broker. */
    struct broker_options options;
    struct address_list addresses;
    size_t n_tried;           /* of addresses */
    uint64_t retry_ns;        /* STATE_IDLE: when to try again */
    uint64_t greet_ns;        /* STATE_GREETING: until when */
    uint64_t opened_ns;
    uint32_t backoff_ms;
    uint64_t random;
    int attempt_status;       /* why the last attempt failed; positive */
    char reasons[MAX_SENTENCE]; /* why each address failed that was tried */
    bool connecting;          /* broker_connect is at it, which tells by itself */
    bool may_retry;           /* it failed because nobody was there */
    bool told_down;           /* the application knows that there is no broker */
    struct loss *next_loss;   /* set aside, so that a loss needs no memory */

    /* What WELCOME said. */
    uint64_t id;
    uint8_t instance[16];
    size_t max_payload;
    char server[64];
    char url[ADDRESS_TEXT_MAX];

    int publish_timeout_ms;
    broker_event_fn event_fn;
    void *event_data;
    char error[ADDRESS_TEXT_MAX + MAX_SENTENCE + 64];
};

/* 0, or -BROKER_E_FORKED, -BROKER_E_CLOSED: to be asked first by every call. */
int handle_check(broker *b);
bool handle_is_ours(const broker *b);

void handle_state(broker *b, enum state state);
/* Frames gather between the two, which nest. */
void handle_hold(broker *b);
void handle_unhold(broker *b);

/* Keeps the sentence for broker_error_text, and returns -status. Without a
 * format it is the status's own. */
int handle_fail(broker *b, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void handle_enter(broker *b);
/* false: the handle is gone, nothing of it may be touched. */
bool handle_leave(broker *b);

/* Frees what malloc gave, which begins with a struct buried: now, or after the
 * callbacks that may still look at it. */
void handle_bury(broker *b, void *thing);
