/*
 * The crew: the processes of a run, one a role, children of the one that measures.
 *
 * crew_add() forks a role at once. The measuring process waits for stages with crew_await(), and ends all with
 * crew_end(); a role whose function returns sleeps until then. Roles die with the process that measures.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum role { ROLE_PUBLISHES, ROLE_RECEIVES, ROLE_ASKS, ROLE_SERVES, ROLE_IDLES, N_ROLES };

/** Forks a process that calls @p fn. */
void crew_add(enum role role, void (*fn)(unsigned part), unsigned part);

/**
 * Waits until @p reached.
 * @param stage  what is waited for, for crew_failure()
 * @return false when the plan's timeout passed, or a role died
 */
bool crew_await(bool (*reached)(void), const char *stage);
/** Why crew_await() failed: a sentence, with what the role said that died. */
const char *crew_failure(void);

/** The processor time of all processes in a role. */
int64_t crew_cpu_ns(enum role role);

/** Kills every role and waits for it. Idempotent. */
void crew_end(void);
