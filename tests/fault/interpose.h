/*
 * Inside of interpose.so: what its wrappers ask.
 */
#ifndef TESTS_FAULT_INTERPOSE_H
#define TESTS_FAULT_INTERPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fault/plan.h"

/**
 * Whether this call fails.
 * @param fd  the descriptor it is about; -1: none
 * @return 0: no; an errno; FAULT_SHORT
 */
int fault_decide(enum fault_call call, int fd);
/** The most that a call that is to be short may take, of @p len: at least 1 unless that is 0. */
size_t fault_shortened(size_t len);
/** Until fault_go_on() nothing fails and nothing counts but blocks. Returns what that wants to know. */
bool fault_pause(void);
void fault_go_on(bool before);
/** The function of this name that stands behind ours. Ends the process if there is none. */
void *fault_real(const char *name);

#endif
