/*
 * Sweeps: a fault at every place of a scenario in turn, or at every @p step-th, so that the quick tests take a part of
 * what the long ones do; each scenario, and each errno, begins at another place.
 *
 * One place again, after a failure: FAULT_ONLY=publish leaves out all other scenarios, FAULT_FIRST=17 all other places.
 */
#ifndef TESTS_FAULT_SWEEP_H
#define TESTS_FAULT_SWEEP_H

#include "tests/fault/rig.h"

/** Runs a sweep on a rig of its own. Skips the test if nothing can be made to fail in this build. */
void sweep_run(void (*sweep)(struct rig *rig, unsigned step), unsigned step);

/** Every allocation of every scenario: it alone, it and the two after it, it and all after it. */
void sweep_memory(struct rig *rig, unsigned step);
/** Those of the scenario in which the broker itself answers. */
void sweep_sys_memory(struct rig *rig, unsigned step);
/** The same of brokers that start for it, so that nothing is pooled yet, from main() on. */
void sweep_fresh_memory(struct rig *rig, unsigned step);
/** What a broker allocates and calls from its main() until it listens. */
void sweep_start(struct rig *rig, unsigned step);
/** And from SIGTERM on, with clients there. */
void sweep_end(struct rig *rig, unsigned step);

/** Each errno of each call (errno_pairs.h), at the first 20 places of that call, and then at ten in a row. */
void sweep_pairs(struct rig *rig, unsigned step);
/** The same by strace(1), without the ten; a step above 20 leaves out pairs. Skips the test if it cannot be had. */
void sweep_traced(struct rig *rig, unsigned step);
/** Every system call of every scenario, in turn, with an errno that nobody thought of. */
void sweep_every_call(struct rig *rig, unsigned step);
/** Errnos that last for a third of a second: nothing spins. All of it, whatever @p step says. */
void sweep_lasting(struct rig *rig, unsigned step);
/** Interruptions and short counts, of which nobody notices anything. All of it, whatever @p step says. */
void sweep_unseen(struct rig *rig, unsigned step);

/* Between sweep.c and sweep_calls.c. */
bool sweep_takes(const struct scenario *scenario);
uint64_t sweep_first(unsigned step, const struct scenario *scenario);
uint64_t sweep_next(uint64_t first, unsigned step);

#endif
