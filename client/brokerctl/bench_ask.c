/* brokerctl bench req: the requester, and the server that answers it. */
#include "client/brokerctl/role.h"

#include "client/brokerctl/text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct asker;

/* A request that is outstanding, or room for one. */
struct slot {
    struct asker *asker;
    struct slot *next; /* of those that are free */
    struct mark mark;
    bool answered; /* with what was sent */
};

struct asker {
    struct role *role;
    char *payload;
    struct slot *slots, *free;
    uint64_t n_open;
    uint64_t max;
    uint64_t end_ns; /* of --duration */
    bool hopeless;   /* no further request would fare better */
};

/* ---- answers ----------------------------------------------------------------- */

static void on_reply(broker_call *call, const broker_message *part, void *userdata)
{
    struct slot *slot = userdata;
    size_t len;
    const void *payload = broker_message_payload(part, &len);

    (void)call;
    slot->answered = !broker_message_status(part) && len == slot->asker->role->plan->size &&
                     !memcmp(payload, &slot->mark, MARK_SIZE);
}

static void count_failure(struct asker *asker, const struct broker_result *result)
{
    asker->role->report->refused++;
    role_note(asker->role, result->status ? result->status : -BROKER_E_FAILED, "a request: %s",
              result->status ? result->text : "the answer is not what was sent");
    asker->hopeless |= result->status != 0 && result->status != -BROKER_E_BUSY &&
                       result->status != -BROKER_E_TIMEOUT;
}

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    struct slot *slot = userdata;
    struct asker *asker = slot->asker;
    struct role_report *report = asker->role->report;

    (void)call;
    report->until_ns = broker_now_ns();
    if (result->status == 0 && slot->answered) {
        report->tally.received++;
        histogram_add(&report->latency, report->until_ns - slot->mark.at_ns);
    } else {
        count_failure(asker, result);
    }
    slot->next = asker->free;
    asker->free = slot;
    asker->n_open--;
}

/* ---- requests ---------------------------------------------------------------- */

static bool is_over(const struct asker *asker)
{
    return asker->role->report->asked >= asker->max || role_phase(asker->role) != BOARD_RUNS ||
           asker->hopeless;
}

static void ask(struct asker *asker, uint64_t at_ns)
{
    const struct bench_plan *plan = asker->role->plan;
    struct slot *slot = asker->free;
    int status;

    slot->mark = (struct mark){ at_ns, (uint32_t)asker->role->report->asked, plan->run,
                                (uint8_t)asker->role->part, MARK_TIMED };
    slot->answered = false;
    memcpy(asker->payload, &slot->mark, MARK_SIZE);
    status = broker_call_start(asker->role->b, NULL, plan->subject, asker->payload, plan->size, 0,
                               plan->timeout_ms, on_reply, on_done, slot);
    if (status < 0)
        role_fail(asker->role, status, "cannot ask");
    asker->free = slot->next;
    asker->n_open++;
    asker->role->report->asked++;
}

/* Asks what may be asked now. Returns when to ask again, if not an answer comes
 * first; 0: no more. Paced, a request that finds no room waits, and its latency
 * counts from when it was due. */
static uint64_t ask_due(struct asker *asker)
{
    while (!is_over(asker)) {
        bool paced = asker->role->plan->rate;
        uint64_t now_ns = broker_now_ns();
        uint64_t at_ns = paced ? role_due_ns(asker->role, asker->role->report->asked) : now_ns;

        if (at_ns >= asker->end_ns || now_ns >= asker->end_ns)
            return 0;
        if (at_ns > now_ns)
            return at_ns;
        if (!asker->free)
            return UINT64_MAX;
        ask(asker, at_ns);
    }
    return 0;
}

static void ask_all(struct asker *asker)
{
    for (;;) {
        uint64_t next_ns;
        int status;

        broker_cork(asker->role->b);
        next_ns = ask_due(asker);
        status = broker_uncork(asker->role->b);
        if (status < 0)
            role_fail(asker->role, status, "cannot ask");
        if (next_ns == 0 && asker->n_open == 0)
            return;
        role_wait_until(asker->role, next_ns ? next_ns : UINT64_MAX);
        atomic_store_explicit(&asker->role->report->n, asker->role->report->tally.received,
                              memory_order_relaxed);
    }
}

static void make_slots(struct asker *asker, size_t n)
{
    asker->slots = xrealloc(NULL, n * sizeof *asker->slots);
    for (size_t i = 0; i < n; i++) {
        asker->slots[i] = (struct slot){ .asker = asker, .next = asker->free };
        asker->free = &asker->slots[i];
    }
}

static void run_requester(struct role *role)
{
    const struct bench_plan *plan = role->plan;
    struct asker asker = {
        .role = role,
        .payload = xrealloc(NULL, plan->size),
        .max = plan->count ? role_share(role, plan->count) : UINT64_MAX,
    };

    memset(asker.payload, 0, plan->size);
    make_slots(&asker, (size_t)plan->batch);
    role_connect(role);
    role_ready(role);
    asker.end_ns = role_deadline_ns(role);
    role->report->from_ns = role->board->start_ns;
    ask_all(&asker);
    role_done(role);
    role_leave(role);
    free(asker.slots);
    free(asker.payload);
}

/* ---- the server -------------------------------------------------------------- */

static void on_request(broker_service *service, broker_request *request, void *userdata)
{
    struct role *role = userdata;
    size_t len;
    const void *payload = broker_message_payload(broker_request_message(request), &len);
    int status = broker_reply(request, payload, len, 0);

    (void)service;
    if (status < 0 && status != -BROKER_E_NO_CALL)
        broker_request_drop(request);
    role->report->tally.received++;
}

static void serve(struct role *role)
{
    const struct bench_plan *plan = role->plan;
    broker_service_options *options;
    broker_service *service = NULL;
    int status = broker_service_options_new(&options);

    if (status == 0) {
        broker_service_options_set_max_open(options, (unsigned)(plan->batch * plan->n_senders));
        status = broker_serve(role->b, &service, plan->subject, options, on_request, role);
        broker_service_options_free(options);
    }
    if (status == 0)
        status = broker_flush(role->b, plan->timeout_ms);
    if (status == 0)
        status = broker_service_status(service);
    if (status < 0)
        role_fail(role, status, "cannot serve");
}

static void run_server(struct role *role)
{
    role_connect(role);
    serve(role);
    role_ready(role);
    while (role_phase(role) != BOARD_LEAVES)
        role_wait(role);
    role_done(role);
    role_leave(role);
}

const struct role_kind role_requester = { "requester", ROLE_SENDS, run_requester };
const struct role_kind role_server = { "server", ROLE_SERVES, run_server };
