/*
 * One publisher to many subscribers, and two subjects in turn. The floor is the forwarder, which sends what it
 * read to each receiver.
 */
#include <stdio.h>

#include "tests/bench/figures.h"
#include "tests/bench/run.h"
#include "tests/kit/runner.h"

#define SIZE        128
#define N_SUB_ROLES 4

static struct bench_options options = { .n_rounds = 5, .run_ns = 500000000 };
static const struct bench_options quick = { .quick = true, .n_rounds = 3, .run_ns = 150000000 };

static const unsigned n_subs[] = { 1, 8, 64 };

/* What takes turns: one subject is what the two others are compared with. */
static const struct variant {
    const char *name;
    bool floor;
    enum subjects subjects;
} variants[] = {
    { "one subject", false, ONE_SUBJECT },
    { "floor", true, ONE_SUBJECT },
    { "two subjects in turn, by one pattern", false, TWO_BY_ONE_PATTERN },
    { "two subjects in turn, two subscriptions", false, TWO_SUBSCRIPTIONS },
};

struct row {
    struct series rate, middle, publisher, subscriber;
};

static void run_once(struct broker_proc *broker, struct row *row, const struct variant *variant,
                     unsigned n)
{
    struct work work = { .size = SIZE,
                         .run_ns = options.run_ns,
                         .subjects = variant->subjects,
                         .n_subs = n,
                         .n_sub_roles = n < N_SUB_ROLES ? n : N_SUB_ROLES };
    struct stream_cost cost = run_stream(variant->floor ? NULL : broker, &work);

    series_add(&row->rate, cost.delivered_per_s);
    series_add(&row->middle, cost.middle_ns);
    series_add(&row->publisher, cost.publisher_ns);
    series_add(&row->subscriber, cost.subscriber_ns);
}

static void print_table(struct row rows[][KIT_LENGTH(variants)])
{
    printf("\n1 publisher -> N subscribers, %d bytes, %u rounds of %.2f s; ratios to one subject\n",
           SIZE, options.n_rounds, (double)options.run_ns / 1e9);
    printf("    N |                                         | deliveries/s  ratio | broker CPU "
           "ns/message | publisher ns | subscriber ns\n");
    for (unsigned i = 0; i < KIT_LENGTH(n_subs); i++) {
        for (unsigned j = 0; j < KIT_LENGTH(variants); j++) {
            const struct row *row = &rows[i][j];
            printf("  %3u | %-39s | %12.0f  %5.2f | %21.1f | %12.1f | %13.1f\n", n_subs[i],
                   variants[j].name, series_median(&row->rate),
                   series_ratio(&row->rate, &rows[i][0].rate), series_median(&row->middle),
                   series_median(&row->publisher), series_median(&row->subscriber));
        }
    }
}

static void fanout(void **state)
{
    static struct row rows[KIT_LENGTH(n_subs)][KIT_LENGTH(variants)];
    struct broker_proc *broker = broker_proc_new();

    (void)state;
    kit_deadline(90);
    broker_proc_start(broker, NULL);
    for (unsigned round = 0; round < options.n_rounds; round++) {
        for (unsigned i = 0; i < KIT_LENGTH(n_subs); i++) {
            for (unsigned j = 0; j < KIT_LENGTH(variants); j++)
                run_once(broker, &rows[i][j], &variants[j], n_subs[i]);
        }
    }
    print_table(rows);
    printf("\nnothing was lost, and all came in order\n\n");
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

int main(int argc, char *argv[])
{
    static const struct CMUnitTest tests[] = { kit_test(fanout) };

    bench_options_read(&options, &quick, argc, argv,
                       "Deliveries a second of brokerd to 1, 8 and 64 subscribers, and with two "
                       "subjects in turn.");
    return kit_run("fanout", tests, KIT_LENGTH(tests));
}
