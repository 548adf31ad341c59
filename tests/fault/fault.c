#include "tests/fault/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/kit/runner.h"

/* Of the plan that began last. */
static const struct fault_plan *latest;

void fault_open(struct fault *fault)
{
    snprintf(fault->path, sizeof(fault->path), "%.120s/plan-XXXXXX", kit_dir());
    int fd = mkostemp(fault->path, O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof(struct fault_plan)) < 0)
        fail_msg("cannot make %s: %s", fault->path, strerror(errno));
    fault->plan = mmap(NULL, sizeof(struct fault_plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (fault->plan == MAP_FAILED)
        fail_msg("cannot map %s: %s", fault->path, strerror(errno));
    fault->plan->call = CALL_none;
}

void fault_close(struct fault *fault)
{
    if (!fault->plan)
        return;
    if (latest == fault->plan)
        latest = NULL;
    munmap(fault->plan, sizeof(struct fault_plan));
    unlink(fault->path);
    *fault = (struct fault){ 0 };
}

/* A sanitizer wants to be the first library, and can do without. */
static void allow_to_come_first(void)
{
    const char *had = getenv("ASAN_OPTIONS");
    char options[512];

    snprintf(options, sizeof(options), "%s%sverify_asan_link_order=0", had ? had : "",
             had && *had ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
}

void fault_in_child(void *fault)
{
    const char *interpose = getenv("INTERPOSE");

    setenv("LD_PRELOAD", interpose && *interpose ? interpose : FAULT_INTERPOSE, 1);
    setenv(FAULT_ENV, ((struct fault *)fault)->path, 1);
    allow_to_come_first();
}

void fault_begin(struct fault *fault, const struct wish *wish)
{
    struct fault_plan *plan = fault->plan;

    latest = plan;
    plan->call = CALL_none;
    plan->failed = CALL_none;
    plan->n_seen = plan->n_failed = 0;
    plan->first = wish->first;
    plan->n = wish->n;
    plan->error = wish->error;
    plan->short_len = wish->short_len ? wish->short_len : 1;
    plan->call = wish->call;
}

uint64_t fault_end(struct fault *fault)
{
    fault->plan->call = CALL_none;
    return fault->plan->n_failed;
}

uint64_t fault_seen(const struct fault *fault)
{
    return fault->plan->n_seen;
}

void fault_spare(struct fault *fault, int fd, bool spared)
{
    if (fd < 0 || fd >= FAULT_MAX_FD)
        fail_msg("descriptor %d cannot be spared: only those below %d", fd, FAULT_MAX_FD);
    fault->plan->spared[fd] = spared;
}

uint64_t fault_n_waits(const struct fault *fault)
{
    return fault->plan->n_calls[CALL_epoll_wait] + fault->plan->n_calls[CALL_poll];
}

const char *fault_call_name(enum fault_call call)
{
    switch (call) {
#define FAULT_CALL_NAME(name) \
    case CALL_##name:         \
        return #name;
        FAULT_CALL_MAP(FAULT_CALL_NAME)
#undef FAULT_CALL_NAME
    case CALL_every:
        return "every call";
    default:
        return "nothing";
    }
}

const char *fault_what_failed(void)
{
    return fault_call_name(latest ? latest->failed : CALL_none);
}

const char *fault_text(const struct wish *wish)
{
    static char text[120];
    const char *error = wish->error == FAULT_SHORT ? "short" : strerrorname_np(wish->error);
    char n[40] = "";

    if (wish->n == FAULT_ALL)
        snprintf(n, sizeof(n), " and all after");
    else if (wish->n != 1)
        snprintf(n, sizeof(n), " and %llu after", (unsigned long long)wish->n - 1);
    snprintf(text, sizeof(text), "%s number %llu%s: %s", fault_call_name(wish->call),
             (unsigned long long)wish->first, n, error ? error : "?");
    return text;
}
