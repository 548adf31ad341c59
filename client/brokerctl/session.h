/* A verb's connection: how it begins, how it waits, how it ends.
 *
 * One-shot verbs connect without reconnecting, so that a broker that vanishes
 * is an exit code; `sub` and `serve` come back by themselves and say so on
 * standard error. Driven by the verb: session_wait in a loop, until session_over.
 */
#pragma once

#include "client/brokerctl/options.h"
#include "client/brokerctl/print.h"

#include <brokerclient.h>
#include <poll.h>

enum { SESSION_FDS = 3 }; /* slots that session_wait needs at the front of an array */

struct session {
    broker *b;
    bool reconnects;
    bool lost;        /* the connection is gone, and was announced as such */
    int closed;       /* for good: why, a negative status; else 0 */
    struct text loss; /* why the connection ended, in words */
    int refused;      /* the first refusal of a message: a negative status; else 0 */
    uint64_t refused_first, refused_last;
    struct text refusal;                   /* it in words */
    uint64_t unknown_first, unknown_last;  /* messages whose fate nobody knows; 0: none */
};

#define SESSION_INIT { .loss = TEXT_INIT, .refusal = TEXT_INIT }
#define _cleanup_session_ __attribute__((cleanup(session_deinit)))

/* Connects, as "brokerctl VERB". 0, or an exit code after saying what went wrong. */
int session_open(struct session *session, const struct ctl *ctl, const char *verb,
                 bool reconnects);
void session_deinit(struct session *session);
/* Only a handle, as the options want it, which is not connected yet. 0, or an exit
 * code after saying what went wrong. */
int session_handle(broker **ret, const struct ctl *ctl, const char *verb, bool reconnects);

/* Waits for the broker, a signal or one of fds[SESSION_FDS..n), at most
 * timeout_ms (-1: no limit), then lets the library work. The first SESSION_FDS are
 * filled in here. 0, or a negative status: the handle is closed for good, and why. */
int session_wait(struct session *session, struct pollfd *fds, size_t n, int timeout_ms);
/* The monotonic clock. */
uint64_t session_now_ms(void);
/* A signal came, or nobody reads the output any more. */
bool session_over(void);
/* Leaves in good order; returns exit_code, or 1 when the output failed. */
int session_close(struct session *session, int exit_code);

/* The exit code of a status: as the library has it, and "broker not reachable"
 * for all that a lost connection leaves behind. */
int session_exit_code(int status);
/* Says what failed, with the library's words, and returns the exit code of the
 * status. `what` is what was tried: "subscribe to 'a.>'". */
int session_failure(struct session *session, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A grammar error of a subject or pattern, said before anything is sent: 0 or EXIT_DATA.
 * Of a pattern with a * that is no wildcard, too, but that is only a note. */
int session_check_subject(const char *subject);
int session_check_pattern(const char *pattern);
