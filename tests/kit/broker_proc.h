/*
 * A real brokerd in a private folder, for live tests.
 *
 * One object is one place (folder, socket, log), where a broker may be started, killed and started again.
 * Whatever goes wrong here fails the running test, with the broker's log. The broker dies with the test process.
 * Objects a test did not free, because it failed, are shown and freed after it (tests/kit/runner.h).
 *
 *     struct broker_proc *b = broker_proc_new();
 *     broker_proc_start(b, NULL);
 *     ... broker_proc_url(b) ...
 *     assert_int_equal(broker_proc_stop(b), 0);
 *     broker_proc_free(b);
 */
#ifndef TESTS_KIT_BROKER_PROC_H
#define TESTS_KIT_BROKER_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct broker_proc;

/** A place for a broker, below kit_dir(); nothing runs yet. Never NULL. */
struct broker_proc *broker_proc_new(void);

/** Kills a broker that still runs, removes the folder. Takes NULL and returns NULL. */
struct broker_proc *broker_proc_free(struct broker_proc *proc);

/**
 * Has @p hook(@p data) called in the child of the next starts, between fork and exec: limits, environment,
 * uid, descriptors to inherit (all above 2 are close-on-exec by then; dup2 makes one that is not).
 */
void broker_proc_set_child(struct broker_proc *proc, void (*hook)(void *data), void *data);

/**
 * Starts `brokerd --listen unix:SOCKET [--loop $BROKER_TEST_LOOP] ARGS…` and waits until it takes a
 * connection; the probe's own connection is gone from the broker when this returns.
 * @param args  further arguments, ended by NULL; or NULL for none
 */
void broker_proc_start(struct broker_proc *proc, const char *const args[]);

/**
 * Starts `brokerd ARGS…` and nothing more: no --listen, no waiting. For start-up errors, and for listeners of
 * the test's own choice, which broker_proc_await() can wait for.
 */
void broker_proc_spawn(struct broker_proc *proc, const char *const args[]);

/** Waits until something listens at @p path ('@' first: an abstract name); fails the test after 10 s. */
void broker_proc_await(struct broker_proc *proc, const char *path);

/**
 * Waits for the end of the broker.
 * @return its exit status as a shell counts it: 0–255, 128 + n for signal n; -1 if it still runs at the end
 */
int broker_proc_wait(struct broker_proc *proc, int timeout_ms);

/** SIGTERM, then broker_proc_wait() of 10 s; a broker that stays is killed and fails the test. */
int broker_proc_stop(struct broker_proc *proc);

/** kill -9, and its end waited for. */
void broker_proc_kill(struct broker_proc *proc);

bool broker_proc_running(struct broker_proc *proc);

pid_t broker_proc_pid(const struct broker_proc *proc);
/** Paths and the address stay valid as long as the object. */
const char *broker_proc_dir(const struct broker_proc *proc);
const char *broker_proc_socket(const struct broker_proc *proc);
const char *broker_proc_url(const struct broker_proc *proc);

/** What the brokers of this place wrote to stderr so far; the caller frees it. Never NULL. */
char *broker_proc_log(const struct broker_proc *proc);
/** Waits until the log contains @p text; false after @p timeout_ms. */
bool broker_proc_log_has(const struct broker_proc *proc, const char *text, int timeout_ms);

/** Open descriptors of the broker. */
int broker_proc_n_fds(const struct broker_proc *proc);
/** Waits until the broker has @p n_fds descriptors, and fails the test after 2 s. */
void broker_proc_expect_n_fds(const struct broker_proc *proc, int n_fds);
/** Resident memory in bytes (VmRSS). */
int64_t broker_proc_rss(const struct broker_proc *proc);
/** Processor time used so far, user and system, in nanoseconds (of the kernel's ticks: 10 ms steps). */
int64_t broker_proc_cpu_ns(const struct broker_proc *proc);

#endif
