#include "tests/fault/cast.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETTLE_MS = 10000, QUIET_MS = 3, STATUS_LAST = BROKER_E_SYSTEM };

/* -- the program's own calls ------------------------------------------------------------------- */

static const char *about_play = "";
static const char *about_wish = "";

void own_begin(void)
{
    plan->in_main = 0;
}

void own_end(void)
{
    plan->in_main = 1;
}

void wrong_about(const char *play, const char *wish)
{
    about_play = play;
    about_wish = wish;
}

_Noreturn void wrong(const char *format, ...)
{
    va_list list;

    own_begin();
    fprintf(stderr, "%s; %s: ", about_play, about_wish);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

int cast_answer(const char *of, int64_t status)
{
    if (status < -STATUS_LAST ||
        (status < 0 && strcmp(broker_status_name((int)status), "UNKNOWN") == 0))
        wrong("%s returned %lld, which is no status", of, (long long)status);
    return (int)status;
}

/* -- driving --------------------------------------------------------------------------------- */

/* At most until one of them has something to do. Returns the callbacks that ran. */
static int turn(struct cast *cast, int timeout_ms)
{
    broker *both[2] = { cast->a, cast->b };
    struct pollfd fds[2];
    int n = 0;

    own_begin();
    for (int i = 0; i < 2; i++) {
        fds[i] = (struct pollfd){ .fd = both[i] ? broker_fd(both[i]) : -1 };
        fds[i].events = both[i] ? broker_events(both[i]) : 0;
    }
    (void)poll(fds, 2, timeout_ms);
    own_end();
    for (int i = 0; i < 2; i++) {
        int r = both[i] ? cast_answer("broker_process", broker_process(both[i])) : 0;
        n += r > 0 ? r : 0;
    }
    return n;
}

static uint64_t now_ms(void)
{
    return broker_now_ns() / 1000000;
}

void cast_run(struct cast *cast, int ms)
{
    uint64_t end = now_ms() + (uint64_t)ms;

    do
        turn(cast, 1);
    while (now_ms() < end);
}

static bool has_open_calls(const struct cast *cast)
{
    for (int i = 0; i < cast->n_calls; i++) {
        if (cast->call[i])
            return true;
    }
    return cast->n_confirms > 0;
}

bool cast_settle(struct cast *cast)
{
    uint64_t end = now_ms() + SETTLE_MS, quiet_since = now_ms();

    while (has_open_calls(cast) || now_ms() < quiet_since + QUIET_MS) {
        if (now_ms() > end)
            return false;
        if (turn(cast, 1) > 0)
            quiet_since = now_ms();
    }
    return true;
}

/* -- the whole ------------------------------------------------------------------------------- */

static broker *make(struct cast *cast, const char *url, const char *name, broker_event_fn fn)
{
    broker_options *options = NULL;
    broker *b = NULL;

    if (cast_answer("broker_options_new", broker_options_new(&options)) < 0)
        return NULL;
    bool told = cast_answer("broker_options_set_url", broker_options_set_url(options, url)) == 0;
    cast_answer("broker_options_set_name", broker_options_set_name(options, name));
    if (!told || cast_answer("broker_new", broker_new(&b, options)) < 0)
        b = NULL;
    broker_options_free(options);
    if (!b)
        return NULL;
    broker_set_event_fn(b, fn, cast);
    broker_set_publish_timeout(b, 300);
    int r = cast_answer("broker_connect", broker_connect(b, 2000));
    if (r < 0 && !*broker_error_text(b))
        wrong("broker_connect failed without a sentence (%s)", broker_status_name(r));
    return b;
}

void cast_begin(struct cast *cast, const char *url)
{
    memset(cast, 0, sizeof *cast);
    cast->last = -1;
    cast->a = make(cast, url, "a", cast_on_event_a);
    cast->b = make(cast, url, "b", cast_on_event_b);
}

static void expect_back(struct cast *cast, broker *b, bool is_closed, const char *who)
{
    uint64_t end = now_ms() + SETTLE_MS;

    if (!b || is_closed)
        return;
    while (broker_flush(b, 1000) < 0) {
        if (now_ms() > end)
            wrong("client %s does not come back: %s", who, broker_error_text(b));
        cast_run(cast, 5);
    }
}

static void check_messages(const struct cast *cast)
{
    uint64_t n_taken = 0, n_arrived = 0, n_unknown = 0;

    for (int i = 0; i < cast->n_messages; i++) {
        if (cast->arrived[i] && cast->fate[i] != FATE_TAKEN && cast->fate[i] != FATE_UNKNOWN)
            wrong("message %d arrived, though it was %s", i,
                  cast->fate[i] == FATE_NOT_SENT ? "reported as not sent" : "refused");
        n_taken += cast->fate[i] == FATE_TAKEN;
        n_unknown += cast->fate[i] == FATE_UNKNOWN;
        n_arrived += cast->arrived[i];
    }
    bool exact =
        cast->hears_all && !cast->lost_unknown && cast->n_lost_b == 0 && !cast->is_closed_b;
    if (exact &&
        (n_arrived + cast->n_lost < n_taken || n_arrived + cast->n_lost > n_taken + n_unknown))
        wrong("%llu messages arrived and %llu were announced as lost, of %llu (and %llu unknown)",
              (unsigned long long)n_arrived, (unsigned long long)cast->n_lost,
              (unsigned long long)n_taken, (unsigned long long)n_unknown);
}

void cast_check(struct cast *cast)
{
    expect_back(cast, cast->a, cast->is_closed_a, "a");
    expect_back(cast, cast->b, cast->is_closed_b, "b");
    if (!cast_settle(cast))
        wrong("a call has no end");
    if (cast->b && !cast->is_closed_b)
        expect_back(cast, cast->b, false, "b"); /* what is on its way has come */
    if (!cast_settle(cast))
        wrong("a call has no end");
    check_messages(cast);
    for (int i = 0; i < cast->n_calls; i++) {
        if (cast->n_told[i] > 1)
            wrong("call %d ended %d times", i, cast->n_told[i]);
    }
    if (cast->n_confirms != 0)
        wrong("%d confirmations too many", -cast->n_confirms);
}

void cast_end(struct cast *cast)
{
    cast->a = broker_free(cast->a);
    cast->b = broker_free(cast->b);
}
