#include "tests/live/wire_library.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <brokerclient.h>

#include "tests/kit/runner.h"
#include "tests/live/wire_trace.h"

enum { PATIENCE_MS = 20000, N_SUBSCRIPTIONS = 5 };

static struct wire_report report;
static size_t trace_len;
static bool connected;

/* Subscriptions 1, 2, 3, 5 and 6, and service 4; the numbers are those of the cases. */
static broker_subscription *subscriptions[7];
static int numbers[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* -- writing down ---------------------------------------------------------------------------- */

static void item(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void item(const char *format, ...)
{
    size_t room = sizeof report.trace - trace_len;
    va_list args;

    if (room < 2048)
        return; /* the trace is wrong anyhow */
    if (trace_len > 0)
        trace_len += (size_t)snprintf(report.trace + trace_len, room, "; ");
    va_start(args, format);
    trace_len += (size_t)vsnprintf(report.trace + trace_len, room - 2, format, args);
    va_end(args);
}

/* Positive, of a negative one too; a number where it has no name. */
static const char *status_text(int status)
{
    static char number[16];
    const char *name = broker_status_name(status);

    if (strcmp(name, broker_status_name(65534)) != 0)
        return name;
    snprintf(number, sizeof number, "%d", status < 0 ? -status : status);
    return number;
}

/* What the library hands out as a sentence is one, and harms no terminal. */
static void check_sentence(const char *text)
{
    for (const char *p = text; p && *p; p++) {
        if ((uint8_t)*p < 0x20 || *p == 0x7f)
            item("a control character in a sentence");
    }
    if (text && strlen(text) > 1000)
        item("a sentence of %zu bytes", strlen(text));
}

/* `about` is its subject, or of a reply its status. */
static void write_message(const char *what, int number, const broker_message *m, const char *about)
{
    struct broker_credentials who;
    size_t headers_len, payload_len;
    const uint8_t *headers = broker_message_headers(m, &headers_len);
    const uint8_t *payload = broker_message_payload(m, &payload_len);
    unsigned flags = broker_message_flags(m);
    unsigned bits = (flags & BROKER_MSGPACK ? 2u : 0u) | (flags & BROKER_MORE ? 1u : 0u);
    uint32_t digest = wire_digest_more(WIRE_DIGEST_START, headers, headers_len);

    digest = wire_digest_more(digest, payload, payload_len);
    item("%s %d %u %" PRIu64 " %s %zu %zu %08x", what, number, bits, broker_message_sender(m),
         about, headers_len, payload_len, digest);
    if (broker_message_credentials(m, &who) == 0)
        trace_len += (size_t)snprintf(report.trace + trace_len, sizeof report.trace - trace_len,
                                      " of %u %u %d %zu", who.uid, who.gid, who.pid, who.n_groups);
}

static void write_with_subject(const char *what, int number, const broker_message *m)
{
    char subject[1024];
    size_t len;
    const char *text = broker_message_subject(m, &len);

    wire_escape(subject, sizeof subject, text, len);
    write_message(what, number, m, subject);
}

/* -- callbacks ------------------------------------------------------------------------------- */

static void on_event(broker *b, const struct broker_event *event, void *data)
{
    (void)data;
    check_sentence(event->text);
    check_sentence(event->what);
    switch (event->kind) {
    case BROKER_EVENT_CONNECTED:
        connected = true;
        check_sentence(broker_server_version(b));
        item("connected %" PRIu64 " %zu", broker_id(b), broker_max_payload(b));
        break;
    case BROKER_EVENT_DISCONNECTED:
        item("%s %s", connected ? "closed" : "refused", status_text(event->status));
        break;
    case BROKER_EVENT_REFUSED:
        item("refused-messages %" PRIu64 "-%" PRIu64 " %s", event->first, event->last,
             status_text(event->status));
        break;
    case BROKER_EVENT_NOT_SENT:
        item("not-sent %" PRIu64 "-%" PRIu64, event->first, event->last);
        break;
    case BROKER_EVENT_UNKNOWN:
        item("unknown %" PRIu64 "-%" PRIu64, event->first, event->last);
        break;
    case BROKER_EVENT_CLOSED:
        break;
    }
}

static void on_message(broker_subscription *sub, const broker_message *m, void *data)
{
    (void)sub;
    write_with_subject("message", *(int *)data, m);
}

static void write_notice(int number, const struct broker_notice *notice)
{
    check_sentence(notice->text);
    check_sentence(notice->what);
    switch (notice->kind) {
    case BROKER_NOTICE_ACTIVE:
        item("active %d", number);
        break;
    case BROKER_NOTICE_GAP:
        item("gap %d %" PRIu64, number, notice->count);
        break;
    case BROKER_NOTICE_REFUSED:
        item("not-active %d %s", number, status_text(notice->status));
        break;
    case BROKER_NOTICE_ENDED:
        item("ended %d %s", number, status_text(notice->status));
        break;
    }
}

static void on_notice(broker_subscription *sub, const struct broker_notice *notice, void *data)
{
    (void)sub;
    write_notice(*(int *)data, notice);
}

static void on_service_notice(broker_service *service, const struct broker_notice *notice,
                              void *data)
{
    (void)service;
    write_notice(*(int *)data, notice);
}

static void on_cancel(broker_request *request, int status, void *data)
{
    (void)request;
    (void)data;
    item("cancel %s", status_text(status));
}

/* Requests are never answered, and freed with the handle. */
static void on_request(broker_service *service, broker_request *request, void *data)
{
    (void)service;
    write_with_subject("request", *(int *)data, broker_request_message(request));
    broker_request_set_cancel_fn(request, on_cancel, NULL);
}

static void on_reply(broker_call *call, const broker_message *m, void *data)
{
    char status[16];

    (void)call;
    snprintf(status, sizeof status, "%u", broker_message_status(m));
    write_message("reply", *(int *)data, m, status);
}

static void on_done(broker_call *call, const struct broker_result *r, void *data)
{
    (void)call;
    check_sentence(r->text);
    check_sentence(r->what);
    item("done %d %s %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
         *(int *)data, status_text(r->status), r->left_queue, r->asked, r->answered, r->refused,
         r->gone, r->timed_out, r->cancelled);
}

static void on_confirmed(broker *b, int status, const struct broker_confirmation *c, void *data)
{
    (void)b;
    (void)data;
    if (status < 0)
        item("confirmed %s", status_text(status));
    else
        item("confirmed %" PRIu64 " %" PRIu64 " %" PRIu64, c->last, c->matched, c->refused);
}

/* -- what is open ---------------------------------------------------------------------------- */

/* Before it connects. Nothing that the broker does can make these fail. */
static void open_registrations(broker *b)
{
    broker_sub_options *two = NULL;
    broker_service *service = NULL;

    broker_sub_options_new(&two);
    broker_sub_options_set_after(two, 2);
    for (int sid = 1; sid <= 6; sid++) {
        if (sid == 4) {
            broker_serve(b, &service, "s.>", NULL, on_request, &numbers[4]);
            broker_service_set_notice_fn(service, on_service_notice, &numbers[4]);
            continue;
        }
        broker_subscribe(b, &subscriptions[sid], "a.>", sid == 2 ? two : NULL, on_message,
                         &numbers[sid]);
        broker_subscription_set_notice_fn(subscriptions[sid], on_notice, &numbers[sid]);
    }
    broker_sub_options_free(two);
}

static void open_the_rest(broker *b)
{
    for (int i = 0; i < 3; i++)
        broker_publish(b, "a", "x", 1, 0);
    broker_call_start(b, NULL, "a", "x", 1, 0, PATIENCE_MS, on_reply, on_done, &numbers[1]);
    broker_call_start(b, NULL, "a", "x", 1, BROKER_SURVEY, PATIENCE_MS, on_reply, on_done,
                      &numbers[2]);
    broker_confirm_async(b, on_confirmed, NULL);
    broker_subscription_free(subscriptions[5]);
    broker_flush(b, 0); /* PING; its PONG is not waited for */
}

static broker *new_handle(const char *url)
{
    broker_options *options = NULL;
    broker *b = NULL;

    if (broker_options_new(&options) < 0 || broker_options_set_url(options, url) < 0)
        exit(2);
    broker_options_set_reconnect(options, 0);
    if (broker_new(&b, options) < 0)
        exit(2);
    broker_options_free(options);
    return b;
}

static void meet(const char *url, char state, int control)
{
    const char ready = WIRE_CONNECTED;
    broker *b = new_handle(url);

    broker_set_event_fn(b, on_event, NULL);
    if (state == WIRE_BUSY)
        open_registrations(b);
    while (!connected && broker_wait(b, PATIENCE_MS) >= 0)
        ;
    if (connected && state != WIRE_GREETING) {
        if (state == WIRE_BUSY)
            open_the_rest(b);
        (void)!send(control, &ready, 1, MSG_NOSIGNAL);
    }
    while (broker_wait(b, PATIENCE_MS) >= 0)
        ;
    broker_free(b);
}

int wire_library_main(const char *url, int control)
{
    broker *witness = new_handle(url);
    char state;

    mallopt(M_PERTURB, 0); /* what is only allocated is not to be touched: the peak is looked at */
    if (broker_connect(witness, PATIENCE_MS) < 0)
        return 3;
    while (recv(control, &state, 1, 0) == 1) {
        memset(&report, 0, sizeof report);
        trace_len = 0;
        connected = false;
        meet(url, state, control);
        if (broker_flush(witness, PATIENCE_MS) < 0)
            item("the witness: %s", broker_error_text(witness));
        report.n_fds = kit_count_fds(0);
        report.memory = mallinfo2().uordblks;
        if (send(control, &report, sizeof report, MSG_NOSIGNAL) < 0)
            return 4;
    }
    broker_free(witness);
    return 0;
}
