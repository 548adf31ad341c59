#include "client/brokerctl/session.h"

#include "client/brokerctl/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void on_refused(struct session *session, const struct broker_event *event)
{
    if (session->refused)
        return;
    session->refused = event->status;
    session->refused_first = event->first;
    session->refused_last = event->last;
    text_puts(&session->refusal, event->text);
    if (event->what)
        text_printf(&session->refusal, " (%s)", event->what);
}

/* What never left and what may have arrived are one stretch: neither is known
 * to have been routed. */
static void on_unknown(struct session *session, const struct broker_event *event)
{
    if (!session->unknown_first || event->first < session->unknown_first)
        session->unknown_first = event->first;
    if (event->last > session->unknown_last)
        session->unknown_last = event->last;
}

static void on_disconnected(struct session *session, const struct broker_event *event)
{
    text_clear(&session->loss);
    text_puts(&session->loss, event->text);
    if (session->lost || !session->reconnects)
        return;
    session->lost = true;
    print_note("lost the broker: %s; trying to come back", event->text);
}

static void on_event(broker *b, const struct broker_event *event, void *userdata)
{
    struct session *session = userdata;

    switch (event->kind) {
    case BROKER_EVENT_CONNECTED:
        if (session->lost)
            print_note("back with the broker at %s", broker_url(b));
        session->lost = false;
        break;
    case BROKER_EVENT_DISCONNECTED:
        on_disconnected(session, event);
        break;
    case BROKER_EVENT_REFUSED:
        on_refused(session, event);
        break;
    case BROKER_EVENT_NOT_SENT:
    case BROKER_EVENT_UNKNOWN:
        on_unknown(session, event);
        break;
    case BROKER_EVENT_CLOSED:
        session->closed = event->status ? event->status : -BROKER_E_CLOSED;
        if (!session->loss.len)
            text_puts(&session->loss, event->text);
        break;
    }
}

int session_handle(broker **ret, const struct ctl *ctl, const char *verb, bool reconnects)
{
    broker_options *options = NULL;
    char name[32];
    int status = broker_options_new(&options);

    snprintf(name, sizeof name, "brokerctl %s", verb);
    if (status == 0)
        status = broker_options_set_name(options, name);
    if (status == 0)
        status = broker_options_set_reconnect(options, reconnects);
    if (status == 0 && ctl->scope)
        status = broker_options_set_scope(options, ctl->scope);
    if (status == 0 && ctl->url)
        status = broker_options_set_url(options, ctl->url);
    if (status == -BROKER_E_BAD_ADDRESS)
        print_note("--url %s: %s; it reads unix:/path or unix:@name", ctl->url,
                   broker_status_text(status));
    else if (status == 0)
        status = broker_new(ret, options);
    if (status < 0 && status != -BROKER_E_BAD_ADDRESS)
        print_note("cannot set up: %s", broker_status_text(status));
    broker_options_free(options);
    return status < 0 ? broker_status_exit_code(status) : 0;
}

int session_open(struct session *session, const struct ctl *ctl, const char *verb, bool reconnects)
{
    int code, status;

    session->reconnects = reconnects;
    code = session_handle(&session->b, ctl, verb, reconnects);
    if (code)
        return code;
    broker_set_event_fn(session->b, on_event, session);
    status = broker_connect(session->b, BROKER_DEFAULT);
    return status < 0 ? session_failure(session, status, "cannot connect") : 0;
}

void session_deinit(struct session *session)
{
    session->b = broker_free(session->b);
    text_deinit(&session->refusal);
    text_deinit(&session->loss);
}

/* ---- waiting -------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t session_now_ms(void)
{
    return now_ns() / 1000000;
}

/* Rounded up: waking early would only mean waking twice. */
static int until_deadline(uint64_t deadline_ns, int timeout_ms)
{
    uint64_t now, ms;

    if (deadline_ns == UINT64_MAX)
        return timeout_ms;
    now = now_ns();
    ms = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;
    if (ms > INT_MAX)
        ms = INT_MAX;
    return timeout_ms >= 0 && (uint64_t)timeout_ms < ms ? timeout_ms : (int)ms;
}

int session_wait(struct session *session, struct pollfd *fds, size_t n, int timeout_ms)
{
    broker *b = session->b;
    int status;

    fds[0] = (struct pollfd){ signals_fd(), POLLIN, 0 };
    fds[1] = (struct pollfd){ broker_fd(b), broker_events(b), 0 };
    fds[2] = (struct pollfd){ STDOUT_FILENO, 0, 0 };
    if (poll(fds, n, until_deadline(broker_deadline_ns(b), timeout_ms)) < 0)
        for (size_t i = 0; i < n; i++)
            fds[i].revents = 0;
    if (fds[2].revents & (POLLERR | POLLHUP))
        print_hung_up(); /* the reader left, and no message came to notice it by */
    status = broker_process(b);
    if (status >= 0)
        return 0;
    return session->closed ? session->closed : status;
}

bool session_over(void)
{
    return signals_stopping() || print_gone();
}

int session_close(struct session *session, int exit_code)
{
    enum { GOODBYE_MS = 1000 };

    if (session->b && broker_is_connected(session->b))
        broker_close(session->b, GOODBYE_MS);
    return print_end(exit_code);
}

/* ---- saying what went wrong ------------------------------------------------ */

/* Of a connection that ended the library's last sentence is that it has ended;
 * the event said why. */
static const char *detail_of(struct session *session, int status)
{
    const char *detail = session->b ? broker_error_text(session->b) : "";

    if (session->b && !broker_is_connected(session->b) && session->loss.len)
        return text_string(&session->loss);
    return *detail ? detail : broker_status_text(status);
}

int session_exit_code(int status)
{
    switch (-status) {
    case BROKER_E_CLOSED:
    case BROKER_E_NOT_SENT:
    case BROKER_E_UNKNOWN_FATE:
        return EXIT_UNREACHABLE;
    default:
        return broker_status_exit_code(status);
    }
}

int session_failure(struct session *session, int status, const char *format, ...)
{
    char *what = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&what, format, args) < 0)
        what = NULL;
    va_end(args);
    print_note("%s: %s", what ? what : "failed", detail_of(session, status));
    free(what);
    return session_exit_code(status);
}

int session_check_subject(const char *subject)
{
    const char *why;
    size_t at;

    if (broker_subject_check(subject, &at, &why) == 0)
        return 0;
    return print_failure(EXIT_DATA, "subject '%s' is wrong at byte %zu: %s", subject, at + 1, why);
}

/* 'log*' is a good pattern, and hardly what was meant. */
static void note_plain_star(const char *pattern)
{
    for (const char *token = pattern; *token;) {
        size_t len = strcspn(token, ".");

        if (len > 1 && memchr(token, '*', len)) {
            print_note("note: in '%s' the * is a plain character: it stands for any token only as "
                       "a whole token",
                       pattern);
            return;
        }
        token += len + (token[len] == '.');
    }
}

int session_check_pattern(const char *pattern)
{
    const char *why;
    size_t at;

    if (broker_pattern_check(pattern, &at, &why) < 0)
        return print_failure(EXIT_DATA, "pattern '%s' is wrong at byte %zu: %s", pattern, at + 1,
                             why);
    note_plain_star(pattern);
    return 0;
}
