#include "tests/bench/harness/clock.h"

#include <sys/prctl.h>
#include <time.h>

#include "tests/bench/peers/bench.h"

int64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void clock_sleep_us(unsigned us)
{
    struct timespec time = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };

    nanosleep(&time, NULL);
}

void clock_be_exact(void)
{
    prctl(PR_SET_TIMERSLACK, 1000);
}
