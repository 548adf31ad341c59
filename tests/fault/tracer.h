/*
 * strace(1) as the one who injects: the kernel itself answers a process with an errno, and nothing of ours stands
 * between. Slow, so it is for what interpose.so has shown already.
 */
#ifndef TESTS_FAULT_TRACER_H
#define TESTS_FAULT_TRACER_H

#include <stdbool.h>
#include <sys/types.h>

struct tracer {
    pid_t pid;     /* of strace; 0: none */
    char log[160]; /* what it traced */
    char why[400]; /* what it said when it could not */
};

/**
 * Attaches to process @p pid: from now on the @p when-th call of @p call ends in @p error ("EMFILE").
 * @return false: it could not, and @p tracer says why
 */
bool tracer_attach(struct tracer *tracer, pid_t pid, const char *call, const char *error,
                   unsigned when);
/** Detaches. @return how many calls ended in that errno. Idempotent. */
unsigned tracer_detach(struct tracer *tracer);

#endif
