/*
 * What 10,000 connections that do nothing cost: memory of the broker, and latency of a pair that is active.
 * Two brokers run at once, one with few idle connections and one with many, and are asked in turn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/bench/figures.h"
#include "tests/bench/run.h"
#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"

#define N_HOLDERS     4
#define N_FEW         10
#define N_MANY        10000
#define FDS_OTHER     100
#define REQUEST_SIZE  128
#define HELLO_WAIT_MS 5000

static struct bench_options options = { .n_rounds = 5, .run_ns = 500000000 };
static const struct bench_options quick = { .quick = true, .n_rounds = 3, .run_ns = 150000000 };

enum { FEW, MANY, N_BROKERS };
static unsigned n_idle[N_BROKERS] = { N_FEW, N_MANY };

/* What is found out about one loop. */
struct table {
    struct series p50[2][N_BROKERS], p99[2][N_BROKERS]; /* by placement */
    double idle_bytes;                                  /* of broker memory, per connection */
};

/* -- idle connections ------------------------------------------------------------------------ */

static const uint8_t hello[] = { 0,   0,   0,   13,  0x95, 0x01, 0xa7, 'b', 'r',
                                 'o', 'k', 'e', 'r', 'd',  1,    0,    0x80 };

/* Raises the limit as far as it may; beyond the hard limit only with CAP_SYS_RESOURCE. */
static unsigned raise_n_fds(void)
{
    const rlim_t wanted = N_MANY + FDS_OTHER;
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < wanted)
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){ wanted, wanted });
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    return (unsigned)limit.rlim_cur;
}

static void raise_in_child(void *data)
{
    (void)data;
    raise_n_fds();
}

static int hold_one(const char *path)
{
    uint8_t welcome[512];
    int fd;

    /* Others connect at the same time, and the backlog has its limit. */
    while ((fd = raw_try_open(path)) == -EAGAIN)
        kit_nap();
    if (fd < 0)
        role_die("an idle connection", strerror(-fd));
    if (raw_try_send(fd, hello, sizeof(hello), HELLO_WAIT_MS) != sizeof(hello) ||
        raw_recv(fd, welcome, sizeof(welcome), HELLO_WAIT_MS) < 6 || welcome[5] != 0x02)
        role_die("an idle connection", "no WELCOME");
    return fd;
}

/* Connections of one broker, and how many each holder has. */
struct idle {
    const char *path;
    unsigned n;
};

static void hold(struct role *role)
{
    const struct idle *idle = role->work;

    raise_n_fds();
    for (unsigned i = role->part; i < idle->n; i += N_HOLDERS)
        hold_one(idle->path);
    role_ready(role);
    for (;;)
        pause();
}

static struct crew *hold_all(const struct idle *idle)
{
    struct crew *crew = crew_new(ALL_PROCESSORS);

    for (unsigned i = 0; i < N_HOLDERS; i++)
        crew_add(crew, ROLE_SERVES, hold, idle);
    crew_await(crew);
    return crew;
}

/* -- measure --------------------------------------------------------------------------------- */

static void ask_once(struct broker_proc *broker, struct table *table, enum placement placement,
                     int which)
{
    struct work work = { .size = REQUEST_SIZE, .run_ns = options.run_ns };
    struct latency latency = run_requests(broker, &work, placement);

    series_add(&table->p50[placement][which], latency.p50_us);
    series_add(&table->p99[placement][which], latency.p99_us);
}

static void ask_all(struct broker_proc *brokers[N_BROKERS], struct table *table)
{
    for (unsigned round = 0; round < options.n_rounds; round++) {
        for (unsigned i = 0; i < 2 * N_BROKERS; i++) {
            int which = (i + round) % N_BROKERS;
            ask_once(brokers[which], table, i / N_BROKERS, which);
        }
    }
}

static void measure(const char *loop, struct table *table)
{
    struct broker_proc *brokers[N_BROKERS];
    struct idle idle[N_BROKERS];
    struct crew *holders[N_BROKERS];
    int64_t before = 0;

    for (int i = 0; i < N_BROKERS; i++) {
        brokers[i] = broker_proc_new();
        broker_proc_set_child(brokers[i], raise_in_child, NULL);
        broker_proc_start(brokers[i], (const char *[]){ "--loop", loop, NULL });
        idle[i] = (struct idle){ broker_proc_socket(brokers[i]), n_idle[i] };
        before = broker_proc_rss(brokers[i]);
        holders[i] = hold_all(&idle[i]);
    }
    table->idle_bytes = (double)(broker_proc_rss(brokers[MANY]) - before) / n_idle[MANY];
    ask_all(brokers, table);
    for (int i = 0; i < N_BROKERS; i++) {
        crew_free(holders[i]);
        assert_int_equal(broker_proc_stop(brokers[i]), 0);
        broker_proc_free(brokers[i]);
    }
}

/* -- print ----------------------------------------------------------------------------------- */

static void print_cells(const struct series cells[N_BROKERS])
{
    printf(" | %8.1f %8.1f  %5.2f", series_median(&cells[FEW]), series_median(&cells[MANY]),
           series_ratio(&cells[MANY], &cells[FEW]));
}

static void print_table(const char *loop, const struct table *table)
{
    static const char *const placements[] = { "all processors", "one processor" };

    for (int i = ALL_PROCESSORS; i <= ONE_PROCESSOR; i++) {
        printf("  %-5s | %12.0f | %-14s", loop, table->idle_bytes, placements[i]);
        print_cells(table->p50[i]);
        print_cells(table->p99[i]);
        printf("\n");
    }
}

static void idle_connections(void **state)
{
    static const char *const loops[] = { "epoll", "poll" };
    static struct table tables[KIT_LENGTH(loops)];

    (void)state;
    kit_deadline(90);
    unsetenv("BROKER_TEST_LOOP"); /* both are measured */
    n_idle[MANY] = raise_n_fds() - FDS_OTHER;
    if (n_idle[MANY] < N_MANY)
        printf("\nthe hard limit of descriptors leaves room for %u idle connections only\n",
               n_idle[MANY]);
    for (unsigned i = 0; i < KIT_LENGTH(loops); i++)
        measure(loops[i], &tables[i]);

    printf("\n%u idle connections and one active pair, one request of %d bytes open, against %d "
           "idle ones; %u rounds of %.2f s\n",
           n_idle[MANY], REQUEST_SIZE, N_FEW, options.n_rounds, (double)options.run_ns / 1e9);
    printf("  loop  | bytes of RSS | placement      | p50 us:%3d  %6u  ratio | p99 us:%3d  %6u  "
           "ratio\n",
           N_FEW, n_idle[MANY], N_FEW, n_idle[MANY]);
    for (unsigned i = 0; i < KIT_LENGTH(loops); i++)
        print_table(loops[i], &tables[i]);
    printf("\n");
}

int main(int argc, char *argv[])
{
    static const struct CMUnitTest tests[] = { kit_test(idle_connections) };

    bench_options_read(&options, &quick, argc, argv,
                       "Memory of idle connections, and latency beside them, with each loop.");
    return kit_run("idle", tests, KIT_LENGTH(tests));
}
