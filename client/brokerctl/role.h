/* One process of a bench: a client that publishes, receives, asks or answers.
 *
 * Forked by the crew (crew.h), which shares a board with it. A role connects,
 * reports that it is ready, works from the common start on, reports what it
 * found and leaves when all have. It prints nothing: what goes wrong is a text
 * in its report, for the crew to tell. Times are CLOCK_MONOTONIC.
 */
#pragma once

#include "client/brokerctl/bench.h"
#include "client/brokerctl/histogram.h"
#include "client/brokerctl/mark.h"

#include <brokerclient.h>

enum role_state { ROLE_STARTS, ROLE_READY, ROLE_DONE };

/* What a role found. The first two are read while it works, the rest when it has ended. */
struct role_report {
    _Alignas(64) _Atomic int state;
    _Atomic uint64_t n; /* messages sent or received, requests answered so far */
    int code;           /* exit code of what went wrong; 0: nothing */
    char text[200];     /* it, in words */
    uint64_t from_ns;   /* the first message */
    uint64_t until_ns;  /* the last one */
    uint64_t cpu_ns;    /* processor time between the common start and the end of the work */
    uint64_t asked;     /* requests sent */
    uint64_t refused;   /* messages that the broker refused, requests without an answer */
    uint64_t matched;   /* subscriptions that the messages reached, summed */
    uint64_t announced; /* messages that the broker said were lost */
    struct tally tally;
    struct histogram latency;
};

enum board_phase {
    BOARD_GATHERS, /* roles connect and subscribe */
    BOARD_RUNS,
    BOARD_STOPS,  /* nobody begins anything new */
    BOARD_LEAVES, /* the figures are taken: roles end */
};

/* What the crew and its roles share. */
struct board {
    _Atomic int phase;
    _Atomic uint64_t start_ns;
    struct role_report reports[];
};

struct role {
    const struct bench_plan *plan;
    const struct board *board;
    struct role_report *report;
    unsigned part; /* which one of its kind, from 0 */
    broker *b;
    uint64_t cpu_before_ns;
};

enum role_does { ROLE_SENDS, ROLE_RECEIVES, ROLE_SERVES };

struct role_kind {
    const char *name;
    enum role_does does; /* the crew waits for those that send, then for those that receive */
    void (*run)(struct role *role);
};

extern const struct role_kind role_publisher;  /* bench_publish.c */
extern const struct role_kind role_subscriber; /* bench_receive.c */
extern const struct role_kind role_requester;  /* bench_ask.c */
extern const struct role_kind role_server;     /* bench_ask.c */

/* Connects as "brokerctl bench", or fails. */
void role_connect(struct role *role);
/* Is ready, waits for the start, lets the library work meanwhile. */
void role_ready(struct role *role);
/* Has done its work: stops its processor clock and waits until all have. */
void role_done(struct role *role);
/* Says goodbye and frees the handle. */
void role_leave(struct role *role);

enum board_phase role_phase(const struct role *role);
/* Waits for the broker until a time, at most for some milliseconds, so that the
 * phase is looked at; then lets the library work. Fails if the connection is gone. */
void role_wait_until(struct role *role, uint64_t until_ns);
/* The same without an end in sight. */
void role_wait(struct role *role);
/* Writes down what went wrong, the first time; the role goes on. */
void role_note(struct role *role, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes it down with the library's words, and ends the process. */
_Noreturn void role_fail(struct role *role, int status, const char *what);

/* This role's share of what all n_senders send, messages and so on. */
uint64_t role_share(const struct role *role, uint64_t total);
/* When this role's i-th message is due (of a paced bench): the senders take turns. */
uint64_t role_due_ns(const struct role *role, uint64_t i);
/* When sending ends; UINT64_MAX: after --count messages only. */
uint64_t role_deadline_ns(const struct role *role);
