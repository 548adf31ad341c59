/*
 * What two clients of the library do (cast.h), a concern at a time.
 */
#ifndef TESTS_FAULT_PLAYS_H
#define TESTS_FAULT_PLAYS_H

#include "tests/fault/cast.h"

struct play {
    const char *name;
    void (*run)(struct cast *cast);
};

extern const struct play plays[];
extern const int n_plays;

#endif
