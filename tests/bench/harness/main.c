/*
 * main() of every peer's program: one run, from the command line to the line of JSON. The contract is
 * tests/bench/README.md.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "tests/bench/harness/clock.h"
#include "tests/bench/harness/crew.h"
#include "tests/bench/harness/report.h"
#include "tests/bench/harness/roles.h"
#include "tests/bench/harness/subjects.h"
#include "tests/bench/harness/tally.h"
#include "tests/bench/peers/peer.h"

#define MANY_FILES 1048576
#define SETTLE_US  50000  /* before the gate */
#define IDLE_US    300000 /* for a broker to come to rest after idle connections */

static struct measures measures;
static unsigned n_wanted; /* of the stage that is waited for */

/* -- stages ---------------------------------------------------------------------------------- */

static bool are_ready(void)
{
    return atomic_load(&tally->n_ready) >= n_wanted;
}

static bool are_warm(void)
{
    return atomic_load(&tally->n_warm) >= n_wanted;
}

static bool is_answered(void)
{
    return atomic_load(&tally->asker.done);
}

static bool is_received(void)
{
    for (unsigned i = 0; i < plan.options.n_procs; i++) {
        if (!atomic_load(&tally->sinks[i].done))
            return false;
    }
    return true;
}

static bool await_ready(unsigned n, const char *stage)
{
    n_wanted = n;
    return crew_await(are_ready, stage);
}

static bool await_warm(unsigned n, const char *stage)
{
    n_wanted = n;
    return crew_await(are_warm, stage);
}

static uint64_t broker_memory_kb(const char *name)
{
    return process_memory_kb((pid_t)plan.broker_pid, name);
}

/* -- setting up ------------------------------------------------------------------------------ */

static bool idlers_set_up(void)
{
    crew_add(ROLE_IDLES, role_idle, 0);
    if (!await_ready(1, "idle connections"))
        return false;
    clock_sleep_us(IDLE_US);
    measures.memory_idle_kb = broker_memory_kb("VmRSS");
    return true;
}

static bool requests_set_up(void)
{
    if (plan.options.n_idle && !idlers_set_up())
        return false;
    crew_add(ROLE_SERVES, role_serve, 0);
    if (!await_ready(plan.options.n_idle ? 2 : 1, "the server"))
        return false;
    crew_add(ROLE_ASKS, role_ask, 0);
    return await_warm(1, "the first answers");
}

static bool streams_set_up(void)
{
    for (unsigned i = 0; i < plan.options.n_procs; i++)
        crew_add(ROLE_RECEIVES, role_receive, i);
    if (!await_ready(plan.options.n_procs, "subscriptions"))
        return false;
    measures.memory_idle_kb = broker_memory_kb("VmRSS");
    for (unsigned i = 0; i < plan.options.n_pubs; i++)
        crew_add(ROLE_PUBLISHES, role_publish, i);
    return await_warm(plan.options.n_pubs, "probes");
}

/* -- a run ----------------------------------------------------------------------------------- */

static bool measure(void)
{
    clock_sleep_us(SETTLE_US);
    reading_take(&measures.before);
    atomic_store(&tally->open, true);
    if (!(plan_asks() ? crew_await(is_answered, "answers")
                      : crew_await(is_received, "the last message")))
        return false;
    reading_take(&measures.after);
    measures.memory_end_kb = broker_memory_kb("VmRSS");
    measures.memory_peak_kb = broker_memory_kb("VmHWM");
    return true;
}

static bool run(void)
{
    const int64_t start_ns = bench_now_ns();

    measures.memory_start_kb = broker_memory_kb("VmRSS");
    if (!(plan_asks() ? requests_set_up() : streams_set_up()))
        return false;
    measures.setup_s = (double)(bench_now_ns() - start_ns) / 1e9;
    return measure();
}

/* Beyond the hard limit only with CAP_SYS_RESOURCE. */
static void raise_limits(void)
{
    struct rlimit limit = { MANY_FILES, MANY_FILES };

    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char *argv[])
{
    plan_read(argc, argv);
    raise_limits();
    signal(SIGPIPE, SIG_IGN);
    if (plan.workload == SERVE) {
        if (!peer.broker_run)
            bench_die("its broker is another program");
        return peer.broker_run();
    }
    tally_init();
    subjects_init();
    const int status = run() ? report_print(&measures) : report_failure(crew_failure());
    fflush(stdout);
    crew_end();
    return status;
}
