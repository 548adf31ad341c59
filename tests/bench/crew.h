/*
 * A crew: the processes of one run of a bench, one a role, and the memory that they share.
 *
 * The bench adds roles (each is forked at once), opens the gate when all of them are ready, waits until those
 * that work have ended, and ends those that serve. Before the gate a role connects and subscribes; behind it
 * counts. It leaves its figures in its report, and dies with a message (role_die) when something goes wrong,
 * which fails the bench. A role must not call what fails a test: it is a child of the test.
 *
 *     struct crew *crew = crew_new(ALL_PROCESSORS);
 *     crew_add(crew, ROLE_SERVES, echo, &work);
 *     struct report *report = crew_add(crew, ROLE_WORKS, ask, &work);
 *     crew_watch(crew, broker_proc_pid(broker));
 *     crew_run(crew);
 *     ... report->n, crew_watched_ns(crew) ...
 *     crew_free(crew);
 */
#ifndef TESTS_BENCH_CREW_H
#define TESTS_BENCH_CREW_H

#include <stdint.h>
#include <sys/types.h>

/* Latencies that a crew keeps; what comes later in a run is not recorded. */
#define CREW_MAX_SAMPLES 400000

struct crew;
struct role;

/* ALL_PROCESSORS leaves the scheduler its choice; ONE_PROCESSOR pins the roles and who is watched to one. */
enum placement { ALL_PROCESSORS, ONE_PROCESSOR };
/* A role that works ends by itself; one that serves is killed when the others have ended. */
enum role_kind { ROLE_WORKS, ROLE_SERVES };

/* What a role found out. */
struct report {
    int64_t start_ns; /* CLOCK_MONOTONIC: the first message sent */
    int64_t end_ns;   /* the last message received */
    int64_t cpu_ns;   /* of the role's process, from the gate on */
    uint64_t n;       /* sent or received, summed over the role's connections */
    uint64_t n_wrong; /* out of order, announced as lost, or answered wrongly */
};

struct role {
    const void *work; /* as crew_add was given it */
    unsigned part;    /* how many crew_add made of this function and work before it */
    struct report *report;
    struct crew *crew;
};

/** A crew without roles. Never NULL. */
struct crew *crew_new(enum placement placement);
/** Kills what is left of it. Takes NULL and returns NULL. */
struct crew *crew_free(struct crew *crew);

/**
 * Forks a process that calls @p fn and ends.
 * @param work  must stay until crew_free
 * @return its report, valid until crew_free; only after crew_run it says something
 */
struct report *crew_add(struct crew *crew, enum role_kind kind, void (*fn)(struct role *role),
                        const void *work);
/** The process of the latest crew_add. */
pid_t crew_latest_pid(const struct crew *crew);

/** The processor time of @p pid is taken from the gate to the end, and the crew's placement is its own. */
void crew_watch(struct crew *crew, pid_t pid);
int64_t crew_watched_ns(const struct crew *crew);

/** Waits until each role is ready; for crews of roles that only serve. Fails the test after 30 s. */
void crew_await(struct crew *crew);
/** Awaits, opens the gate, waits for the roles that work. Fails the test if one fails, or after 60 s. */
void crew_run(struct crew *crew);

/** The latencies that a role recorded, and how many. They may be sorted in place. */
uint32_t *crew_samples(struct crew *crew, uint64_t *ret_n);

/* -- in a role ------------------------------------------------------------------------------- */

/** The role has connected and, where that is its part, subscribed. */
void role_ready(struct role *role);
/** Waits for the gate, and starts the role's clocks. */
void role_await_gate(struct role *role);
/** Stops the role's processor clock. */
void role_done(struct role *role);
/** Records one latency. */
void role_sample(struct role *role, int64_t ns);
/** Prints the text and the error and ends the process. */
_Noreturn void role_die(const char *text, const char *error);

/** The processor time of a process, in nanoseconds; -1 when it is gone. */
int64_t process_cpu_ns(pid_t pid);

#endif
