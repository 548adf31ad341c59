/* What a bench found, as tables for people and as one object for programs. */
#include "client/brokerctl/bench.h"

#include "client/brokerctl/print.h"
#include "client/brokerctl/role.h"
#include "client/brokerctl/table.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *key;
    double share;
} percentiles[] = {
    { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p99.9", 0.999 },
};
enum { N_PERCENTILES = sizeof percentiles / sizeof *percentiles };

static bool asks(const struct bench_plan *plan)
{
    return plan->kind->sender == &role_requester;
}

static double per_s(uint64_t n, uint64_t ns)
{
    return ns ? (double)n * 1e9 / (double)ns : 0;
}

/* Of a message published: whatever the broker did for it, all deliveries too. Where nobody
 * here publishes, each subscriber got them all. */
static uint64_t published(const struct bench_plan *plan, const struct bench_result *result)
{
    return plan->n_senders ? result->sent : result->received / plan->n_receivers;
}

/* ---- JSON --------------------------------------------------------------------- */

/* Numbers that do not apply to a kind, or could not be had, are null. */
static void add_number(struct text *text, const char *key, bool known, uint64_t number)
{
    text_printf(text, ",\"%s\":", key);
    if (known)
        text_printf(text, "%" PRIu64, number);
    else
        text_puts(text, "null");
}

static void add_real(struct text *text, const char *key, bool known, double number)
{
    text_printf(text, ",\"%s\":", key);
    if (known)
        text_printf(text, "%.3f", number);
    else
        text_puts(text, "null");
}

static void add_per_message(struct text *text, const char *key, bool known, uint64_t ns, uint64_t n)
{
    add_real(text, key, known && ns && n, n ? (double)ns / (double)n : 0);
}

static void add_plan(struct text *text, const struct bench_plan *plan)
{
    text_printf(text, "{\"bench\":\"%s\",\"subject\":", plan->kind->name);
    text_add_json(text, plan->subject, strlen(plan->subject));
    text_puts(text, ",\"url\":");
    text_add_json(text, plan->url, strlen(plan->url));
    add_number(text, "senders", true, plan->n_senders);
    add_number(text, "receivers", true, plan->n_receivers);
    add_number(text, "size", plan->n_senders, plan->size);
    add_number(text, "batch", plan->n_senders, plan->batch);
    add_number(text, "rate", plan->n_senders, plan->rate);
    add_number(text, "count", plan->count, plan->count);
    add_number(text, "duration-ms", plan->n_senders && plan->duration_ms > 0,
               (uint64_t)plan->duration_ms);
}

/* Bytes are those of payloads, and only known where they are sent from here. */
static void add_counts(struct text *text, const struct bench_plan *plan,
                       const struct bench_result *result)
{
    bool sends = plan->n_senders, receives = plan->n_receivers;
    double sent_per_s = per_s(result->sent, result->send_ns);
    double received_per_s = per_s(result->received, result->receive_ns);

    add_number(text, "sent", sends, result->sent);
    add_number(text, "received", receives, result->received);
    add_number(text, "lost", receives, result->lost);
    add_number(text, "announced", receives && !asks(plan), result->announced);
    add_number(text, "misplaced", receives && !asks(plan), result->misplaced);
    add_number(text, "foreign", receives && !asks(plan), result->foreign);
    add_number(text, "refused", sends, result->refused);
    add_number(text, "matched", sends && !asks(plan), result->matched);
    add_real(text, "send-seconds", sends, (double)result->send_ns / 1e9);
    add_real(text, "receive-seconds", receives, (double)result->receive_ns / 1e9);
    add_real(text, "sent-per-s", sends, sent_per_s);
    add_real(text, "received-per-s", receives, received_per_s);
    add_real(text, "sent-mb-per-s", sends, sent_per_s * (double)plan->size / 1e6);
    add_real(text, "received-mb-per-s", sends && receives,
             received_per_s * (double)plan->size / 1e6);
}

static void add_latency(struct text *text, const struct histogram *latency)
{
    if (!latency->n) {
        text_puts(text, ",\"latency-us\":null");
        return;
    }
    text_printf(text, ",\"latency-us\":{\"samples\":%" PRIu64, latency->n);
    add_real(text, "min", true, (double)latency->min_ns / 1e3);
    add_real(text, "mean", true, histogram_mean(latency) / 1e3);
    for (size_t i = 0; i < N_PERCENTILES; i++)
        add_real(text, percentiles[i].key, true,
                 (double)histogram_percentile(latency, percentiles[i].share) / 1e3);
    add_real(text, "max", true, (double)latency->max_ns / 1e3);
    text_char(text, '}');
}

static void report_json(const struct bench_plan *plan, const struct bench_result *result)
{
    static const char *const endings[] = { "done", "interrupted", "timeout", "failed" };
    _cleanup_text_ struct text text = TEXT_INIT;

    add_plan(&text, plan);
    text_printf(&text, ",\"ended\":\"%s\"", endings[result->ending]);
    add_counts(&text, plan, result);
    add_latency(&text, &result->latency);
    add_number(&text, "broker-cpu-ns", result->has_broker_cpu, result->broker_cpu_ns);
    add_per_message(&text, "broker-cpu-ns-per-message", result->has_broker_cpu,
                    result->broker_cpu_ns, published(plan, result));
    add_per_message(&text, "sender-cpu-ns-per-message", true, result->sender_cpu_ns, result->sent);
    add_per_message(&text, "receiver-cpu-ns-per-message", plan->n_receivers,
                    result->receiver_cpu_ns, result->received);
    text_puts(&text, "}\n");
    print_out(&text);
}

/* ---- tables --------------------------------------------------------------------- */

/* 4,115,226 */
static void add_grouped(struct text *text, uint64_t n)
{
    if (n >= 1000) {
        add_grouped(text, n / 1000);
        text_printf(text, ",%03" PRIu64, n % 1000);
    } else {
        text_printf(text, "%" PRIu64, n);
    }
}

static void cell_grouped(struct table *table, bool known, double number)
{
    _cleanup_text_ struct text text = TEXT_INIT;

    if (known)
        add_grouped(&text, (uint64_t)(number + 0.5));
    else
        text_char(&text, '-');
    table_cell(table, text.data, text.len);
}

/* Three digits, so that columns are read at a glance. */
static void cell_real(struct table *table, bool known, double number)
{
    _cleanup_text_ struct text text = TEXT_INIT;

    if (!known)
        text_char(&text, '-');
    else if (number < 1000)
        text_printf(&text, number < 10 ? "%.2f" : number < 100 ? "%.1f" : "%.0f", number);
    else
        add_grouped(&text, (uint64_t)(number + 0.5));
    table_cell(table, text.data, text.len);
}

static void cell_latency(struct table *table, double ns)
{
    static const char *const units[] = { "ns", "us", "ms", "s" };
    _cleanup_text_ struct text text = TEXT_INIT;
    size_t unit = 0;

    for (; ns >= 1000 && unit < 3; unit++)
        ns /= 1000;
    text_printf(&text, ns < 10 && unit ? "%.2f %s" : ns < 100 && unit ? "%.1f %s" : "%.0f %s", ns,
                units[unit]);
    table_cell(table, text.data, text.len);
}

struct row {
    const char *name;
    unsigned processes; /* 0: the broker's, which sends and receives */
    uint64_t n, ns;
    bool has_bytes;
    uint64_t cpu_ns, cpu_n; /* 0 ns: of a process that was killed nobody knows */
};

static void add_row(struct table *table, const struct bench_plan *plan, const struct row *row)
{
    double rate = per_s(row->n, row->ns);

    table_puts(table, row->name);
    cell_grouped(table, row->processes, row->processes);
    cell_grouped(table, row->processes, (double)row->n);
    cell_real(table, row->processes, (double)row->ns / 1e9);
    cell_grouped(table, row->ns, rate);
    cell_real(table, row->ns && row->has_bytes, rate * (double)plan->size / 1e6);
    cell_real(table, row->cpu_ns && row->cpu_n,
              row->cpu_n ? (double)row->cpu_ns / (double)row->cpu_n : 0);
}

static void show_rows(const struct bench_plan *plan, const struct bench_result *result)
{
    static const struct table_column columns[] = {
        { "", false, false, false },          { "CLIENTS", true, false, false },
        { "MESSAGES", true, false, false },   { "SECONDS", true, false, false },
        { "MESSAGES/S", true, false, false }, { "MB/S", true, false, false },
        { "CPU NS/MESSAGE", true, false, false },
    };
    const struct row sent = {
        .name = asks(plan) ? "asked" : "published",
        .processes = plan->n_senders,
        .n = result->sent,
        .ns = result->send_ns,
        .has_bytes = true,
        .cpu_ns = result->sender_cpu_ns,
        .cpu_n = result->sent,
    };
    const struct row received = {
        .name = asks(plan) ? "answered" : "received",
        .processes = plan->n_receivers,
        .n = result->received,
        .ns = result->receive_ns,
        .has_bytes = plan->n_senders > 0,
        .cpu_ns = result->receiver_cpu_ns,
        .cpu_n = result->received,
    };
    const struct row middle = {
        .name = "broker",
        .cpu_ns = result->has_broker_cpu ? result->broker_cpu_ns : 0,
        .cpu_n = published(plan, result),
    };
    _cleanup_table_ struct table table;

    table_init(&table, columns, sizeof columns / sizeof *columns);
    if (plan->n_senders)
        add_row(&table, plan, &sent);
    if (plan->n_receivers)
        add_row(&table, plan, &received);
    add_row(&table, plan, &middle);
    table_print(&table);
}

static void show_latency(const struct histogram *latency)
{
    static const struct table_column columns[] = {
        { "LATENCY", false, false, false }, { "MIN", true, false, false },
        { "MEAN", true, false, false },     { "P50", true, false, false },
        { "P90", true, false, false },      { "P99", true, false, false },
        { "P99.9", true, false, false },    { "MAX", true, false, false },
        { "SAMPLES", true, false, false },
    };
    _cleanup_text_ struct text blank = TEXT_INIT;
    _cleanup_table_ struct table table;

    text_char(&blank, '\n');
    print_out(&blank);
    table_init(&table, columns, sizeof columns / sizeof *columns);
    table_puts(&table, "");
    cell_latency(&table, (double)latency->min_ns);
    cell_latency(&table, histogram_mean(latency));
    for (size_t i = 0; i < N_PERCENTILES; i++)
        cell_latency(&table, (double)histogram_percentile(latency, percentiles[i].share));
    cell_latency(&table, (double)latency->max_ns);
    cell_grouped(&table, true, (double)latency->n);
    table_print(&table);
}

static void show_plan(const struct bench_plan *plan)
{
    _cleanup_text_ struct text text = TEXT_INIT;

    text_printf(&text, "bench %s on %s", plan->kind->name, plan->subject);
    if (plan->n_senders) {
        text_puts(&text, ": ");
        text_add_size(&text, plan->size);
        text_printf(&text, " bytes, %" PRIu64 " %s, ", plan->batch,
                    asks(plan) ? "open a client" : "a batch");
        if (plan->rate)
            add_grouped(&text, plan->rate);
        text_puts(&text, plan->rate ? " a second" : "as fast as possible");
    }
    text_puts(&text, "\n\n");
    print_out(&text);
}

/* The last line: what nobody wants to overlook. */
static void show_losses(const struct bench_plan *plan, const struct bench_result *result)
{
    _cleanup_text_ struct text text = TEXT_INIT;

    if (plan->n_receivers) {
        text_printf(&text, "\nlost: %" PRIu64, result->lost);
        if (result->lost && !asks(plan))
            text_printf(&text, ", announced: %" PRIu64, result->announced);
        if (result->misplaced)
            text_printf(&text, ", out of order: %" PRIu64, result->misplaced);
        if (result->foreign)
            text_printf(&text, "; foreign: %" PRIu64, result->foreign);
    } else {
        text_printf(&text, "\nmatched: %" PRIu64, result->matched);
    }
    if (result->refused)
        text_printf(&text, ", %s: %" PRIu64, asks(plan) ? "failed" : "refused", result->refused);
    if (result->ending == BENCH_INTERRUPTED)
        text_puts(&text, "; interrupted");
    text_char(&text, '\n');
    print_out(&text);
}

void bench_report(const struct ctl *ctl, const struct bench_plan *plan,
                  const struct bench_result *result)
{
    if (ctl->json) {
        report_json(plan, result);
        return;
    }
    show_plan(plan);
    show_rows(plan, result);
    if (result->latency.n)
        show_latency(&result->latency);
    show_losses(plan, result);
}
