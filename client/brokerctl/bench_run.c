/* One run of a bench: when it begins, when it is over, and what it comes to. */
#include "client/brokerctl/bench.h"

#include "client/brokerctl/crew.h"
#include "client/brokerctl/progress.h"
#include "client/brokerctl/sys.h"

#include <stdatomic.h>
#include <time.h>

enum {
    TURN_MS = 20,
    GATHER_MS = 10000,  /* to connect and subscribe */
    START_MS = 2,       /* from the word to the start, so that all begin together */
    PATIENCE_MS = 1000, /* with the others, once one has failed */
};

struct bench {
    const struct bench_plan *plan;
    struct session *session;
    struct progress *progress;
    struct crew *crew;
    struct bench_result *result;
    uint64_t heard;    /* what was done in all, */
    uint64_t heard_ms; /* and when that last grew */
};

/* ---- how it ends ---------------------------------------------------------------- */

/* What came first is the reason. */
static void end_with(struct bench *bench, enum bench_ending ending, int code)
{
    if (bench->result->ending == BENCH_DONE)
        bench->result->ending = ending;
    if (!bench->result->code)
        bench->result->code = code;
    bench->heard_ms = session_now_ms();
    if (bench->crew)
        crew_set_phase(bench->crew, BOARD_STOPS);
}

/* Of many that fail the first one is told: they mostly have one cause. */
static void on_failed(int code, const char *text, void *userdata)
{
    struct bench *bench = userdata;

    progress_hide(bench->progress);
    if (!bench->result->code)
        print_note("%s", text);
    end_with(bench, BENCH_FAILED, code);
}

static void nap(long ms)
{
    const struct timespec left = { .tv_nsec = ms * 1000000 };

    nanosleep(&left, NULL);
}

/* While a signal or a reader that left keeps its descriptor readable, only time is waited for. */
static void turn(struct bench *bench, int ms)
{
    struct pollfd fds[SESSION_FDS];
    int status = 0;

    if (session_over() || bench->result->ending != BENCH_DONE)
        nap(ms);
    else
        status = session_wait(bench->session, fds, SESSION_FDS, ms);
    crew_reap(bench->crew);
    if (status < 0 && !bench->result->code) {
        progress_hide(bench->progress);
        end_with(bench, BENCH_FAILED,
                 session_failure(bench->session, status, "the connection ended"));
    }
    if (session_over() && bench->result->ending == BENCH_DONE)
        end_with(bench, BENCH_INTERRUPTED, 0);
}

/* ---- waiting -------------------------------------------------------------------- */

static bool all_are_ready(const struct crew *crew)
{
    return crew_all_are(crew, ROLE_RECEIVES, ROLE_READY) &&
           crew_all_are(crew, ROLE_SERVES, ROLE_READY) &&
           crew_all_are(crew, ROLE_SENDS, ROLE_READY);
}

static bool gather(struct bench *bench)
{
    uint64_t until_ms = session_now_ms() + GATHER_MS;

    while (bench->result->ending == BENCH_DONE && !all_are_ready(bench->crew)) {
        turn(bench, 1);
        if (session_now_ms() >= until_ms && bench->result->ending == BENCH_DONE)
            on_failed(EXIT_TIMEOUT, "not all clients were connected in time", bench);
    }
    return bench->result->ending == BENCH_DONE;
}

/* Who sends has deadlines of its own, so only the end is waited for with a clock. */
static bool is_silent(struct bench *bench)
{
    uint64_t now_ms = session_now_ms();
    uint64_t n = crew_progress(bench->crew, ROLE_SENDS) + crew_progress(bench->crew, ROLE_RECEIVES);
    int patience_ms = bench->result->ending == BENCH_FAILED ? PATIENCE_MS : bench->plan->timeout_ms;
    bool sends =
        crew_phase(bench->crew) == BOARD_RUNS && !crew_all_are(bench->crew, ROLE_SENDS, ROLE_DONE);

    if (n != bench->heard || sends) {
        bench->heard = n;
        bench->heard_ms = now_ms;
    }
    if (n == 0 && bench->plan->waits && bench->result->ending == BENCH_DONE)
        return false;
    return now_ms - bench->heard_ms >= (uint64_t)patience_ms;
}

/* 0 to 1; -1 if nobody can know. */
static double share_done(const struct bench *bench, uint64_t n)
{
    const struct bench_plan *plan = bench->plan;
    uint64_t now_ns = broker_now_ns(), start_ns = bench->crew->board->start_ns;
    double by_count = 0, by_time = 0;

    if (!plan->n_senders)
        return -1;
    if (plan->count)
        by_count = (double)n / (double)plan->count;
    if (plan->duration_ms > 0 && now_ns > start_ns)
        by_time = (double)(now_ns - start_ns) / 1e6 / plan->duration_ms;
    return by_count > by_time ? by_count : by_time;
}

static void await_end(struct bench *bench)
{
    bool sends = bench->plan->n_senders > 0;

    bench->heard_ms = session_now_ms();
    while (!crew_all_are(bench->crew, ROLE_SENDS, ROLE_DONE) ||
           !crew_all_are(bench->crew, ROLE_RECEIVES, ROLE_DONE)) {
        uint64_t n = crew_progress(bench->crew, sends ? ROLE_SENDS : ROLE_RECEIVES);

        progress_show(bench->progress, share_done(bench, n), n);
        turn(bench, TURN_MS);
        if (is_silent(bench)) {
            end_with(bench, BENCH_TIMEOUT, EXIT_TIMEOUT);
            break;
        }
    }
    progress_hide(bench->progress);
}

/* ---- the figures ---------------------------------------------------------------- */

/* The broker's own word; one that does not say is no reason not to measure the rest. */
static bool ask_cpu(struct bench *bench, uint64_t *ret_ns)
{
    _cleanup_answer_ struct answer answer = { 0 };
    struct mp_item item;

    if (!broker_is_connected(bench->session->b) ||
        sys_ask(bench->session, "$SYS.stats", NULL, NULL, &answer) ||
        !mp_get_item(answer.map, "cpu-ns", MP_UINT, &item))
        return false;
    *ret_ns = item.number;
    return true;
}

static uint64_t longest(uint64_t ns, const struct role_report *report)
{
    uint64_t own_ns = report->until_ns > report->from_ns ? report->until_ns - report->from_ns : 0;

    return own_ns > ns ? own_ns : ns;
}

static void add_sender(struct bench_result *result, const struct role_report *report, bool asks)
{
    result->sent += asks ? report->asked : atomic_load(&report->n);
    result->send_ns = longest(result->send_ns, report);
    result->sender_cpu_ns += report->cpu_ns;
    result->refused += report->refused;
    result->matched += report->matched;
    if (!asks)
        return;
    result->received += report->tally.received;
    result->receive_ns = result->send_ns;
}

static void add_receiver(struct bench_result *result, const struct role_report *report)
{
    result->received += report->tally.received;
    result->receive_ns = longest(result->receive_ns, report);
    result->receiver_cpu_ns += report->cpu_ns;
    result->lost += report->tally.missing;
    result->announced += report->announced;
    result->misplaced += report->tally.misplaced;
    result->foreign += report->tally.foreign;
}

/* Where all are known that were sent, what is lost is what did not come: also behind the last
 * one that did. */
static uint64_t count_lost(const struct bench_plan *plan, const struct bench_result *result)
{
    uint64_t wanted = result->sent;

    if (!plan->n_senders)
        return result->lost > result->announced ? result->lost : result->announced;
    if (!plan->n_receivers)
        return 0;
    if (plan->kind->receiver->does == ROLE_RECEIVES)
        wanted = (result->sent - result->refused) * plan->n_receivers;
    return wanted > result->received ? wanted - result->received : 0;
}

static void add_up(struct bench *bench)
{
    const struct crew *crew = bench->crew;

    for (size_t i = 0; i < crew->n_members; i++) {
        const struct role_kind *kind = crew->members[i].kind;
        const struct role_report *report = &crew->board->reports[i];

        if (kind->does == ROLE_SENDS)
            add_sender(bench->result, report, kind == &role_requester);
        else if (kind->does == ROLE_RECEIVES)
            add_receiver(bench->result, report);
        else
            bench->result->receiver_cpu_ns += report->cpu_ns;
        histogram_merge(&bench->result->latency, &report->latency);
    }
    bench->result->lost = count_lost(bench->plan, bench->result);
}

static void measure(struct bench *bench)
{
    struct bench_result *result = bench->result;
    uint64_t before_ns = 0, after_ns = 0;

    result->has_broker_cpu = ask_cpu(bench, &before_ns);
    atomic_store(&bench->crew->board->start_ns, broker_now_ns() + START_MS * UINT64_C(1000000));
    crew_set_phase(bench->crew, BOARD_RUNS);
    await_end(bench);
    crew_set_phase(bench->crew, BOARD_STOPS);
    if (result->has_broker_cpu)
        result->has_broker_cpu = ask_cpu(bench, &after_ns);
    result->broker_cpu_ns = after_ns - before_ns;
}

void bench_run(const struct bench_plan *plan, struct session *session, struct progress *progress,
               struct bench_result *ret)
{
    struct bench bench = { plan, session, progress, NULL, ret, 0, session_now_ms() };

    bench.crew = crew_new(plan, session, on_failed, &bench);
    if (gather(&bench))
        measure(&bench);
    crew_dismiss(bench.crew);
    add_up(&bench);
    crew_free(bench.crew);
}
