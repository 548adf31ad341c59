/* What is told when a limit refuses something.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/guard/limits.h"
#include "proto/status.h"

/* The account of all that nobody vouches for. No user has this uid (credentials(7)). */
#define QUOTA_ANONYMOUS ((uid_t)-1)

enum quota_whose {
    QUOTA_OF_CONNECTION, /* this connection has too much */
    QUOTA_OF_UID,        /* all connections of its uid together have */
};

struct quota_refusal {
    enum status status; /* STATUS_QUOTA, or STATUS_NO_MEMORY: then only kind and uid say anything */
    enum quota_kind kind;
    enum quota_whose whose;
    const char *limit; /* the key of the limit, or its name in PROTOCOL.md; a constant string */
    uint64_t value;    /* what the connection or the uid may hold now */
    uint64_t used;     /* what it holds */
    uid_t uid;
    uint32_t n_sharing; /* of a connection's share: with how many others of its uid */
    uint64_t n_refused; /* so often was this uid refused this kind, this one included; 0: nobody
                         * counts */
};

enum { REFUSAL_TEXT_MAX = 200 }; /* bytes, the NUL included */

/* A sentence, without a full stop, like those of the statuses:
 * "limit subscriptions: uid 1000 may hold 52428 now, and holds 52428". Returns buf. */
const char *refusal_text(const struct quota_refusal *refusal, char buf[REFUSAL_TEXT_MAX]);
/* Writes a line, if it is news: of a kind and uid the first, second, fourth, eighth … */
void refusal_log(const struct quota_refusal *refusal, const char *text);
