/*
 * A peer: one broker's way to do the work that is compared, as a program `peer-NAME` of its own.
 *
 * A program fills `peer` and links the harness (bench.h), which has main(): it reads the command line, forks a
 * process a role, keeps publishers from running away from their receivers, takes the times and prints one line
 * of JSON. A role's function runs in its own process and dies (bench_die) when something goes wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
    const char *name;
    uint64_t max_window; /* messages that may be on their way at most; 0: the harness's own limit */

    /* Rewrites a subject spelled `a.b.*.c` in place as the broker spells it; 64 bytes of room. NULL: as it is. */
    void (*spell)(char *subject, bool is_pattern);

    /* A publisher. Sending may buffer in the library's documented way, flushing leaves nothing behind. */
    void *(*pub_open)(unsigned index);
    void (*pub_send)(void *publisher, const char *subject, const void *payload, size_t len);
    void (*pub_flush)(void *publisher);

    /* Opens connections first … first + n - 1, subscribes each to bench_patterns(), calls bench_ready() once,
     * then gives what arrives to bench_take() until that returns true. */
    void (*subs_run)(unsigned first, unsigned n);

    /* Calls bench_ready(), then answers every request for REQUEST_SUBJECT with its own payload, for ever. */
    void (*serve_run)(void);

    void *(*req_open)(void);
    void (*req_send)(void *requester, const void *payload, size_t len);
    void (*req_flush)(void *requester);
    unsigned (*req_wait)(void *requester); /* waits for an answer at least; how many came */

    /* Opens n connections that do nothing, calls bench_ready(), and returns (the harness keeps the process). */
    void (*idle_run)(unsigned n);

    /* `peer-NAME serve`: where the broker is a program of ours (a floor, a proxy). NULL: it is not. */
    int (*broker_run)(void);
};

/* What each program defines. */
extern const struct peer peer;
