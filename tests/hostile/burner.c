#include "tests/hostile/burner.h"

#include <time.h>

#include "tests/kit/runner.h"

enum { SLICE_MIN_NS = 20 * 1000, SLICE_MAX_NS = 10 * 1000 * 1000 };

struct burn burn_like(int64_t cpu_ns, int64_t wall_ns, uint64_t n_sleeps)
{
    struct burn burn = { .share = (double)cpu_ns / (double)wall_ns };
    int64_t slice_ns = cpu_ns / (int64_t)(n_sleeps + 1);

    if (slice_ns < SLICE_MIN_NS)
        slice_ns = SLICE_MIN_NS;
    burn.slice_ns = slice_ns < SLICE_MAX_NS ? slice_ns : SLICE_MAX_NS;
    return burn;
}

static int64_t cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void sleep_ns(int64_t ns)
{
    nanosleep(&(struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 }, NULL);
}

/* What it did not get in time it takes later, as an attacker does whose work waits for it. */
void burn_run(const struct burn *burn, const atomic_bool *stop)
{
    const int64_t start_ns = kit_now_ns(), cpu_before_ns = cpu_ns();

    while (!*stop) {
        int64_t until_ns = cpu_ns() + burn->slice_ns;
        while (cpu_ns() < until_ns && !*stop)
            continue;
        int64_t due_ns = (int64_t)((double)(cpu_ns() - cpu_before_ns) / burn->share);
        int64_t ahead_ns = due_ns - (kit_now_ns() - start_ns);
        if (ahead_ns > 0)
            sleep_ns(ahead_ns < 100000000 ? ahead_ns : 100000000);
    }
}
