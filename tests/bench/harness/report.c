#include "tests/bench/harness/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness/crew.h"
#include "tests/bench/harness/tally.h"
#include "tests/bench/peers/peer.h"

/* What came of it, over all roles. */
struct outcome {
    uint64_t n_sent;
    uint64_t n_delivered;
    int64_t n_lost;
    uint64_t n_wrong;
    uint64_t n_throttled;
    double seconds;
};

void reading_take(struct reading *ret)
{
    ret->sending_ns = crew_cpu_ns(ROLE_PUBLISHES) + crew_cpu_ns(ROLE_ASKS);
    ret->receiving_ns = crew_cpu_ns(ROLE_RECEIVES) + crew_cpu_ns(ROLE_SERVES);
    ret->broker = process_times((pid_t)plan.broker_pid);
    ret->broker_ns = process_cpu_ns((pid_t)plan.broker_pid);
}

/* -- sums ------------------------------------------------------------------------------------ */

static void outcome_of_streams(struct outcome *ret)
{
    int64_t start_ns = INT64_MAX, end_ns = 0;

    for (unsigned i = 0; i < plan.options.n_pubs; i++) {
        const struct source *source = &tally->sources[i];
        ret->n_sent += atomic_load(&source->n_sent);
        ret->n_throttled += source->n_throttled;
        start_ns = source->start_ns < start_ns ? source->start_ns : start_ns;
    }
    for (unsigned i = 0; i < plan.options.n_procs; i++) {
        const struct sink *sink = &tally->sinks[i];
        ret->n_delivered += atomic_load(&sink->n_received);
        ret->n_wrong += sink->n_wrong;
        end_ns = sink->end_ns > end_ns ? sink->end_ns : end_ns;
    }
    ret->n_lost = (int64_t)(ret->n_sent * (plan.workload == MANY ? 1 : plan.options.n_subs)) -
                  (int64_t)ret->n_delivered;
    ret->seconds = (double)(end_ns - start_ns) / 1e9;
}

static void outcome_of_requests(struct outcome *ret)
{
    ret->n_sent = ret->n_delivered = tally->asker.n_answered;
    ret->seconds = (double)(tally->asker.end_ns - tally->asker.start_ns) / 1e9;
}

static void outcome_init(struct outcome *ret)
{
    *ret = (struct outcome){ .n_sent = 0 };
    if (plan_asks())
        outcome_of_requests(ret);
    else
        outcome_of_streams(ret);
}

/* -- parts of the line ----------------------------------------------------------------------- */

/* Texts come from the command line and from strerror: nothing that JSON would have to escape stays. */
static void print_text(const char *key, const char *text)
{
    printf(",\"%s\":\"", key);
    for (; *text; text++)
        putchar(*text == '"' || *text == '\\' || (*text > 0 && *text < ' ') ? '\'' : *text);
    putchar('"');
}

static void print_work(void)
{
    const struct bench_options *options = &plan.options;
    const unsigned streams = !plan_asks();

    printf("{\"peer\":\"%s\",\"workload\":\"%s\"", peer.name, options->workload);
    print_text("variant", options->variant);
    printf(",\"size\":%zu,\"pubs\":%u,\"subs\":%u,\"procs\":%u,\"out\":%u,\"idle\":%u,"
           "\"subjects\":%u",
           options->size, streams * options->n_pubs, streams * options->n_subs,
           streams * options->n_procs, streams ? 0 : options->n_out, options->n_idle,
           streams * plan.n_subjects);
}

static double per(int64_t ns, uint64_t n)
{
    return n ? (double)ns / (double)n : 0;
}

static void print_outcome(const struct outcome *outcome)
{
    const double rate = (double)outcome->n_delivered / outcome->seconds;
    const double mbps = rate * (double)plan.options.size / 1e6;

    printf(",\"sent\":%ju,\"delivered\":%ju,\"lost\":%jd,\"disordered\":%ju,\"seconds\":%.4f,"
           "\"rate\":%.1f,\"mbps\":%.2f,\"mbps_per_sub\":%.2f,\"throttled\":%ju",
           (uintmax_t)outcome->n_sent, (uintmax_t)outcome->n_delivered, (intmax_t)outcome->n_lost,
           (uintmax_t)outcome->n_wrong, outcome->seconds, rate, mbps,
           plan_asks() ? 0 : mbps / plan.options.n_subs, (uintmax_t)outcome->n_throttled);
}

static void print_cpu(const struct measures *measures, const struct outcome *outcome)
{
    const struct reading *from = &measures->before, *to = &measures->after;
    const int64_t broker_ns = to->broker_ns - from->broker_ns;
    const int64_t sending_ns = to->sending_ns - from->sending_ns;
    const int64_t receiving_ns = to->receiving_ns - from->receiving_ns;

    printf(",\"broker_cpu_s\":%.4f,\"broker_utime\":%.2f,\"broker_stime\":%.2f,"
           "\"broker_cpu_ns_per_msg\":%.1f,\"client_cpu_ns_per_msg\":%.1f,"
           "\"sender_cpu_ns_per_sent\":%.1f,\"receiver_cpu_ns_per_msg\":%.1f",
           (double)broker_ns / 1e9, to->broker.user_s - from->broker.user_s,
           to->broker.system_s - from->broker.system_s, per(broker_ns, outcome->n_delivered),
           per(sending_ns + receiving_ns, outcome->n_delivered), per(sending_ns, outcome->n_sent),
           per(receiving_ns, outcome->n_delivered));
}

static void print_memory(const struct measures *measures)
{
    const double grown =
        1024 * ((double)measures->memory_idle_kb - (double)measures->memory_start_kb);

    printf(",\"rss0_kb\":%ju,\"rss_idle_kb\":%ju,\"rss_kb\":%ju,\"hwm_kb\":%ju,\"setup_s\":%.3f",
           (uintmax_t)measures->memory_start_kb, (uintmax_t)measures->memory_idle_kb,
           (uintmax_t)measures->memory_end_kb, (uintmax_t)measures->memory_peak_kb,
           measures->setup_s);
    if (plan_asks() && plan.options.n_idle)
        printf(",\"rss_per_conn_b\":%.0f", grown / plan.options.n_idle);
    if (plan.workload == MANY)
        printf(",\"nsubj\":%u,\"wild\":%u,\"rss_per_sub_b\":%.0f", plan.n_names, plan.wild,
               grown / plan.n_names);
}

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void print_latencies(void)
{
    uint32_t *ns = tally->asker.latencies_ns;
    const uint64_t n = tally->asker.n_answered;

    if (!plan_asks() || plan.options.n_out > 1 || n == 0)
        return;
    qsort(ns, n, sizeof(*ns), compare);
    printf(",\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"max_us\":%.1f", ns[n / 2] / 1e3,
           ns[n * 99 / 100] / 1e3, ns[n * 999 / 1000] / 1e3, ns[n - 1] / 1e3);
}

/* -- the line -------------------------------------------------------------------------------- */

int report_print(const struct measures *measures)
{
    struct outcome outcome;

    outcome_init(&outcome);
    const bool wrong = outcome.n_lost != 0 || outcome.n_wrong != 0 || outcome.n_delivered == 0;
    print_work();
    print_outcome(&outcome);
    print_cpu(measures, &outcome);
    print_memory(measures);
    print_latencies();
    if (wrong)
        print_text("error", outcome.n_delivered ? "messages lost or out of order" : "no message");
    printf("}\n");
    return wrong;
}

int report_failure(const char *why)
{
    uint64_t n_sent = 0, n_received = 0;

    for (unsigned i = 0; i < MAX_PUBS; i++)
        n_sent += atomic_load(&tally->sources[i].n_sent);
    for (unsigned i = 0; i < MAX_PROCS; i++)
        n_received += atomic_load(&tally->sinks[i].n_received);
    print_work();
    print_text("error", why);
    printf(",\"ready\":%u,\"probed\":%u,\"sent\":%ju,\"received\":%ju}\n",
           atomic_load(&tally->n_ready), atomic_load(&tally->n_probed), (uintmax_t)n_sent,
           (uintmax_t)n_received);
    return 1;
}
