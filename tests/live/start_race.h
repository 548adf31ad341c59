/*
 * Two brokers that start at the same moment on one path: one gets it and serves, the other says who has it and ends.
 *
 * Most find what a killed broker left there, every fifth pair a path that is free. FAULTS: "From rivals' history".
 */
#ifndef TESTS_LIVE_START_RACE_H
#define TESTS_LIVE_START_RACE_H

#include <fcntl.h>
#include <unistd.h>

#include "tests/live/live.h"

/* The end of file is the starting shot: the child gives up its copy of the end that keeps the file open. */
static inline void await_start(void *data)
{
    const int *pipe_fds = data;
    char byte;

    close(pipe_fds[1]);
    (void)!read(pipe_fds[0], &byte, 1);
}

static inline void start_both(struct broker_proc *const racers[2], const char *url)
{
    const char *loop = getenv("BROKER_TEST_LOOP");
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    for (int i = 0; i < 2; i++) {
        broker_proc_set_child(racers[i], await_start, fds);
        broker_proc_spawn(racers[i], (const char *[]){ "--listen", url, "--loop",
                                                       loop && *loop ? loop : "auto", NULL });
    }
    close(fds[0]);
    close(fds[1]);
}

/** Which of them has the path: the other ends, saying that it is in use, and this one is reached. */
static inline int expect_one_owner(struct broker_proc *const racers[2], const char *path)
{
    enum { EXIT_IN_USE = 69, PATIENCE_MS = 10000 };

    if (!kit_wait_for(!broker_proc_running(racers[0]) || !broker_proc_running(racers[1]),
                      PATIENCE_MS))
        fail_msg("two brokers have %s", path);
    int owner = broker_proc_running(racers[0]) ? 0 : 1;
    assert_int_equal(broker_proc_wait(racers[1 - owner], 0), EXIT_IN_USE);
    broker_proc_await(racers[owner], path); /* fails if this one ends, too */
    wire_close(wire_open(path));
    assert_true(broker_proc_running(racers[owner]));
    return owner;
}

static inline void run_start_races(int n)
{
    struct broker_proc *const racers[2] = { broker_proc_new(), broker_proc_new() };
    const char *path = broker_proc_socket(racers[0]);
    int n_won[2] = { 0, 0 };

    for (int i = 0; i < n; i++) {
        start_both(racers, broker_proc_url(racers[0]));
        int owner = expect_one_owner(racers, path);
        n_won[owner]++;
        if (i % 5 == 4)
            assert_int_equal(broker_proc_stop(racers[owner]), 0);
        else
            broker_proc_kill(racers[owner]);
        assert_int_equal(access(path, F_OK), i % 5 == 4 ? -1 : 0);
    }
    print_message("  the first of two won %d times, the second %d times\n", n_won[0], n_won[1]);
    broker_proc_free(racers[0]);
    broker_proc_free(racers[1]);
}

#endif
