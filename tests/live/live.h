/*
 * How a live test begins and ends: a broker that, once its clients have gone, has the descriptors it began with, ends
 * in order, and has not been complained of by a sanitizer.
 */
#ifndef TESTS_LIVE_LIVE_H
#define TESTS_LIVE_LIVE_H

#include <stdlib.h>
#include <string.h>

#include "tests/kit/broker_proc.h"
#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"
#include "tests/kit/wire.h"

struct live {
    struct broker_proc *proc;
    const char *path;
    int n_fds;
};

static inline struct live live_begin(void)
{
    struct live live = { .proc = broker_proc_new() };

    broker_proc_start(live.proc, NULL);
    live.path = broker_proc_socket(live.proc);
    /* By two clients, since the broker may still be burying the one that waited for its start. */
    struct wire *a = wire_open(live.path);
    int n_with_one = broker_proc_n_fds(live.proc);
    struct wire *b = wire_open(live.path);
    live.n_fds = 2 * n_with_one - broker_proc_n_fds(live.proc);
    wire_close(a);
    wire_close(b);
    return live;
}

static inline void live_end(struct live *live)
{
    broker_proc_expect_n_fds(live->proc, live->n_fds);
    int status = broker_proc_stop(live->proc);
    char *log = broker_proc_log(live->proc);
    bool clean = status == 0 && !strstr(log, "runtime error:") && !strstr(log, "Sanitizer") &&
                 !strstr(log, "the seccomp filter");
    if (!clean)
        fail_msg("brokerd ended with %d and said:\n%s", status, log);
    free(log);
    live->proc = broker_proc_free(live->proc);
}

#endif
