/* What peers can make the broker hold, how much of it there may be, and what it costs.
 *
 * One table: a line is a kind of thing that is counted, and two keys of the configuration's
 * [limits]: NAME, how much of it the broker holds for everybody together, and
 * NAME-per-connection, how much for one connection (NAME-per-uid for what outlives
 * connections). How that is shared says quota.h: a uid that is alone here has about half
 * of the total, its only connection a quarter.
 *
 * `basic` is what each connection may always have, whatever others do. It is set aside for as
 * many connections as there may be, and becomes smaller if that would be more than
 * half of the total. `cost` is about what one takes in memory, all that comes with it
 * included; a kind that is bytes costs 1.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

/* Where the figures come from:
 *
 * subscriptions: a million by ten connections of one uid (docs/decisions/0014), and the shares of
 *   others. 104 bytes, a node and its text, places in two tables, a group or a `latest` table.
 * wildcards: of them, those with a wildcard in their pattern; 200,000 by ten connections of one
 *   uid. What they cost more: a branch of the index.
 * servers: registrations by SERVE. Few programs have a hundred.
 * requests: that are open, a survey counting one for each server it asks. The token has 20 bits
 *   for the slot. A call 216 bytes, its slot, its places in tables and timers.
 * queued-bytes: that wait to be sent, and input that waits to be handled. What waits for several
 *   connections counts for each, though there is one copy: 64 of one uid have their 8 MiB.
 * queued-messages: each may need an entry of its own, 72 bytes, and a mark if it is `latest`.
 * retained-bytes: the values outlive the connection, and are their uid's.
 * descriptors: on their way. SCM_MAX_FD (unix(7)) is 253 a message: two of those.
 * unauthenticated-bytes: what is kept of a HELLO that is not whole, at most all but a byte.
 * kernel-bytes: send buffers, as getsockopt(SO_SNDBUF) says them, twice what was asked for
 *   (socket(7)). One that streams has 1 MiB, so 2; ten thousand that stall 32 KiB each, 320 MiB.
 * connections: three times the ten thousand that one uid is to have. 600 bytes are ours, the rest
 *   the kernel's: a socket, a file, a place in the poll set.
 */

/* X(kind, key, "connection" or "uid", in all, for one of those, basic, cost) */
#define LIMITS_MAP(X)                                                                            \
    X(SUBSCRIPTIONS, "subscriptions", "connection", 8 << 20, 1 << 20, 16, 300)                   \
    X(WILDCARDS, "wildcards", "connection", 2 << 20, 1 << 18, 8, 100)                            \
    X(SERVERS, "servers", "connection", 1 << 18, 1 << 14, 4, 300)                                \
    X(REQUESTS, "requests", "connection", MAX_OPEN_CALLS, 1 << 16, 8, 300)                       \
    X(QUEUED_BYTES, "queued-bytes", "connection", UINT64_C(4) << 30, QUEUED_MAX, 32 << 10, 1)    \
    X(QUEUED_MESSAGES, "queued-messages", "connection", 16 << 20, 1 << 20, 128, 120)             \
    X(RETAINED_BYTES, "retained-bytes", "uid", 256 << 20, 64 << 20, 0, 1)                        \
    X(DESCRIPTORS, "descriptors", "connection", 8192, 512, 0, 512)                               \
    X(UNAUTHENTICATED_BYTES, "unauthenticated-bytes", "connection", 64 << 20, MAX_HELLO, 512, 1) \
    X(KERNEL_BYTES, "kernel-bytes", "connection", UINT64_C(2) << 30, 2 << 20, 32 << 10, 1)       \
    X(CONNECTIONS, "connections", "connection", 1 << 15, 1, 0, 2600)

/* CONNECTIONS is the last: a connection holds one of them and never another number. */
enum quota_kind {
#define LIMITS_ENUM(kind, ...) QUOTA_##kind,
    LIMITS_MAP(LIMITS_ENUM)
#undef LIMITS_ENUM
};

/* The basic amounts, which are smaller where there are many connections to a total. */
enum {
#define LIMITS_BASIC(kind, name, one, total, per_connection, basic, cost) \
    LIMITS_BASIC_##kind = basic,
    LIMITS_MAP(LIMITS_BASIC)
#undef LIMITS_BASIC
};

enum {
    N_QUOTA_KINDS = QUOTA_CONNECTIONS + 1,
    QUEUED_MAX = CONN_QUEUE_BYTES + (17 << 20), /* and a frame that comes in, and control frames */
    LIMITS_KEYS = 2 * N_QUOTA_KINDS - 1, /* there is no connections-per-connection */
    LIMITS_WHY_MAX = 160,                /* bytes of a sentence, its NUL included */
    LIMITS_MIN_CONNECTIONS = 16,         /* fewer cannot be shared */
};

struct limits {
    uint64_t total[N_QUOTA_KINDS];
    uint64_t per_connection[N_QUOTA_KINDS];
};

/* The table's. */
void limits_default(struct limits *limits);
/* Makes the totals as small as the machine: none may cost more than an eighth of `memory` (bytes;
 * 0: not known), and connections leave some of the `n_files` descriptors that the process may have
 * (RLIMIT_NOFILE, getrlimit(2); 0: not known). For the defaults, not for what was asked for. */
void limits_fit(struct limits *limits, uint64_t memory, uint64_t n_files);

/* The keys, in the table's order; i < LIMITS_KEYS. Constant strings. */
const char *limits_key(size_t i);
/* Where the value of that key is. */
uint64_t *limits_value(struct limits *limits, size_t i);
/* The same by its name, of `len` bytes; NULL: there is no such key. */
uint64_t *limits_find(struct limits *limits, const char *key, size_t len);
/* false: a value cannot be, and `why` is a sentence that names its key. */
bool limits_check(const struct limits *limits, char why[LIMITS_WHY_MAX]);

/* The key of a kind's total, and of what one may have; constant strings. */
const char *limits_name(enum quota_kind kind);
const char *limits_one_name(enum quota_kind kind);
/* The basic amount in the table, and the memory one takes. */
uint32_t limits_basic(enum quota_kind kind);
uint32_t limits_cost(enum quota_kind kind);
