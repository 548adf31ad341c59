/* brokerctl pub: publish, and know what became of it. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/lines.h"
#include "client/brokerctl/payload.h"
#include "client/brokerctl/session.h"

#include <inttypes.h>

static const struct usage usage = {
    .verb = "pub",
    .operands = "SUBJECT [PAYLOAD]",
    .about = "Publishes PAYLOAD as a msgpack string, and waits until the broker has routed it;\n"
             "a refusal is an exit code. Without a payload the message is empty.",
    .example = "  brokerctl pub log.web 'it works'\n"
               "  brokerctl pub sensor.1 --from-json '{\"celsius\": 21.5}' --confirm\n"
               "  tail -F /var/log/syslog | brokerctl pub log.host --lines",
    .raw = "send the bytes as they are, opaque",
    .raw_beside_json = true,
};

struct pub {
    const char *subject;
    const char *file;
    bool lines, from_json, confirm;
    int timeout_ms;
    struct option_list *headers;
};

static int parse(struct ctl *ctl, struct pub *pub, int argc, char **argv, struct operands *ret)
{
    const struct option_spec specs[] = {
        { "lines", 0, OPTION_FLAG, &pub->lines, NULL, "one message a line of standard input" },
        { "file", 'f', OPTION_TEXT, &pub->file, "FILE",
          "one message, the whole of FILE; - is standard input" },
        { "from-json", 0, OPTION_FLAG, &pub->from_json, NULL,
          "the payload is JSON; send it as msgpack" },
        { "confirm", 0, OPTION_FLAG, &pub->confirm, NULL,
          "print how many subscriptions matched; none: exit 2" },
        { "header", 'H', OPTION_LIST, pub->headers, "K=V", "a header; may be given repeatedly" },
        { "timeout", 't', OPTION_DURATION, &pub->timeout_ms, "TIME",
          "wait so long for the broker's answer (5s; with --lines 1m)" },
    };
    int code = options_parse(ctl, &usage, specs, sizeof specs / sizeof *specs, argc, argv, ret);

    if (code >= 0)
        return code;
    if (ret->n < 1 || ret->n > 2)
        return options_misuse("wants a subject and at most one payload; quote what has spaces");
    if (pub->lines && (ret->n > 1 || pub->file))
        return options_misuse("--lines excludes a payload and --file");
    if (pub->timeout_ms < 0)
        pub->timeout_ms = pub->lines ? 60000 : 5000;
    pub->subject = ret->v[0];
    return -1;
}

static void print_confirmation(const struct ctl *ctl, uint64_t published, uint64_t matched)
{
    _cleanup_text_ struct text line = TEXT_INIT;

    if (ctl->json)
        text_printf(&line, "{\"published\":%" PRIu64 ",\"matched\":%" PRIu64 "}\n", published,
                    matched);
    else
        text_printf(&line, "published %" PRIu64 ", matched %" PRIu64 "\n", published, matched);
    print_out(&line);
}

static int publish_one(struct session *session, const struct pub *pub, const struct text *headers,
                       const struct payload *payload)
{
    const char *headers_data = headers->len ? headers->data : NULL;
    int64_t number;
    int code = payload_check_size(payload, broker_max_payload(session->b));

    if (code)
        return code;
    broker_set_publish_timeout(session->b, pub->timeout_ms);
    number = broker_publish_headers(session->b, pub->subject, headers_data, headers->len,
                                    payload->bytes.data, payload->bytes.len, payload->flags);
    return number < 0 ? session_failure(session, (int)number, "%s", pub->subject) : 0;
}

/* The barrier; then the library tells what it heard of refusals. */
static int confirm(struct session *session, const struct pub *pub, uint64_t *ret_matched)
{
    struct broker_confirmation confirmation;
    int status = broker_confirm(session->b, &confirmation, pub->timeout_ms);

    if (status < 0)
        return session_failure(session, status, "%s was sent, but not confirmed", pub->subject);
    if (confirmation.refused)
        broker_process(session->b);
    if (session->refused)
        return print_failure(broker_status_exit_code(session->refused), "%s: refused: %s",
                             pub->subject, text_string(&session->refusal));
    if (confirmation.refused)
        return print_failure(1, "%s: refused", pub->subject);
    *ret_matched = confirmation.matched;
    return 0;
}

static int run_one(struct ctl *ctl, const struct pub *pub, struct session *session,
                   const struct text *headers, const struct payload *payload)
{
    uint64_t matched = 0;
    int code = session_open(session, ctl, "pub", false);

    if (code == 0)
        code = publish_one(session, pub, headers, payload);
    if (code == 0)
        code = confirm(session, pub, &matched);
    if (code == 0 && pub->confirm) {
        print_confirmation(ctl, 1, matched);
        code = matched ? 0 : EXIT_NEGATIVE;
    }
    return session_close(session, code);
}

static int run_lines(struct ctl *ctl, const struct pub *pub, struct session *session,
                     const struct text *headers, enum payload_form form)
{
    struct lines_result result = { 0 };
    const struct lines_job job = { pub->subject, headers, form, pub->timeout_ms };
    int code = session_open(session, ctl, "pub", false);

    if (code == 0)
        code = lines_publish(session, &job, &result);
    if (code == 0 && pub->confirm) {
        print_confirmation(ctl, result.published, result.matched);
        code = result.matched ? 0 : EXIT_NEGATIVE;
    }
    return session_close(session, code);
}

int verb_pub(struct ctl *ctl, int argc, char **argv)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_payload_ struct payload payload = PAYLOAD_INIT;
    _cleanup_text_ struct text headers = TEXT_INIT;
    _cleanup_list_ struct option_list list = { NULL, 0 };
    struct pub pub = { .timeout_ms = -1, .headers = &list };
    struct operands operands;
    enum payload_form form;
    int code = parse(ctl, &pub, argc, argv, &operands);

    if (code < 0)
        code = payload_form(pub.from_json, ctl->raw, &form);
    if (code >= 0)
        return code;
    code = session_check_subject(pub.subject);
    if (code == 0)
        code = payload_headers(&headers, &list);
    if (code == 0 && !pub.lines)
        code = payload_load(&payload, form, operands.n > 1 ? operands.v[1] : NULL, pub.file);
    if (code)
        return code;
    return pub.lines ? run_lines(ctl, &pub, &session, &headers, form)
                     : run_one(ctl, &pub, &session, &headers, &payload);
}
