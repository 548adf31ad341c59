#include "tests/bench/harness/plan.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/peers/peer.h"

#define EXIT_USAGE      64
#define UNSET           UINT64_MAX
#define WINDOW_BYTES    (8u << 20)
#define WINDOW_MESSAGES 20000
#define WINDOW_MANY     1000   /* of w6 */
#define WINDOW_QUEUED   200000 /* deliveries */
#define WINDOW_LEAST    2000   /* messages, however many receive them */
#define MAX_SIZE        (16u << 20)

struct plan plan = {
    .options = { .address = "", .variant = "", .size = 128, .n_pubs = 1, .n_subs = 1, .n_out = 1 },
    .seconds = 1,
    .window = UNSET,
    .timeout_s = 25,
    .n_conns = 10,
    .n_names = 100000,
    .wild = 5,
    .n_subjects = 1,
    .subjects_by = "subscription",
};
const struct bench_options *const bench_options = &plan.options;

static const char *const workloads[] = {
    [SERVE] = "serve", [ONE] = "w1",   [FAN_OUT] = "w2", [FAN_IN] = "w3",
    [REQUEST] = "w4",  [LARGE] = "w5", [MANY] = "w6",    [IDLE] = "w7",
};

/* -- the options ----------------------------------------------------------------------------- */

enum kind { TEXT, NUMBER, NUMBER_64, BYTES, SECONDS };

static const struct known {
    const char *name;
    enum kind kind;
    void *to;
    uint64_t min, max;
    const char *help;
} known[] = {
    { "addr", TEXT, &plan.options.address, 0, 0, "where the broker listens" },
    { "variant", TEXT, &plan.options.variant, 0, 0, "of the peer's choosing" },
    { "broker-pid", NUMBER, &plan.broker_pid, 0, 1u << 30,
      "whose processor time and memory count" },
    { "size", BYTES, &plan.options.size, 0, MAX_SIZE, "payload, bytes (128)" },
    { "seconds", SECONDS, &plan.seconds, 0, 3600, "send for so long (1)" },
    { "count", NUMBER_64, &plan.count, 0, UNSET, "or send so many messages each" },
    { "window", NUMBER_64, &plan.window, 0, UNSET, "messages on their way; 0: any number" },
    { "timeout", SECONDS, &plan.timeout_s, 0, 3600, "of each stage (25)" },
    { "pubs", NUMBER, &plan.options.n_pubs, 1, MAX_PUBS, "w3: publishers" },
    { "subs", NUMBER, &plan.options.n_subs, 1, 65536, "w2, w5: subscribing connections" },
    { "procs", NUMBER, &plan.options.n_procs, 1, MAX_PROCS, "processes that share them (4)" },
    { "subjects", NUMBER, &plan.n_subjects, 1, 2, "w1, w2: subjects that take turns (1)" },
    { "subjects-by", TEXT, &plan.subjects_by, 0, 0, "two by: subscription (default) | pattern" },
    { "out", NUMBER, &plan.options.n_out, 1, 4096, "w4, w7: requests open at a time (1)" },
    { "idle", NUMBER, &plan.options.n_idle, 0, 1u << 20, "w7: connections that do nothing" },
    { "conns", NUMBER, &plan.n_conns, 1, 65536, "w6: connections (10)" },
    { "nsubj", NUMBER, &plan.n_names, 1, 100000, "w6: subscriptions (100000)" },
    { "wild", NUMBER, &plan.wild, 0, 100000, "w6: every N-th a wildcard (5); 0: none" },
    { "chunk", NUMBER, &plan.options.chunk, 0, 1u << 30, "serve: bytes read at a time" },
    { "sndbuf", NUMBER, &plan.options.sndbuf, 0, 1u << 30, "SO_SNDBUF of a peer of ours" },
};
enum { N_KNOWN = sizeof(known) / sizeof(known[0]) };

static _Noreturn void usage(FILE *to, int code)
{
    fprintf(
        to,
        "Usage: peer-%s WORKLOAD [OPTION...]\n\n"
        "Puts one broker to work and prints one line of JSON. WORKLOAD is w1 (1 to 1), w2 (1 to\n"
        "many), w3 (many to 1), w4 (requests), w5 (large), w6 (many subscriptions), w7 (idle\n"
        "connections), or serve, where the broker is a part of this program.\n\n",
        peer.name);
    for (unsigned i = 0; i < N_KNOWN; i++)
        fprintf(to, "  --%-12s %s\n", known[i].name, known[i].help);
    exit(code);
}

static bool read_number(const struct known *option, const char *text, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoull(text, &end, 0);
    return errno == 0 && *text >= '0' && *text <= '9' && !*end && *ret >= option->min &&
           *ret <= option->max;
}

static bool read_seconds(const struct known *option, const char *text, double *ret)
{
    char *end;

    *ret = strtod(text, &end);
    return end != text && !*end && isfinite(*ret) && *ret >= 0 && *ret <= (double)option->max;
}

static bool read_value(const struct known *option, const char *text)
{
    uint64_t number = 0;

    if (option->kind == TEXT) {
        *(const char **)option->to = text;
        return true;
    }
    if (option->kind == SECONDS)
        return read_seconds(option, text, option->to);
    if (!read_number(option, text, &number))
        return false;
    if (option->kind == NUMBER)
        *(unsigned *)option->to = (unsigned)number;
    else if (option->kind == BYTES)
        *(size_t *)option->to = (size_t)number;
    else
        *(uint64_t *)option->to = number;
    return true;
}

static void read_options(int argc, char *argv[])
{
    struct option table[N_KNOWN + 2] = { { "help", no_argument, NULL, 'h' } };
    int i = 0, c;

    for (unsigned n = 0; n < N_KNOWN; n++)
        table[n + 1] = (struct option){ known[n].name, required_argument, NULL, 'o' };
    while ((c = getopt_long(argc, argv, "", table, &i)) != -1) {
        if (c == 'h')
            usage(stdout, 0);
        if (c != 'o')
            usage(stderr, EXIT_USAGE);
        if (!read_value(&known[i - 1], optarg)) {
            fprintf(stderr, "peer-%s: --%s cannot be %s\n", peer.name, known[i - 1].name, optarg);
            exit(EXIT_USAGE);
        }
    }
    if (optind != argc - 1)
        usage(stderr, EXIT_USAGE);
}

/* -- defaults -------------------------------------------------------------------------------- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Enough to keep everybody busy, little enough for brokers whose queues know no limit. */
static uint64_t default_window(void)
{
    const unsigned n_subs = plan.options.n_subs;
    uint64_t window = smaller(WINDOW_BYTES / plan.options.size, WINDOW_MESSAGES);

    if (plan.workload == MANY)
        window = smaller(window, WINDOW_MANY);
    if (n_subs > 100)
        window = smaller(window, WINDOW_LEAST);
    else if (n_subs > 10)
        window = smaller(window, WINDOW_QUEUED / n_subs);
    if (window < 4)
        window = 4;
    if (peer.max_window)
        window = smaller(window, peer.max_window / plan.options.n_pubs);
    return window;
}

static void fill_in(void)
{
    struct bench_options *options = &plan.options;

    if (options->size < MIN_SIZE)
        options->size = MIN_SIZE;
    if (plan.workload == MANY)
        options->n_subs = plan.n_conns;
    if (!options->n_procs)
        options->n_procs = plan.workload == MANY ? 2 : 4;
    options->n_procs = (unsigned)smaller(options->n_procs, options->n_subs);
    if (plan.window == UNSET)
        plan.window = default_window();
}

void plan_read(int argc, char *argv[])
{
    read_options(argc, argv);
    plan.options.workload = argv[optind];
    while (plan.workload <= IDLE && strcmp(workloads[plan.workload], argv[optind]) != 0)
        plan.workload++;
    if (plan.workload > IDLE ||
        (strcmp(plan.subjects_by, "pattern") != 0 &&
         strcmp(plan.subjects_by, "subscription") != 0) ||
        (plan.n_subjects > 1 && plan.workload != ONE && plan.workload != FAN_OUT))
        usage(stderr, EXIT_USAGE);
    fill_in();
}

bool plan_asks(void)
{
    return plan.workload == REQUEST || plan.workload == IDLE;
}

unsigned plan_share(unsigned part, unsigned *ret_first)
{
    const unsigned each = plan.options.n_subs / plan.options.n_procs;
    const unsigned more = plan.options.n_subs % plan.options.n_procs;

    *ret_first = part * each + (part < more ? part : more);
    return each + (part < more);
}
