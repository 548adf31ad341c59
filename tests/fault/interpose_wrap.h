/*
 * Wrappers of interpose.so, a line each: interpose_sockets.c, interpose_files.c.
 */
#ifndef TESTS_FAULT_INTERPOSE_WRAP_H
#define TESTS_FAULT_INTERPOSE_WRAP_H

#include <errno.h>
#include <sys/types.h>

#include "tests/fault/interpose.h"

/* A function that is looked up when it is first wanted. The type of `real` is that of the prototype. */
#define REAL(name)                 \
    static __typeof__(name) *real; \
    if (!real)                     \
    real = (__typeof__(name) *)fault_real(#name)

/* A wrapper that fails, or hands everything on. */
#define WRAP(type, failed, name, call, fd, params, args) \
    type name params                                     \
    {                                                    \
        REAL(name);                                      \
        int error = fault_decide(CALL_##call, fd);       \
        if (error > 0) {                                 \
            errno = error;                               \
            return failed;                               \
        }                                                \
        return real args;                                \
    }
#define WRAP_INT(name, call, fd, params, args) WRAP(int, -1, name, call, fd, params, args)

/* One that moves bytes, and may move fewer. */
#define WRAP_BYTES(name, call, fd, params, args, len) \
    ssize_t name params                               \
    {                                                 \
        REAL(name);                                   \
        int error = fault_decide(CALL_##call, fd);    \
        if (error > 0) {                              \
            errno = error;                            \
            return -1;                                \
        }                                             \
        if (error == FAULT_SHORT)                     \
            len = fault_shortened(len);               \
        return real args;                             \
    }

#endif
