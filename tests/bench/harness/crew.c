#include "tests/bench/harness/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/harness/clock.h"
#include "tests/bench/harness/process.h"
#include "tests/bench/harness/tally.h"
#include "tests/bench/peers/peer.h"

#define MAX_CREW (MAX_PUBS + MAX_PROCS + 3)

static struct {
    pid_t pid;
    enum role role;
} crew[MAX_CREW];
static unsigned n_crew;
static char failure[512];

void bench_die(const char *format, ...)
{
    char text[sizeof(tally->complaint)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "peer-%s: %s\n", peer.name, text);
    if (tally)
        memcpy(tally->complaint, text, sizeof(text));
    _exit(1);
}

static _Noreturn void role_run(pid_t parent, void (*fn)(unsigned part), unsigned part)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    n_crew = 0; /* the others are not its children */
    fn(part);
    for (;;)
        pause();
}

void crew_add(enum role role, void (*fn)(unsigned part), unsigned part)
{
    pid_t parent = getpid();

    if (n_crew == MAX_CREW)
        bench_die("more than %d roles", MAX_CREW);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        bench_die("fork: %s", strerror(errno));
    if (pid == 0)
        role_run(parent, fn, part);
    crew[n_crew].pid = pid;
    crew[n_crew++].role = role;
}

/* No role ends by itself. */
static bool one_died(void)
{
    for (unsigned i = 0; i < n_crew; i++) {
        if (waitpid(crew[i].pid, NULL, WNOHANG) == crew[i].pid) {
            crew[i] = crew[--n_crew];
            return true;
        }
    }
    return false;
}

bool crew_await(bool (*reached)(void), const char *stage)
{
    const int64_t until_ns = bench_now_ns() + (int64_t)(plan.timeout_s * 1e9);

    for (;;) {
        if (reached())
            return true;
        if (one_died()) {
            snprintf(failure, sizeof(failure), "a role died before %s: %s", stage,
                     tally->complaint[0] ? tally->complaint : "it does not say why");
            return false;
        }
        if (bench_now_ns() > until_ns) {
            snprintf(failure, sizeof(failure), "timeout: %s", stage);
            return false;
        }
        clock_sleep_us(500);
    }
}

const char *crew_failure(void)
{
    return failure;
}

int64_t crew_cpu_ns(enum role role)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < n_crew; i++) {
        if (crew[i].role == role)
            sum += process_cpu_ns(crew[i].pid);
    }
    return sum;
}

void crew_end(void)
{
    for (unsigned i = 0; i < n_crew; i++)
        kill(crew[i].pid, SIGKILL);
    for (unsigned i = 0; i < n_crew; i++)
        waitpid(crew[i].pid, NULL, 0);
    n_crew = 0;
}
