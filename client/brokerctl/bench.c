/* brokerctl bench: how fast, how far behind, and whether anything is lost. */
#include "client/brokerctl/bench.h"

#include "client/brokerctl/role.h"
#include "client/brokerctl/signals.h"
#include "client/brokerctl/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    DEFAULT_SIZE = 128,
    DEFAULT_MS = 3000,
    TIMEOUT_MS = 5000,
    BATCH = 256,       /* of messages that are sent as fast as possible */
    MAX_BATCH = 65536, /* what a server may have open, too */
    MAX_RATE = 1000000000,
    MAX_SIZE = 16 << 20,
};

static const struct usage usage = {
    .verb = "bench",
    .operands = "pub|sub|pubsub|fanout|fanin|req [SUBJECT]",
    .about =
        "Measures messages a second, latency, loss, and the broker's processor time. Each\n"
        "client is a process. What is measured:\n"
        "  pub      --clients publishers, for a 'bench sub' elsewhere\n"
        "  sub      --clients subscribers that hear a 'bench pub' elsewhere\n"
        "  pubsub   one publisher, one subscriber\n"
        "  fanout   one publisher, --clients subscribers (4)\n"
        "  fanin    --clients publishers (4), one subscriber\n"
        "  req      --clients requesters with --batch requests open each, and a server\n"
        "With --rate latency counts from when a message was due, sent or not. SUBJECT is\n"
        "one that nobody else uses, unless given. Ctrl-C ends it early. Exit code 1:\n"
        "something was lost; 2: nobody subscribes; 4: the end did not come.",
    .example = "  brokerctl bench pubsub\n"
               "  brokerctl bench fanout --clients 8 --rate 10000 --duration 10s\n"
               "  brokerctl bench req --batch 16 --json | jq '.\"latency-us\".p50'",
};

static const struct bench_kind kinds[] = {
    { "pub", &role_publisher, NULL, 0, 0, 1 },
    { "sub", NULL, &role_subscriber, 0, 0, 1 },
    { "pubsub", &role_publisher, &role_subscriber, 1, 1, 0 },
    { "fanout", &role_publisher, &role_subscriber, 1, 0, 4 },
    { "fanin", &role_publisher, &role_subscriber, 0, 1, 4 },
    { "req", &role_requester, &role_server, 0, 1, 1 },
};

/* What the command line says; NOT_GIVEN where it says nothing. */
struct wishes {
    size_t size;
    uint64_t count, rate, clients, batch;
    int duration_ms, timeout_ms;
};

#define NOT_GIVEN UINT64_MAX

/* ---- the plan ---------------------------------------------------------------- */

static int find_kind(const struct operands *operands, const struct bench_kind **ret)
{
    if (operands->n < 1)
        return options_misuse("wants what to measure, such as pubsub or req");
    if (operands->n > 2)
        return options_misuse("takes one subject: '%s'", operands->v[2]);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(operands->v[0], kinds[i].name))
            continue;
        *ret = &kinds[i];
        return -1;
    }
    return options_misuse("'%s': wants pub, sub, pubsub, fanout, fanin or req", operands->v[0]);
}

static int refuse_option(const struct bench_kind *kind, const char *name)
{
    return options_misuse("--%s means nothing to bench %s", name, kind->name);
}

/* Whoever only receives does not say what is sent. */
static int check_meaning(const struct bench_kind *kind, const struct wishes *wishes)
{
    const struct {
        const char *name;
        bool given;
    } senders[] = {
        { "size", wishes->size != SIZE_MAX },   { "count", wishes->count != NOT_GIVEN },
        { "rate", wishes->rate != NOT_GIVEN },  { "batch", wishes->batch != NOT_GIVEN },
        { "duration", wishes->duration_ms >= 0 },
    };

    if (!kind->clients && wishes->clients != NOT_GIVEN)
        return refuse_option(kind, "clients");
    for (size_t i = 0; !kind->sender && i < sizeof senders / sizeof *senders; i++)
        if (senders[i].given)
            return refuse_option(kind, senders[i].name);
    return -1;
}

static int check_ranges(const struct bench_plan *plan, uint64_t clients)
{
    if (plan->size < MARK_SIZE || plan->size > MAX_SIZE)
        return options_misuse("--size: from %d, for what is measured by, to 16M", MARK_SIZE);
    if (clients > MARK_PUBLISHERS)
        return options_misuse("--clients: at most %d", MARK_PUBLISHERS);
    if (plan->rate > MAX_RATE)
        return options_misuse("--rate: at most %d", MAX_RATE);
    if (plan->batch > MAX_BATCH || (plan->kind->sender == &role_requester &&
                                    plan->batch * clients > MAX_BATCH))
        return options_misuse("--batch: at most %d, of req for all clients together", MAX_BATCH);
    if (plan->duration_ms == 0 || plan->timeout_ms == 0)
        return options_misuse("--duration and --timeout want more than nothing");
    return -1;
}

static uint64_t or_default(uint64_t wish, uint64_t otherwise)
{
    return wish == NOT_GIVEN ? otherwise : wish;
}

static int make_plan(struct bench_plan *plan, const struct wishes *wishes)
{
    const struct bench_kind *kind = plan->kind;
    bool streams = kind->sender != &role_requester;
    uint64_t clients = or_default(wishes->clients, kind->clients ? kind->clients : 1);

    plan->size = wishes->size == SIZE_MAX ? DEFAULT_SIZE : wishes->size;
    plan->count = or_default(wishes->count, 0);
    plan->rate = or_default(wishes->rate, 0);
    plan->batch = or_default(wishes->batch, streams && !plan->rate ? BATCH : 1);
    plan->duration_ms = wishes->duration_ms < 0 && !plan->count ? DEFAULT_MS : wishes->duration_ms;
    plan->timeout_ms = wishes->timeout_ms < 0 ? TIMEOUT_MS : wishes->timeout_ms;
    plan->waits = !kind->sender && wishes->timeout_ms < 0;
    plan->n_senders = !kind->sender ? 0 : kind->n_senders ? kind->n_senders : (unsigned)clients;
    plan->n_receivers = !kind->receiver     ? 0
                        : kind->n_receivers ? kind->n_receivers
                                            : (unsigned)clients;
    plan->run = (uint16_t)getpid();
    return check_ranges(plan, clients);
}

static int parse(struct ctl *ctl, struct bench_plan *plan, int argc, char **argv)
{
    struct wishes wishes = { SIZE_MAX, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, -1, -1 };
    const struct option_spec specs[] = {
        { "size", 's', OPTION_SIZE, &wishes.size, "SIZE", "bytes of a payload (128)" },
        { "count", 'n', OPTION_COUNT, &wishes.count, "N",
          "end after so many messages or requests, of all clients together" },
        { "duration", 'd', OPTION_DURATION, &wishes.duration_ms, "TIME",
          "end after so long (3s, unless --count is given)" },
        { "rate", 'r', OPTION_NUMBER, &wishes.rate, "N",
          "so many a second, of all clients together; 0: as fast as possible (0)" },
        { "clients", 'c', OPTION_COUNT, &wishes.clients, "N",
          "clients of the side that may have many (fanout, fanin: 4, else 1)" },
        { "batch", 'b', OPTION_COUNT, &wishes.batch, "N",
          "messages handed over together (256; with --rate 1); of req, requests each client has "
          "open (1)" },
        { "timeout", 't', OPTION_DURATION, &wishes.timeout_ms, "TIME",
          "wait so long for the next message, or an answer (5s; sub for the first message: "
          "for ever, unless given)" },
    };
    struct operands operands;
    int code = options_parse(ctl, &usage, specs, sizeof specs / sizeof *specs, argc, argv,
                             &operands);

    if (code < 0)
        code = find_kind(&operands, &plan->kind);
    if (code < 0)
        code = check_meaning(plan->kind, &wishes);
    if (code < 0)
        code = make_plan(plan, &wishes);
    if (code < 0 && operands.n > 1)
        plan->subject = operands.v[1];
    return code;
}

/* pub and sub have to find each other; the others are alone with theirs. */
static void name_subject(const struct bench_plan *plan, char *ret, size_t size)
{
    if (plan->n_senders && plan->n_receivers)
        snprintf(ret, size, "bench.%d", (int)getpid());
    else
        snprintf(ret, size, "bench.uid-%u", (unsigned)getuid());
}

/* ---- the end ----------------------------------------------------------------- */

static int exit_code(const struct bench_plan *plan, const struct bench_result *result)
{
    if (result->code == EXIT_TIMEOUT && result->ending == BENCH_TIMEOUT)
        print_note("nothing more came within %d ms", plan->timeout_ms);
    if (result->code)
        return result->code;
    if (result->lost || result->misplaced)
        return 1;
    if (plan->n_senders && !plan->n_receivers && result->sent && !result->matched)
        return print_failure(EXIT_NEGATIVE, "%s: nobody subscribes", plan->subject);
    return 0;
}

static int run(struct session *session, const struct ctl *ctl, struct bench_plan *plan)
{
    char url[512], title[300];
    struct bench_result result = { .ending = BENCH_DONE };
    struct progress progress;

    if (plan->size > broker_max_payload(session->b))
        return print_failure(EXIT_DATA, "--size: the broker allows at most %zu bytes",
                             broker_max_payload(session->b));
    snprintf(url, sizeof url, "%s", broker_url(session->b));
    snprintf(title, sizeof title, "bench %s%s%s", plan->kind->name, plan->n_senders ? "" : " ",
             plan->n_senders ? "" : plan->subject);
    plan->url = url;
    progress_init(&progress, title);
    bench_run(plan, session, &progress, &result);
    bench_report(ctl, plan, &result);
    return exit_code(plan, &result);
}

int verb_bench(struct ctl *ctl, int argc, char **argv)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    struct bench_plan plan = { 0 };
    char subject[32];
    int code = parse(ctl, &plan, argc, argv);

    if (code >= 0)
        return code;
    if (!plan.subject) {
        name_subject(&plan, subject, sizeof subject);
        plan.subject = subject;
    }
    code = session_check_subject(plan.subject);
    if (code == 0)
        code = session_open(&session, ctl, "bench", false);
    if (code == 0) {
        signals_init();
        code = run(&session, ctl, &plan);
    }
    return session_close(&session, code);
}
