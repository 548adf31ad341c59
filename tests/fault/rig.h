/*
 * A real broker under interpose.so, two witnesses whom nothing may happen to, and what is looked at after each fault:
 * the broker lives and does not spin, the witnesses are served and lose nothing, descriptors are back, and at the end
 * it leaves in good order, with no more memory than one in which nothing failed.
 *
 * The witnesses are a speaker and a listener, connected before anything fails. Their descriptors are spared, so they
 * are also served while calls about all others fail; with memory, which is everybody's, they rest meanwhile.
 */
#ifndef TESTS_FAULT_RIG_H
#define TESTS_FAULT_RIG_H

#include "tests/fault/fault.h"
#include "tests/fault/scenarios.h"
#include "tests/fault/tracer.h"
#include "tests/kit/broker_proc.h"

/* A call and an errno that its man page lists. */
struct pair {
    enum fault_call call;
    int error;
    bool unseen; /* clients may notice nothing of it */
};

struct rig {
    struct broker_proc *broker;
    struct fault fault;
    struct stage witnesses;
    struct stage stage; /* of the scenario that plays */
    struct tracer tracer;
    const char *loop; /* "epoll", "poll" */
    char config[160];
    int n_fds;             /* with the witnesses */
    uint64_t n_at_start;   /* calls that the plan is about until the last broker waited for clients */
    int64_t n_blocks_left; /* by a broker in which nothing failed; -1: not known yet */
    bool must_tell;        /* who is ended gets a GOODBYE */
    unsigned turn;
    /* Sums, over all that was tried. */
    uint64_t n_tried;  /* times that a scenario was played with something failing */
    uint64_t n_failed; /* calls that failed */
    uint64_t n_ended;  /* connections that were ended for it, and of them: without a word */
    uint64_t n_untold;
    uint64_t n_refused_starts;
};

/** @p rig needs no initialiser; no broker yet. */
void rig_init(struct rig *rig);
/** Prints the sums. */
void rig_deinit(struct rig *rig);

/** Starts a broker in which nothing fails yet, and the witnesses. */
void rig_start(struct rig *rig);
/** Ends it with SIGTERM, and looks at what is left. */
void rig_stop(struct rig *rig);

/** Plays it while nothing fails. @return how many calls of that kind the broker makes; @p ret may be NULL. */
uint64_t rig_count(struct rig *rig, const struct scenario *scenario, enum fault_call call,
                   struct outcome *ret);
/**
 * Plays it while @p wish holds, and looks at everything.
 * @param exact  NULL, or what must become of it all the same: the broker may notice, its clients may not
 * @return how many calls failed
 */
uint64_t rig_try(struct rig *rig, const struct scenario *scenario, const struct wish *wish,
                 const struct outcome *exact);
/**
 * The same with strace(1): the @p when-th call of that name ends in an errno, in the kernel's own words.
 * @return false: it could not be attached, for the reason @p ret_why (the rig's)
 */
bool rig_try_traced(struct rig *rig, const struct scenario *scenario, const struct pair *pair,
                    unsigned when, const struct outcome *exact, const char **ret_why);
/**
 * Clients come and go on while @p wish holds, and it holds for @p ms in which they cannot get on: the broker waits
 * with them, and does not spin. Then it is over, and they are served or have been told.
 */
void rig_try_long(struct rig *rig, const struct wish *wish, int ms);
/**
 * A broker of its own, for which @p wish holds from its main() on until the scenario is over: it starts and lives, or
 * does not start and says why.
 */
uint64_t rig_try_fresh(struct rig *rig, const struct scenario *scenario, const struct wish *wish);
/** The same for its end: @p wish holds from the moment of SIGTERM, with the clients of the scenario still there. */
uint64_t rig_try_end(struct rig *rig, const struct scenario *scenario, const struct wish *wish);

#endif
