/*
 * One publisher to one subscriber, and one request at a time, beside a forwarder that looks at nothing: the
 * floor. Broker and floor take turns within a round, since the machine's mood changes from second to second.
 */
#include <stdio.h>

#include "tests/bench/figures.h"
#include "tests/bench/run.h"
#include "tests/kit/runner.h"

#define REQUEST_SIZE 128

static struct bench_options options = { .n_rounds = 5, .run_ns = 500000000 };
static const struct bench_options quick = { .quick = true, .n_rounds = 3, .run_ns = 150000000 };

static const size_t sizes[] = { 16, 128, 1024, 16384 };
enum { BROKER, FLOOR, N_SIDES };

struct stream_row {
    struct series rate[N_SIDES], middle[N_SIDES], publisher[N_SIDES], subscriber[N_SIDES];
};

struct request_row {
    struct series p50[N_SIDES], p99[N_SIDES];
};

/* -- measure --------------------------------------------------------------------------------- */

static void stream_once(struct broker_proc *broker, struct stream_row *row, size_t size, int side)
{
    struct work work = { .size = size, .run_ns = options.run_ns, .n_subs = 1, .n_sub_roles = 1 };
    struct stream_cost cost = run_stream(side == BROKER ? broker : NULL, &work);

    series_add(&row->rate[side], cost.sent_per_s);
    series_add(&row->middle[side], cost.middle_ns);
    series_add(&row->publisher[side], cost.publisher_ns);
    series_add(&row->subscriber[side], cost.subscriber_ns);
}

static void request_once(struct broker_proc *broker, struct request_row *row,
                         enum placement placement, int side)
{
    struct work work = { .size = REQUEST_SIZE, .run_ns = options.run_ns };
    struct latency latency = run_requests(side == BROKER ? broker : NULL, &work, placement);

    series_add(&row->p50[side], latency.p50_us);
    series_add(&row->p99[side], latency.p99_us);
}

/* -- print ----------------------------------------------------------------------------------- */

static void print_streams(const struct stream_row *rows)
{
    printf("\n1 publisher -> 1 subscriber, %u rounds of %.2f s\n", options.n_rounds,
           (double)options.run_ns / 1e9);
    printf(
        "  payload |  messages/s            ratio | broker CPU ns/message ratio | publisher ns   "
        "      | subscriber ns\n");
    printf("    bytes |   brokerd       floor        |   brokerd   floor           |  library   "
           "floor    |  library   floor\n");
    for (unsigned i = 0; i < KIT_LENGTH(sizes); i++) {
        const struct stream_row *row = &rows[i];
        printf(
            "  %7zu | %9.0f %11.0f  %5.2f | %9.1f %7.1f   %7.2f | %8.1f %7.1f    | %8.1f %7.1f\n",
            sizes[i], series_median(&row->rate[BROKER]), series_median(&row->rate[FLOOR]),
            series_ratio(&row->rate[BROKER], &row->rate[FLOOR]),
            series_median(&row->middle[BROKER]), series_median(&row->middle[FLOOR]),
            series_ratio(&row->middle[BROKER], &row->middle[FLOOR]),
            series_median(&row->publisher[BROKER]), series_median(&row->publisher[FLOOR]),
            series_median(&row->subscriber[BROKER]), series_median(&row->subscriber[FLOOR]));
    }
}

static void print_requests(const struct request_row *rows)
{
    static const char *const names[] = { "all processors", "one processor" };

    printf("\nrequest and reply of %d bytes, one open\n", REQUEST_SIZE);
    printf("                 |       p50 us           ratio |       p99 us           ratio\n");
    printf("  placement      |  brokerd     floor           |  brokerd     floor\n");
    for (int i = ALL_PROCESSORS; i <= ONE_PROCESSOR; i++) {
        const struct request_row *row = &rows[i];
        printf("  %-14s | %8.1f  %8.1f       %5.2f | %8.1f  %8.1f       %5.2f\n", names[i],
               series_median(&row->p50[BROKER]), series_median(&row->p50[FLOOR]),
               series_ratio(&row->p50[BROKER], &row->p50[FLOOR]), series_median(&row->p99[BROKER]),
               series_median(&row->p99[FLOOR]), series_ratio(&row->p99[BROKER], &row->p99[FLOOR]));
    }
}

/* -- both ------------------------------------------------------------------------------------ */

static void streams_and_requests(void **state)
{
    static struct stream_row streams[KIT_LENGTH(sizes)];
    static struct request_row requests[2];
    struct broker_proc *broker = broker_proc_new();

    (void)state;
    kit_deadline(90);
    broker_proc_start(broker, NULL);
    for (unsigned round = 0; round < options.n_rounds; round++) {
        for (unsigned i = 0; i < KIT_LENGTH(sizes) * N_SIDES; i++)
            stream_once(broker, &streams[i / N_SIDES], sizes[i / N_SIDES], (i + round) % N_SIDES);
        for (unsigned i = 0; i < 2 * N_SIDES; i++)
            request_once(broker, &requests[i / N_SIDES], i / N_SIDES, (i + round) % N_SIDES);
    }
    print_streams(streams);
    print_requests(requests);
    printf("\nnothing was lost, and all came in order\n\n");
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

int main(int argc, char *argv[])
{
    static const struct CMUnitTest tests[] = { kit_test(streams_and_requests) };

    bench_options_read(&options, &quick, argc, argv,
                       "Messages a second, processor time and request latency of brokerd, 1 to 1.");
    return kit_run("stream", tests, KIT_LENGTH(tests));
}
