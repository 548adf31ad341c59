/*
 * What clients do to a broker, a scenario at a time: each with the frames and the paths of one concern, so that to
 * fail each of its allocations and calls in turn is to fail those of the broker.
 *
 * A scenario makes its actors, plays, and leaves them to the stage. What it does may depend on time only as far as
 * its outcome (stage.h) does not.
 */
#ifndef TESTS_FAULT_SCENARIOS_H
#define TESTS_FAULT_SCENARIOS_H

#include "tests/fault/stage.h"

struct scenario {
    const char *name;
    void (*play)(struct stage *stage);
    bool is_large; /* it moves megabytes */
};

extern const struct scenario scenarios[];
extern const size_t n_scenarios;

/* scenarios_calls.c */
void play_requests(struct stage *stage);
void play_call_ends(struct stage *stage);
void play_surveys(struct stage *stage);
void play_sys(struct stage *stage);
void play_sys_admin(struct stage *stage);

/** Clients come, subscribe, serve, publish, ask, are refused and leave: each of the calls for it comes 20 times. */
void play_everything(struct stage *stage);
/** The same of the calls about clients that do not read for a while. */
void play_sleepers(struct stage *stage);

#endif
