/*
 * Two clients of libbrokerclient in one process, and the books of what the library told about them: for plays
 * (plays.c) in which the library's own allocations and calls fail. client_program.c runs them.
 *
 * What the library says must be true: what it took is delivered, announced or reported; what it refused or reports as
 * not sent arrives nowhere; each call ends exactly once. cast_check() adds that up. Only what the library calls can
 * fail: the program's own calls stand between own_begin() and own_end().
 */
#ifndef TESTS_FAULT_CAST_H
#define TESTS_FAULT_CAST_H

#include <brokerclient.h>
#include <stdbool.h>

#include "tests/fault/plan.h"

enum { CAST_MESSAGES = 512, CAST_CALLS = 64 };

/* What became of a message, as the library told it. */
enum fate { FATE_NONE, FATE_TAKEN, FATE_FAILED, FATE_REFUSED, FATE_NOT_SENT, FATE_UNKNOWN };

struct cast {
    broker *a;         /* publishes and asks; NULL if it could not be made */
    broker *b;         /* subscribes and serves; NULL likewise */
    unsigned n_lost_a; /* connections */
    unsigned n_lost_b;
    bool is_closed_a;
    bool is_closed_b;
    bool has_left; /* of its own accord */

    broker_subscription *sub;
    bool is_active; /* the broker has the subscription */
    bool is_refused;
    uint64_t n_lost; /* announced in gaps */
    bool lost_unknown;
    bool hears_all; /* it was there before the first message */
    int last;       /* the message that arrived last; -1 */

    enum fate fate[CAST_MESSAGES];
    bool arrived[CAST_MESSAGES];
    int of_number[2 * CAST_MESSAGES]; /* which message bears it, + 1 */
    int n_messages;

    broker_service *service;
    broker_call *call[CAST_CALLS]; /* NULL: over */
    int n_told[CAST_CALLS];
    int n_calls;
    int n_confirms; /* asked for and not told */
};

/* The plan of this process; never NULL. */
extern struct fault_plan *plan;

/* Between the two nothing fails and nothing is counted. */
void own_begin(void);
void own_end(void);

/* Ends the process: the library did something it may not do. */
_Noreturn void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What wrong() says first. */
void wrong_about(const char *play, const char *wish);

/* Both clients, connected as far as they can be. */
void cast_begin(struct cast *cast, const char *url);
/* Drives both until all calls are over and nothing comes for a moment; false after 10 s. */
bool cast_settle(struct cast *cast);
/* Drives both for so long. */
void cast_run(struct cast *cast, int ms);
/* Nothing fails any more: both are there again, serve and are served, and the books add up. */
void cast_check(struct cast *cast);
void cast_end(struct cast *cast);

/* Steps of plays; each notes what the library answers. */
void cast_subscribe(struct cast *cast, const char *pattern, bool credentials);
void cast_serve(struct cast *cast, const char *pattern);
/* The next message, of `len` bytes, at least 4. */
void cast_publish(struct cast *cast, const char *subject, size_t len);
/* Returns its number; -1: it could not be started. */
int cast_ask(struct cast *cast, const char *subject, bool survey, int timeout_ms);
void cast_cancel(struct cast *cast, int call);
void cast_confirm(struct cast *cast);
/* A status that the library may return, or a count. Returns it. */
int cast_answer(const char *of, int64_t status);

/* Between cast.c and cast_steps.c: what happens to the handles. */
void cast_on_event_a(broker *b, const struct broker_event *event, void *userdata);
void cast_on_event_b(broker *b, const struct broker_event *event, void *userdata);

#endif
