/*
 * What is published to and subscribed to in each workload, as the peer spells it.
 *
 * subjects_init() runs before the roles are forked, so all of them see the same tables; bench_patterns()
 * (bench.h) is the receivers' side of it.
 */
#pragma once

#include "tests/bench/peers/bench.h"

#define MAX_TURNS 2

void subjects_init(void);

/** The subject that probes and ends go to; the first that messages go to, unless the workload is w6. */
const char *subjects_control(void);
/** The subjects that messages go to in turn; @p ret has MAX_TURNS places. */
unsigned subjects_turns(const char *ret[]);
/** A subject of w6, one of plan.n_names. */
const char *subjects_name(unsigned i);
