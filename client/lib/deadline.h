/* Deadlines: points on CLOCK_MONOTONIC, in nanoseconds, made from the relative
 * milliseconds of the public header.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <brokerclient.h>

#define DEADLINE_NEVER UINT64_MAX
#define NS_PER_MS UINT64_C(1000000)

enum { DEFAULT_TIMEOUT_MS = 5000 };

static inline uint64_t deadline_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

/* In timeout_ms from now; BROKER_DEFAULT (and any other negative number but
 * BROKER_FOREVER) is 5 s. */
static inline uint64_t deadline_in(int timeout_ms)
{
    if (timeout_ms == BROKER_FOREVER)
        return DEADLINE_NEVER;
    return deadline_now() +
           (uint64_t)(timeout_ms < 0 ? DEFAULT_TIMEOUT_MS : timeout_ms) * NS_PER_MS;
}

/* What is left, for poll(2): rounded up, lest the last millisecond is spun
 * away; -1 for never. */
static inline int deadline_left_ms(uint64_t deadline)
{
    uint64_t now, left;

    if (deadline == DEADLINE_NEVER)
        return -1;
    now = deadline_now();
    left = deadline <= now ? 0 : (deadline - now + NS_PER_MS - 1) / NS_PER_MS;
    return left > INT_MAX ? INT_MAX : (int)left;
}

static inline bool deadline_over(uint64_t deadline)
{
    return deadline != DEADLINE_NEVER && deadline_now() >= deadline;
}
