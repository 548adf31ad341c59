#include "broker/loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/loop/backend.h"

static const uint64_t NS_PER_S = 1000000000;
static const uint64_t NS_PER_MS = 1000000;

enum { WAIT_TRIES = 100, WAIT_PAUSE_MS = 10 };

static uint64_t read_clock(clockid_t clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts); /* cannot fail */
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t loop_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t loop_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static const struct loop_backend *backend_by_name(const char *name)
{
    if (strcmp(name, "poll") == 0)
        return &loop_backend_poll;
    if (strcmp(name, "epoll") == 0 || strcmp(name, "auto") == 0)
        return &loop_backend_epoll;
    return NULL;
}

int loop_new(struct loop **ret, const char *backend)
{
    const struct loop_backend *chosen = backend_by_name(backend);
    struct loop *loop;
    int r;

    if (!chosen)
        return -EINVAL;
    loop = calloc(1, sizeof(*loop));
    if (!loop)
        return -ENOMEM;
    loop->backend = chosen;
    loop->now_ns = loop_clock_ns();
    r = chosen->open(loop);
    if (r < 0) {
        free(loop);
        return r;
    }
    *ret = loop;
    return 0;
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    loop->backend->close(loop);
    timer_heap_deinit(&loop->timers);
    free(loop);
    return NULL;
}

const char *loop_backend_name(const struct loop *loop)
{
    return loop->backend->name;
}

int loop_add(struct loop *loop, struct loop_fd *entry, int fd, unsigned events, loop_fd_fn fn)
{
    int r;

    assert(fd >= 0 && !(events & ~(unsigned)LOOP_ALL));
    *entry = (struct loop_fd){ .fd = fd, .events = events & LOOP_ALL, .fn = fn };
    r = loop->backend->add(loop, entry);
    if (r < 0)
        entry->slot = 0;
    return r;
}

int loop_mod(struct loop *loop, struct loop_fd *entry, unsigned events)
{
    int r;

    assert(entry->slot && !(events & ~(unsigned)LOOP_ALL));
    if (entry->events == events)
        return 0;
    r = loop->backend->mod(loop, entry, events);
    if (r < 0)
        return r;
    entry->events = events & LOOP_ALL;
    return 0;
}

void loop_del(struct loop *loop, struct loop_fd *entry)
{
    if (!entry->slot)
        return;
    loop->backend->del(loop, entry);
    entry->slot = 0;
    entry->events = LOOP_NONE;
}

uint64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

uint64_t loop_round(const struct loop *loop)
{
    return loop->round;
}

int loop_reserve_timers(struct loop *loop, uint32_t n)
{
    return timer_heap_reserve(&loop->timers, n);
}

int loop_arm(struct loop *loop, struct timer *timer, uint64_t when_ns)
{
    return timer_heap_arm(&loop->timers, timer, when_ns);
}

void loop_disarm(struct loop *loop, struct timer *timer)
{
    timer_heap_disarm(&loop->timers, timer);
}

void loop_set_hook(struct loop *loop, loop_hook_fn hook, void *userdata)
{
    loop->hook = hook;
    loop->hook_userdata = userdata;
}

void loop_again(struct loop *loop)
{
    loop->again = true;
}

void loop_begin_round(struct loop *loop)
{
    loop->now_ns = loop_clock_ns();
    loop->round++;
}

/* Up to the next full millisecond: rounding down would spin through the last
 * one. */
static int timeout_ms(const struct loop *loop, int max_wait_ms)
{
    uint64_t next_ns = timer_heap_next_ns(&loop->timers);
    uint64_t wait_ms;

    if (loop->again)
        return 0;
    if (next_ns == UINT64_MAX)
        return max_wait_ms;
    if (next_ns <= loop->now_ns)
        return 0;
    wait_ms = (next_ns - loop->now_ns - 1) / NS_PER_MS + 1;
    if (max_wait_ms >= 0 && wait_ms > (uint64_t)max_wait_ms)
        return max_wait_ms;
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

int loop_run_once(struct loop *loop, int max_wait_ms)
{
    int wait_ms = timeout_ms(loop, max_wait_ms);
    bool again = loop->again;
    int r;

    loop->again = false;
    r = loop->backend->wait(loop, wait_ms);
    if (r < 0) {
        loop->again = again;
        return r;
    }
    if (timer_heap_next_ns(&loop->timers) <= loop->now_ns)
        timer_heap_fire(&loop->timers, loop->now_ns);
    if (loop->hook)
        loop->hook(loop->hook_userdata);
    return 0;
}

/* An errno that waiting is not known to give may be gone the next time, so it is believed only
 * when it stays; and meanwhile nothing spins. */
static int run_patiently(struct loop *loop, unsigned *n_failed)
{
    int r = loop_run_once(loop, -1);

    if (r >= 0) {
        *n_failed = 0;
        return 0;
    }
    if (++*n_failed == WAIT_TRIES)
        return r;
    (void)nanosleep(&(struct timespec){ .tv_nsec = WAIT_PAUSE_MS * (long)NS_PER_MS }, NULL);
    return 0;
}

int loop_run(struct loop *loop)
{
    unsigned n_failed = 0;
    int r = 0;

    while (!loop->stop && r >= 0)
        r = run_patiently(loop, &n_failed);
    loop->stop = false;
    return r;
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}
