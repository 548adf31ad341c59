#include "tests/bench/crew.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/kit/runner.h"

#define MAX_ROLES 32
#define READY_MS  30000
#define RUN_MS    60000

/* What all processes of the crew see. */
struct shared {
    atomic_uint n_ready;
    atomic_bool open;
    uint64_t n_samples;
    struct report reports[MAX_ROLES];
    uint32_t samples[CREW_MAX_SAMPLES];
};

struct crew {
    struct shared *shared;
    struct {
        pid_t pid;
        enum role_kind kind;
        void (*fn)(struct role *role);
        const void *work;
    } roles[MAX_ROLES];
    unsigned n_roles;
    enum placement placement;
    pid_t watched;
    int64_t watched_ns;
};

struct crew *crew_new(enum placement placement)
{
    struct crew *crew = calloc(1, sizeof(*crew));

    assert_non_null(crew);
    crew->placement = placement;
    crew->shared = mmap(NULL, sizeof(*crew->shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(crew->shared != MAP_FAILED);
    return crew;
}

/* -- placement --------------------------------------------------------------------------------- */

/* The processors of the bench itself are what may be used at all. */
static void place(pid_t pid, enum placement placement)
{
    cpu_set_t set;
    int last = CPU_SETSIZE - 1;

    sched_getaffinity(getppid(), sizeof(set), &set);
    while (placement == ONE_PROCESSOR && last > 0 && !CPU_ISSET(last, &set))
        last--;
    if (placement == ONE_PROCESSOR) {
        CPU_ZERO(&set);
        CPU_SET(last, &set);
    }
    sched_setaffinity(pid, sizeof(set), &set);
}

/* -- roles ----------------------------------------------------------------------------------- */

static unsigned part_of(const struct crew *crew, void (*fn)(struct role *role), const void *work)
{
    unsigned part = 0;

    for (unsigned i = 0; i < crew->n_roles; i++)
        part += crew->roles[i].fn == fn && crew->roles[i].work == work;
    return part;
}

struct report *crew_add(struct crew *crew, enum role_kind kind, void (*fn)(struct role *role),
                        const void *work)
{
    struct role role = { .work = work, .crew = crew, .part = part_of(crew, fn, work) };
    pid_t parent = getpid();

    assert_true(crew->n_roles < MAX_ROLES);
    role.report = &crew->shared->reports[crew->n_roles];
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        place(0, crew->placement);
        fn(&role);
        _exit(0);
    }
    crew->roles[crew->n_roles].pid = pid;
    crew->roles[crew->n_roles].fn = fn;
    crew->roles[crew->n_roles].work = work;
    crew->roles[crew->n_roles++].kind = kind;
    return role.report;
}

pid_t crew_latest_pid(const struct crew *crew)
{
    return crew->roles[crew->n_roles - 1].pid;
}

static void role_end(struct crew *crew, unsigned i)
{
    kill(crew->roles[i].pid, SIGKILL);
    waitpid(crew->roles[i].pid, NULL, 0);
    crew->roles[i].pid = 0;
}

struct crew *crew_free(struct crew *crew)
{
    if (!crew)
        return NULL;
    for (unsigned i = 0; i < crew->n_roles; i++) {
        if (crew->roles[i].pid > 0)
            role_end(crew, i);
    }
    munmap(crew->shared, sizeof(*crew->shared));
    free(crew);
    return NULL;
}

/* -- a run ----------------------------------------------------------------------------------- */

/** Whether role @p i has ended; one that ended badly, or served and ended, fails the test. */
static bool has_ended(struct crew *crew, unsigned i)
{
    int status;

    if (crew->roles[i].pid == 0)
        return true;
    if (waitpid(crew->roles[i].pid, &status, WNOHANG) != crew->roles[i].pid)
        return false;
    crew->roles[i].pid = 0;
    if (crew->roles[i].kind == ROLE_SERVES || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("role %u ended with status 0x%x", i, (unsigned)status);
    return true;
}

static bool all_have_ended(struct crew *crew)
{
    bool all = true;

    for (unsigned i = 0; i < crew->n_roles; i++) {
        bool ended = has_ended(crew, i);
        all = all && (ended || crew->roles[i].kind == ROLE_SERVES);
    }
    return all;
}

void crew_await(struct crew *crew)
{
    if (!kit_wait_for((all_have_ended(crew), atomic_load(&crew->shared->n_ready) == crew->n_roles),
                      READY_MS))
        fail_msg("%u of %u roles are ready", atomic_load(&crew->shared->n_ready), crew->n_roles);
}

void crew_watch(struct crew *crew, pid_t pid)
{
    crew->watched = pid;
}

int64_t crew_watched_ns(const struct crew *crew)
{
    return crew->watched_ns;
}

void crew_run(struct crew *crew)
{
    int64_t before_ns = 0;

    crew_await(crew);
    if (crew->watched) {
        place(crew->watched, crew->placement);
        before_ns = process_cpu_ns(crew->watched);
    }
    atomic_store(&crew->shared->open, true);
    if (!kit_wait_for(all_have_ended(crew), RUN_MS))
        fail_msg("a role still works after %d ms", RUN_MS);
    if (crew->watched) {
        crew->watched_ns = process_cpu_ns(crew->watched) - before_ns;
        place(crew->watched, ALL_PROCESSORS);
    }
}

uint32_t *crew_samples(struct crew *crew, uint64_t *ret_n)
{
    *ret_n = crew->shared->n_samples;
    return crew->shared->samples;
}

/* -- in a role ------------------------------------------------------------------------------- */

void role_ready(struct role *role)
{
    atomic_fetch_add(&role->crew->shared->n_ready, 1);
    role->report->cpu_ns = -process_cpu_ns(0);
}

void role_await_gate(struct role *role)
{
    while (!atomic_load(&role->crew->shared->open))
        kit_nap();
    role->report->cpu_ns = -process_cpu_ns(0);
    role->report->start_ns = kit_now_ns();
}

void role_done(struct role *role)
{
    role->report->cpu_ns += process_cpu_ns(0);
}

void role_sample(struct role *role, int64_t ns)
{
    struct shared *shared = role->crew->shared;

    if (shared->n_samples < CREW_MAX_SAMPLES)
        shared->samples[shared->n_samples++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

void role_die(const char *text, const char *error)
{
    fprintf(stderr, "%s: %s\n", text, error);
    _exit(1);
}

int64_t process_cpu_ns(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        return -1;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}
