/* brokerctl req: ask whoever serves a subject. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/payload.h"
#include "client/brokerctl/session.h"

#include <inttypes.h>
#include <string.h>

enum {
    MAX_TIMEOUT_MS = 3600 * 1000, /* the broker's own */
    /* How long after its deadline a broker may stay silent: it keeps the time,
     * and this only catches one that is stopped. */
    GRACE_MS = 2000,
};

static const struct usage usage = {
    .verb = "req",
    .operands = "SUBJECT [PAYLOAD]",
    .about = "Asks one server of SUBJECT, or with --all every one, and prints each part of the\n"
             "answer on a line. An error reply goes to standard error, with exit code 1; that\n"
             "nobody serves the subject is exit code 2, and told at once. With --all a summary\n"
             "follows on standard error, with --json as the last line.",
    .example = "  brokerctl req host.info --timeout 1s\n"
               "  brokerctl req 'cluster.health' --all --json",
    .raw = "send the bytes as they are, opaque, and print payloads as they are",
};

struct req {
    const struct ctl *ctl;
    struct session *session;
    const char *subject, *file, *timeout;
    bool all, from_json;
    int timeout_ms;
    struct option_list *headers;
    bool done;
    int code;
    struct text line;
};

static int parse(struct ctl *ctl, struct req *req, int argc, char **argv, struct operands *ret)
{
    const struct option_spec specs[] = {
        { "timeout", 't', OPTION_TEXT, &req->timeout, "TIME",
          "the deadline, up to 1h (5s)" },
        { "all", 'a', OPTION_FLAG, &req->all, NULL, "a survey: ask every server" },
        { "file", 'f', OPTION_TEXT, &req->file, "FILE",
          "the request is the whole of FILE; - is standard input" },
        { "from-json", 0, OPTION_FLAG, &req->from_json, NULL,
          "the payload is JSON; send it as msgpack" },
        { "header", 'H', OPTION_LIST, req->headers, "K=V", "a header; may be given repeatedly" },
    };
    int code = options_parse(ctl, &usage, specs, sizeof specs / sizeof *specs, argc, argv, ret);

    if (code >= 0)
        return code;
    if (ret->n < 1 || ret->n > 2)
        return options_misuse("wants a subject and at most one payload; quote what has spaces");
    if (req->timeout && (!parse_duration(req->timeout, &req->timeout_ms) || req->timeout_ms < 1 ||
                         req->timeout_ms > MAX_TIMEOUT_MS))
        return options_misuse("--timeout %s: wants a time from 1ms to 1h", req->timeout);
    req->subject = ret->v[0];
    return -1;
}

/* ---- printing ------------------------------------------------------------------- */

static void add_json(struct req *req, const broker_message *part)
{
    text_char(&req->line, '{');
    payload_show_message(&req->line, req->ctl, part);
    text_printf(&req->line, ",\"sender\":%" PRIu64 ",\"error\":%" PRIu32 ",\"more\":%s",
                broker_message_sender(part), broker_message_status(part),
                broker_message_flags(part) & BROKER_MORE ? "true" : "false");
    payload_show_headers(&req->line, part);
    text_char(&req->line, '}');
}

static void tell_error_reply(struct req *req, const broker_message *part)
{
    size_t len, raw_len;
    const void *data = broker_message_payload(part, &len);
    const char *raw;

    text_clear(&req->line);
    payload_raw(data, len, broker_message_flags(part), &raw, &raw_len);
    if (raw_len) { /* an empty string says nothing */
        text_puts(&req->line, ": ");
        payload_show(&req->line, data, len, broker_message_flags(part));
    }
    print_note("%s: server %" PRIu64 " answered with error %" PRIu32 "%s", req->subject,
               broker_message_sender(part), broker_message_status(part), text_string(&req->line));
}

static void on_part(broker_call *call, const broker_message *part, void *userdata)
{
    struct req *req = userdata;

    (void)call;
    if (!req->ctl->json && broker_message_status(part)) {
        tell_error_reply(req, part);
        return;
    }
    text_clear(&req->line);
    if (req->ctl->json)
        add_json(req, part);
    else if (req->all && !req->ctl->raw)
        text_printf(&req->line, "%" PRIu64 " ", broker_message_sender(part));
    if (!req->ctl->json)
        payload_show_message(&req->line, req->ctl, part);
    text_char(&req->line, '\n');
    print_out(&req->line);
}

/* ---- the end ---------------------------------------------------------------------- */

static void survey_json(struct req *req, const struct broker_result *r)
{
    text_clear(&req->line);
    text_printf(&req->line,
                "{\"survey\":{\"status\":\"%s\",\"asked\":%" PRIu64 ",\"answered\":%" PRIu64
                ",\"refused\":%" PRIu64 ",\"gone\":%" PRIu64 ",\"timed-out\":%" PRIu64
                ",\"cancelled\":%" PRIu64 "}}\n",
                broker_status_name(r->status), r->asked, r->answered, r->refused, r->gone,
                r->timed_out, r->cancelled);
    print_out(&req->line);
}

static void survey_text(const struct req *req, const struct broker_result *r)
{
    print_note("%s: asked %" PRIu64 ", answered %" PRIu64 ", refused %" PRIu64 ", gone %" PRIu64
               ", timed out %" PRIu64 ", cancelled %" PRIu64,
               req->subject, r->asked, r->answered, r->refused, r->gone, r->timed_out,
               r->cancelled);
}

/* A survey does well if somebody answered: its counts say what else there is. */
static int survey_code(const struct broker_result *r)
{
    if (r->answered)
        return 0;
    if (r->status)
        return broker_status_exit_code(r->status);
    return r->asked == 0 ? EXIT_NEGATIVE : r->timed_out ? EXIT_TIMEOUT : 1;
}

/* The request went, or did not, and then the connection was lost. */
static bool tell_lost(const struct req *req, int status)
{
    if (status == -BROKER_E_NOT_SENT)
        print_note("%s: the broker went away before it had the request", req->subject);
    else if (status == -BROKER_E_UNKNOWN_FATE || status == -BROKER_E_CLOSED)
        print_note("%s: the broker went away before the answer came; the request may have been "
                   "served",
                   req->subject);
    else
        return false;
    return true;
}

static void tell_result(const struct req *req, const struct broker_result *r)
{
    const char *queue = r->status != -BROKER_E_SERVER_GONE ? ""
                        : r->left_queue ? "; it may have seen the request"
                                        : "; it had not been handed the request";

    if (tell_lost(req, r->status))
        return;
    print_note("%s: %s%s%s%s%s", req->subject, r->text, r->what ? " (" : "",
               r->what ? r->what : "", r->what ? ")" : "", queue);
}

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    struct req *req = userdata;

    (void)call;
    req->done = true;
    if (req->all && result->asked) {
        if (req->ctl->json)
            survey_json(req, result);
        else
            survey_text(req, result);
        req->code = survey_code(result);
        return;
    }
    req->code = session_exit_code(result->status);
    if (result->status && result->status != -BROKER_E_FAILED) /* that was told with the reply */
        tell_result(req, result);
}

static int wait_done(struct req *req)
{
    uint64_t deadline_ms = session_now_ms() + (uint64_t)req->timeout_ms + GRACE_MS;
    struct pollfd fds[SESSION_FDS];

    while (!req->done && !session_over()) {
        uint64_t now_ms = session_now_ms();
        int status;

        if (now_ms >= deadline_ms)
            return print_failure(EXIT_TIMEOUT, "%s: the broker itself does not answer",
                                 req->subject);
        status = session_wait(req->session, fds, SESSION_FDS, (int)(deadline_ms - now_ms));
        print_flush();
        if (status < 0 && !req->done)
            return session_failure(req->session, status, "%s", req->subject);
    }
    return req->code;
}

static int ask(struct req *req, const struct text *headers, const struct payload *payload)
{
    unsigned flags = payload->flags | (req->all ? BROKER_SURVEY : 0U);
    int status, code = payload_check_size(payload, broker_max_payload(req->session->b));

    if (code)
        return code;
    status = broker_call_start_headers(req->session->b, NULL, req->subject,
                                              headers->len ? headers->data : NULL, headers->len,
                                              payload->bytes.data, payload->bytes.len, flags,
                                              req->timeout_ms, on_part, on_done, req);

    if (status < 0)
        return session_failure(req->session, status, "%s", req->subject);
    return wait_done(req);
}

int verb_req(struct ctl *ctl, int argc, char **argv)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_payload_ struct payload payload = PAYLOAD_INIT;
    _cleanup_text_ struct text headers = TEXT_INIT;
    _cleanup_list_ struct option_list list = { NULL, 0 };
    struct req req = { .ctl = ctl, .session = &session, .timeout_ms = 5000, .headers = &list };
    struct operands operands;
    enum payload_form form;
    int code = parse(ctl, &req, argc, argv, &operands);

    if (code < 0)
        code = payload_form(req.from_json, ctl->raw, &form);
    if (code >= 0)
        return code;
    code = session_check_subject(req.subject);
    if (code == 0)
        code = payload_headers(&headers, &list);
    if (code == 0)
        code = payload_load(&payload, form, operands.n > 1 ? operands.v[1] : NULL, req.file);
    if (code == 0)
        code = session_open(&session, ctl, "req", false);
    if (code == 0)
        code = ask(&req, &headers, &payload);
    text_deinit(&req.line);
    return session_close(&session, code);
}
