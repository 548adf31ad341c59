#include "client/brokerctl/role.h"

#include "client/brokerctl/session.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_MS = 50, /* how long the board may go unseen */
    GATHER_MS = 1,
    GOODBYE_MS = 1000,
};

static uint64_t cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000U + (uint64_t)used.tv_nsec;
}

enum board_phase role_phase(const struct role *role)
{
    return (enum board_phase)atomic_load_explicit(&role->board->phase, memory_order_acquire);
}

/* ---- what goes wrong --------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static void note(struct role *role, int status,
                                                       const char *format, va_list args)
{
    if (role->report->code)
        return;
    vsnprintf(role->report->text, sizeof role->report->text, format, args);
    role->report->code = session_exit_code(status);
}

void role_note(struct role *role, int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    note(role, status, format, args);
    va_end(args);
}

void role_fail(struct role *role, int status, const char *what)
{
    const char *detail = role->b ? broker_error_text(role->b) : "";

    role_note(role, status, "%s: %s", what, *detail ? detail : broker_status_text(status));
    _exit(1);
}

/* ---- the life of a role ------------------------------------------------------- */

static void on_event(broker *b, const struct broker_event *event, void *userdata)
{
    struct role *role = userdata;

    (void)b;
    if (role_phase(role) == BOARD_LEAVES)
        return;
    if (event->kind == BROKER_EVENT_DISCONNECTED) {
        role_note(role, event->status, "the connection ended: %s", event->text);
    } else if (event->kind == BROKER_EVENT_REFUSED) {
        role->report->refused += event->last - event->first + 1;
        role_note(role, event->status, "refused: %s%s%s%s", event->text, event->what ? " (" : "",
                  event->what ? event->what : "", event->what ? ")" : "");
    }
}

void role_connect(struct role *role)
{
    const struct ctl ctl = { .url = role->plan->url };
    int status;

    if (session_handle(&role->b, &ctl, "bench", false))
        _exit(1); /* it was told, and is about memory: the address has proved good */
    broker_set_event_fn(role->b, on_event, role);
    broker_set_publish_timeout(role->b, role->plan->timeout_ms);
    status = broker_connect(role->b, BROKER_DEFAULT);
    if (status < 0)
        role_fail(role, status, "cannot connect");
}

static void sleep_until(uint64_t ns)
{
    const struct timespec until = { (time_t)(ns / 1000000000U), (long)(ns % 1000000000U) };

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

void role_ready(struct role *role)
{
    atomic_store_explicit(&role->report->state, ROLE_READY, memory_order_release);
    while (role_phase(role) == BOARD_GATHERS)
        role_wait_until(role, broker_now_ns() + GATHER_MS * UINT64_C(1000000));
    sleep_until(role->board->start_ns);
    role->cpu_before_ns = cpu_ns();
}

void role_done(struct role *role)
{
    role->report->cpu_ns = cpu_ns() - role->cpu_before_ns;
    atomic_store_explicit(&role->report->state, ROLE_DONE, memory_order_release);
    while (role_phase(role) != BOARD_LEAVES)
        sleep_until(broker_now_ns() + GATHER_MS * UINT64_C(1000000));
}

void role_leave(struct role *role)
{
    broker_close(role->b, GOODBYE_MS);
    role->b = broker_free(role->b);
}

/* ---- waiting --------------------------------------------------------------------- */

/* Nanoseconds until the earliest of `until_ns`, what the library wants and the next look. */
static struct timespec left_until(const broker *b, uint64_t until_ns)
{
    uint64_t deadline_ns = broker_deadline_ns(b), now = broker_now_ns(), left;

    if (deadline_ns > until_ns)
        deadline_ns = until_ns;
    left = deadline_ns > now ? deadline_ns - now : 0;
    if (left > LOOK_MS * UINT64_C(1000000))
        left = LOOK_MS * UINT64_C(1000000);
    return (struct timespec){ .tv_nsec = (long)left };
}

void role_wait_until(struct role *role, uint64_t until_ns)
{
    struct timespec left = left_until(role->b, until_ns);
    struct pollfd fd = { broker_fd(role->b), broker_events(role->b), 0 };
    int n = ppoll(&fd, 1, &left, NULL), status;

    /* To the nanosecond, where broker_wait has milliseconds. */
    if (n == 0 && broker_deadline_ns(role->b) > broker_now_ns())
        return;
    status = broker_process(role->b);
    if (status < 0)
        role_fail(role, status, "the connection ended");
}

void role_wait(struct role *role)
{
    role_wait_until(role, UINT64_MAX);
}

/* ---- who sends what, and when ----------------------------------------------------- */

uint64_t role_share(const struct role *role, uint64_t total)
{
    uint64_t n = role->plan->n_senders;

    return total / n + (role->part < total % n);
}

uint64_t role_due_ns(const struct role *role, uint64_t i)
{
    const struct bench_plan *plan = role->plan;
    uint64_t turn = i * plan->n_senders + role->part;

    return role->board->start_ns + turn / plan->rate * 1000000000U +
           turn % plan->rate * 1000000000U / plan->rate;
}

uint64_t role_deadline_ns(const struct role *role)
{
    if (role->plan->duration_ms < 0)
        return UINT64_MAX;
    return role->board->start_ns + (uint64_t)role->plan->duration_ms * 1000000U;
}
