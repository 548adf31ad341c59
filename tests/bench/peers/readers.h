/*
 * The loop of a process that subscribes, for the rivals whose library leaves waiting to the application: epoll(7)
 * over its connections, each with what the library's own functions do to it.
 */
#pragma once

#include <stdbool.h>

struct reader {
    void *(*open)(unsigned connection); /* connects, and subscribes to bench_patterns() */
    int (*fd)(void *connection);
    bool (*take)(void *connection,
                 unsigned index); /* gives to bench_take() whatever there is; its result */
    bool
        blocks; /* take() waits: with a single connection, epoll would be a system call for nothing */
};

/* Is all of peer.subs_run. */
void readers_run(const struct reader *reader, unsigned first, unsigned n);
