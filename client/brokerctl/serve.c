/* brokerctl serve: answer requests with a command, or with themselves. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/jobs.h"
#include "client/brokerctl/session.h"
#include "client/brokerctl/signals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_JOBS = 256,
    OPEN_PER_JOB = 16, /* requests that may wait here for each command that may run */
};

static const struct usage usage = {
    .verb = "serve",
    .operands = "PATTERN",
    .about = "Answers requests whose subject matches. COMMAND is run once a request: the\n"
             "request on its standard input, the reply from its standard output without a\n"
             "last newline. It gets a string as text, other msgpack as JSON, and\n"
             "BROKER_SUBJECT, BROKER_SENDER, BROKER_UID, BROKER_GID and BROKER_PID in its\n"
             "environment. A non-zero exit is an error reply with that number. Ends at\n"
             "Ctrl-C with exit code 0; comes back when the broker does.",
    .example = "  brokerctl serve host.info -- uname -a\n"
               "  brokerctl serve 'echo.>' --echo\n"
               "  brokerctl serve sum.sha256 --raw --jobs 2 -- sha256sum",
    .raw = "the command reads and prints payloads as they are",
    .raw_beside_json = true,
};

struct serve {
    const struct ctl *ctl;
    struct session *session;
    const char *pattern;
    char **command; /* NULL with --echo */
    bool echo, from_json, verbose;
    uint64_t count, n_jobs, taken;
    broker_service *service;
    int failed; /* exit code, once it cannot go on */
    struct jobs jobs;
};

static int parse_operands(struct serve *serve, const struct operands *operands)
{
    if (operands->n < 1)
        return options_misuse("wants a pattern, such as 'host.*'");
    if (operands->n > 1)
        return options_misuse("'%s': the command goes behind --", operands->v[1]);
    if (serve->echo == (serve->command != NULL))
        return options_misuse("wants either --echo or a command behind --");
    if (serve->n_jobs > MAX_JOBS)
        return options_misuse("--jobs: at most %d", MAX_JOBS);
    serve->pattern = operands->v[0];
    return -1;
}

static int parse(struct ctl *ctl, struct serve *serve, int argc, char **argv)
{
    const struct option_spec specs[] = {
        { "echo", 0, OPTION_FLAG, &serve->echo, NULL, "answer with the request itself" },
        { "jobs", 'j', OPTION_COUNT, &serve->n_jobs, "N", "run so many commands at a time (4)" },
        { "count", 'n', OPTION_COUNT, &serve->count, "N", "end after N requests" },
        { "from-json", 0, OPTION_FLAG, &serve->from_json, NULL,
          "the command prints JSON; reply with it as msgpack" },
        { "verbose", 'v', OPTION_FLAG, &serve->verbose, NULL,
          "say on standard error when it is in force, and each answer" },
    };
    struct operands operands;
    int code, dashes = 1;

    while (dashes < argc && strcmp(argv[dashes], "--"))
        dashes++;
    if (dashes + 1 < argc)
        serve->command = argv + dashes + 1;
    code = options_parse(ctl, &usage, specs, sizeof specs / sizeof *specs, dashes, argv, &operands);
    return code >= 0 ? code : parse_operands(serve, &operands);
}

/* ---- answers --------------------------------------------------------------------- */

static void on_answered(const broker_message *request, uint32_t error, void *userdata)
{
    struct serve *serve = userdata;
    _cleanup_text_ struct text line = TEXT_INIT;
    size_t len;
    const char *subject = broker_message_subject(request, &len);

    if (serve->verbose && error)
        print_note("%.*s from %" PRIu64 ": error %" PRIu32, (int)len, subject,
                   broker_message_sender(request), error);
    else if (serve->verbose)
        print_note("%.*s from %" PRIu64 ": answered", (int)len, subject,
                   broker_message_sender(request));
    if (!serve->ctl->json)
        return;
    text_puts(&line, "{\"subject\":");
    text_add_json(&line, subject, len);
    text_printf(&line, ",\"sender\":%" PRIu64 ",\"error\":%" PRIu32 "}\n",
                broker_message_sender(request), error);
    print_out(&line);
}

static void echo(struct serve *serve, broker_request *request)
{
    const broker_message *m = broker_request_message(request);
    size_t len, headers_len = 0;
    const void *data = broker_message_payload(m, &len);
    const void *headers = broker_message_headers(m, &headers_len);
    int status;

    on_answered(m, 0, serve);
    status = broker_reply_headers(request, headers, headers_len, data, len,
                                  broker_message_flags(m) & BROKER_MSGPACK);
    if (status < 0 && status != -BROKER_E_NO_CALL)
        broker_request_drop(request);
}

static void on_request(broker_service *service, broker_request *request, void *userdata)
{
    struct serve *serve = userdata;

    (void)service;
    serve->taken++;
    if (serve->echo)
        echo(serve, request);
    else
        jobs_add(&serve->jobs, request);
    if (serve->taken == serve->count)
        serve->service = broker_service_free(serve->service); /* no more of them */
}

static void on_notice(broker_service *service, const struct broker_notice *notice, void *userdata)
{
    struct serve *serve = userdata;

    (void)service;
    if (notice->kind == BROKER_NOTICE_ACTIVE && serve->verbose)
        print_note("serving %s", serve->pattern);
    if (notice->kind != BROKER_NOTICE_REFUSED && notice->kind != BROKER_NOTICE_ENDED)
        return;
    serve->failed = notice->status ? broker_status_exit_code(notice->status) : 1;
    print_note("cannot serve %s: %s%s%s", serve->pattern, notice->text,
               notice->what ? ": " : "", notice->what ? notice->what : "");
}

/* ---- the loop ---------------------------------------------------------------------- */

static size_t n_fds(const struct serve *serve)
{
    return SESSION_FDS + serve->jobs.n_slots * CHILD_FDS;
}

static int turn(struct serve *serve, struct pollfd *fds)
{
    int timeout_ms = jobs_fds(&serve->jobs, fds + SESSION_FDS, session_now_ms());
    int status = session_wait(serve->session, fds, n_fds(serve), timeout_ms);

    jobs_handle(&serve->jobs, fds + SESSION_FDS, session_now_ms());
    print_flush();
    return status < 0 ? session_failure(serve->session, status, "the connection ended") : 0;
}

/* Nothing that was asked for runs on without us. */
static void await_commands(struct serve *serve, struct pollfd *fds)
{
    while (!jobs_idle(&serve->jobs)) {
        int timeout_ms = jobs_fds(&serve->jobs, fds, session_now_ms());

        if (poll(fds, serve->jobs.n_slots * CHILD_FDS, timeout_ms) >= 0)
            jobs_handle(&serve->jobs, fds, session_now_ms());
    }
}

static int run_until_over(struct serve *serve, struct pollfd *fds)
{
    int code = 0;

    while (code == 0 && !serve->failed && !session_over() &&
           (serve->service || !jobs_idle(&serve->jobs)))
        code = turn(serve, fds);
    return code ? code : serve->failed;
}

static int start(struct serve *serve)
{
    uint64_t max_open = serve->echo ? 0 : serve->n_jobs * OPEN_PER_JOB;
    broker_service_options *options;
    int status = broker_service_options_new(&options);

    if (serve->count && (!max_open || serve->count < max_open))
        max_open = serve->count < 1024 ? serve->count : 1024;
    if (status == 0) {
        broker_service_options_set_max_open(options, (unsigned)max_open);
        broker_service_options_set_credentials(options, !serve->echo);
        status = broker_serve(serve->session->b, &serve->service, serve->pattern, options,
                              on_request, serve);
        broker_service_options_free(options);
    }
    if (status < 0)
        return session_failure(serve->session, status, "cannot serve %s", serve->pattern);
    broker_service_set_notice_fn(serve->service, on_notice, serve);
    return 0;
}

/* Requesters are told that we left before the last command has ended. */
static int leave(struct serve *serve, struct pollfd *fds, int code)
{
    jobs_leave(&serve->jobs, session_now_ms());
    serve->service = broker_service_free(serve->service);
    code = session_close(serve->session, code);
    await_commands(serve, fds);
    return code;
}

static int run(struct serve *serve)
{
    struct pollfd *fds;
    int code = session_open(serve->session, serve->ctl, "serve", true);

    if (code)
        return session_close(serve->session, code);
    signals_init(); /* not before: until it is connected, Ctrl-C just ends it */
    serve->jobs.b = serve->session->b;
    jobs_init(&serve->jobs, serve->echo ? 0 : (size_t)serve->n_jobs);
    fds = xrealloc(NULL, n_fds(serve) * sizeof *fds);
    memset(fds, 0, n_fds(serve) * sizeof *fds);
    code = start(serve);
    if (code == 0)
        code = run_until_over(serve, fds);
    code = leave(serve, fds, code);
    free(fds);
    jobs_deinit(&serve->jobs);
    return code;
}

int verb_serve(struct ctl *ctl, int argc, char **argv)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    struct serve serve = { .ctl = ctl, .session = &session, .n_jobs = 4 };
    int code = parse(ctl, &serve, argc, argv), error;

    if (code < 0)
        code = payload_form(serve.from_json, ctl->raw, &serve.jobs.form);
    if (code >= 0)
        return code;
    code = session_check_pattern(serve.pattern);
    if (code)
        return code;
    error = serve.command ? child_find(serve.command[0]) : 0;
    if (error)
        return print_failure(1, "cannot run '%s': %s", serve.command[0], strerror(-error));
    serve.jobs.ctl = ctl;
    serve.jobs.argv = serve.command;
    serve.jobs.answered = on_answered;
    serve.jobs.userdata = &serve;
    return run(&serve);
}
