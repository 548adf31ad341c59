/*
 * The test's end of a plan (plan.h): what a process that runs under interpose.so shall fail at.
 *
 *     struct fault fault;
 *     fault_open(&fault);
 *     broker_proc_set_child(broker, fault_in_child, &fault);
 *     broker_proc_start(broker, NULL);
 *     fault_begin(&fault, &(struct wish){ CALL_memory, .first = 3, .n = 1, .error = ENOMEM });
 *     ... what makes the broker allocate ...
 *     uint64_t n_failed = fault_end(&fault);
 *
 * While it begins and ends the process should wait for something: the next call counts as the first.
 */
#ifndef TESTS_FAULT_FAULT_H
#define TESTS_FAULT_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/fault/plan.h"

struct fault {
    struct fault_plan *plan;
    char path[160];
};

/** What is to fail: the @p first (from 1) of the calls, and @p n from there on (FAULT_ALL: all). */
struct wish {
    enum fault_call call;
    uint64_t first;
    uint64_t n;
    int error;          /* an errno, or FAULT_SHORT */
    uint32_t short_len; /* bytes that a short call takes; 0: 1 */
};

/** Makes a page below kit_dir(), on which nothing fails. Fails the test if it cannot. */
void fault_open(struct fault *fault);
/** Idempotent, safe on a zeroed one. */
void fault_close(struct fault *fault);

/** Between fork and exec: the program to come runs under interpose.so and this plan. @p fault is a struct fault. */
void fault_in_child(void *fault);

void fault_begin(struct fault *fault, const struct wish *wish);
/** Nothing fails any more. @return how many calls have failed since fault_begin(). */
uint64_t fault_end(struct fault *fault);
/** Calls that the plan is about, since fault_begin(), whether they failed or not. */
uint64_t fault_seen(const struct fault *fault);

/** Calls on descriptor @p fd of the process do not fail, or do again. */
void fault_spare(struct fault *fault, int fd, bool spared);

/** How often the process has waited for events (epoll_wait and poll), since its start. */
uint64_t fault_n_waits(const struct fault *fault);

/** "accept4", "memory". */
const char *fault_call_name(enum fault_call call);
/** The call that failed last, under the plan that began last. */
const char *fault_what_failed(void);
/** "accept4 number 3: EMFILE", "memory number 7 and all after: ENOMEM". In static memory. */
const char *fault_text(const struct wish *wish);

#endif
