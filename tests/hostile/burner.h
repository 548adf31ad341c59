/*
 * The burner: what an attacker is compared with. It uses as much processor time, in as many runnable threads and
 * with as many sleeps in between, and has nothing to do with the broker.
 */
#ifndef TESTS_HOSTILE_BURNER_H
#define TESTS_HOSTILE_BURNER_H

#include <stdatomic.h>
#include <stdint.h>

/** What one process burns. */
struct burn {
    double share;     /* of one processor's time */
    int64_t slice_ns; /* that it takes at a time, before it sleeps */
};

/** The burn of an attacker that used @p cpu_ns in @p wall_ns, and fell asleep @p n_sleeps times. */
struct burn burn_like(int64_t cpu_ns, int64_t wall_ns, uint64_t n_sleeps);

/** Burns in the calling process until it is told to stop. */
void burn_run(const struct burn *burn, const atomic_bool *stop);

#endif
