/* brokerctl sub: print what matches. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/payload.h"
#include "client/brokerctl/session.h"
#include "client/brokerctl/signals.h"
#include "client/brokerctl/sys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct usage usage = {
    .verb = "sub",
    .operands = "PATTERN...",
    .about = "Prints a line for each message whose subject matches: SUBJECT PAYLOAD. In a\n"
             "pattern * is one token and a last > is one or more. What was not delivered is\n"
             "announced on standard error, with --json in the stream. Ends at Ctrl-C, or\n"
             "when nobody reads its output any more, with exit code 0; comes back when the\n"
             "broker does.",
    .example = "  brokerctl sub 'log.>' 'sensor.*' --json\n"
               "  brokerctl sub jobs --queue workers --count 10",
    .raw = "print payloads as they are, without subjects",
};

struct sub {
    const struct ctl *ctl;
    struct session *session;
    const char *queue, *policy;
    bool credentials, verbose;
    uint64_t count, printed;
    size_t limit;
    size_t n_patterns, n_active;
    int failed;      /* exit code, once it cannot go on */
    bool over_limit; /* that is why */
    struct text line;
};

static int parse(struct ctl *ctl, struct sub *sub, int argc, char **argv, struct operands *ret)
{
    const struct option_spec specs[] = {
        { "queue", 'q', OPTION_TEXT, &sub->queue, "GROUP",
          "share the messages: each goes to one member of the group" },
        { "policy", 'p', OPTION_TEXT, &sub->policy, "POLICY",
          "of a full queue: wait, drop-old, drop-new, latest, disconnect" },
        { "limit", 0, OPTION_SIZE, &sub->limit, "SIZE",
          "bytes the broker may queue for each pattern, such as 64K" },
        { "count", 'n', OPTION_COUNT, &sub->count, "N", "end after N messages" },
        { "credentials", 'c', OPTION_FLAG, &sub->credentials, NULL,
          "print who sent it, as the kernel told the broker" },
        { "verbose", 'v', OPTION_FLAG, &sub->verbose, NULL,
          "say on standard error when the subscriptions are in force" },
    };
    int code = options_parse(ctl, &usage, specs, sizeof specs / sizeof *specs, argc, argv, ret);

    if (code >= 0)
        return code;
    if (ret->n == 0)
        return options_misuse("wants a pattern, such as 'log.>'");
    if (sub->credentials && ctl->raw)
        return options_misuse("--credentials and --raw exclude each other");
    return -1;
}

/* ---- printing --------------------------------------------------------------- */

static void add_credentials_text(struct text *line, const broker_message *m)
{
    struct broker_credentials who;

    if (broker_message_credentials(m, &who) < 0) {
        text_puts(line, " [unknown]");
        return;
    }
    text_printf(line, " [id=%" PRIu64 " uid=%u gid=%u", who.id, (unsigned)who.uid,
                (unsigned)who.gid);
    if (who.pid)
        text_printf(line, " pid=%d", (int)who.pid);
    if (who.label) {
        text_puts(line, " label=");
        text_add_safe(line, who.label, strlen(who.label));
    }
    text_char(line, ']');
}

static void add_credentials_json(struct text *line, const broker_message *m)
{
    struct broker_credentials who;

    if (broker_message_credentials(m, &who) < 0) {
        text_puts(line, ",\"credentials\":null");
        return;
    }
    text_printf(line, ",\"credentials\":{\"uid\":%u,\"gid\":%u,\"pid\":", (unsigned)who.uid,
                (unsigned)who.gid);
    if (who.pid)
        text_printf(line, "%d", (int)who.pid);
    else
        text_puts(line, "null");
    text_puts(line, ",\"groups\":[");
    for (size_t i = 0; i < who.n_groups; i++)
        text_printf(line, "%s%u", i ? "," : "", (unsigned)who.groups[i]);
    text_puts(line, "],\"label\":");
    if (who.label)
        text_add_json(line, who.label, strlen(who.label));
    else
        text_puts(line, "null");
    text_char(line, '}');
}

static void add_json(struct sub *sub, const char *pattern, const broker_message *m)
{
    struct text *line = &sub->line;
    size_t len;
    const char *subject = broker_message_subject(m, &len);

    text_puts(line, "{\"subject\":");
    text_add_json(line, subject, len);
    text_char(line, ',');
    payload_show_message(line, sub->ctl, m);
    text_printf(line, ",\"sender\":%" PRIu64 ",\"pattern\":", broker_message_sender(m));
    text_add_json(line, pattern, strlen(pattern));
    payload_show_headers(line, m);
    if (sub->credentials)
        add_credentials_json(line, m);
    text_char(line, '}');
}

static void add_text(struct sub *sub, const broker_message *m)
{
    bool colour = print_has_colour();
    size_t len;
    const char *subject = broker_message_subject(m, &len);

    if (colour)
        text_puts(&sub->line, "\x1b[36m");
    text_add_safe(&sub->line, subject, len);
    if (colour)
        text_puts(&sub->line, "\x1b[0m");
    if (sub->credentials)
        add_credentials_text(&sub->line, m);
    text_char(&sub->line, ' ');
    len = sub->line.len;
    payload_show_message(&sub->line, sub->ctl, m);
    if (sub->line.len == len)
        sub->line.len--; /* an empty message needs no space before it */
}

static bool has_enough(const struct sub *sub)
{
    return sub->count && sub->printed >= sub->count;
}

static void on_message(broker_subscription *subscription, const broker_message *m, void *userdata)
{
    struct sub *sub = userdata;

    if (has_enough(sub))
        return;
    sub->printed++;
    text_clear(&sub->line);
    if (sub->ctl->json)
        add_json(sub, broker_subscription_pattern(subscription), m);
    else if (sub->ctl->raw)
        payload_show_message(&sub->line, sub->ctl, m);
    else
        add_text(sub, m);
    text_char(&sub->line, '\n');
    print_out(&sub->line);
}

/* ---- what is not a message ---------------------------------------------------- */

static void gap_json(struct sub *sub, const char *pattern, const struct broker_notice *notice)
{
    text_clear(&sub->line);
    if (notice->count == UINT64_MAX)
        text_puts(&sub->line, "{\"gap\":null");
    else
        text_printf(&sub->line, "{\"gap\":%" PRIu64, notice->count);
    text_puts(&sub->line, ",\"reason\":");
    text_add_json(&sub->line, notice->text, strlen(notice->text));
    text_puts(&sub->line, ",\"pattern\":");
    text_add_json(&sub->line, pattern, strlen(pattern));
    text_puts(&sub->line, "}\n");
    print_out(&sub->line);
}

static void on_gap(struct sub *sub, const char *pattern, const struct broker_notice *notice)
{
    if (sub->ctl->json)
        gap_json(sub, pattern, notice);
    else if (notice->count == UINT64_MAX)
        print_note("gap: %s: what came while away was not delivered (%s)", pattern, notice->text);
    else
        print_note("gap: %s: %" PRIu64 " message%s not delivered (%s)", pattern, notice->count,
                   notice->count == 1 ? "" : "s", notice->text);
}

static void on_notice(broker_subscription *subscription, const struct broker_notice *notice,
                      void *userdata)
{
    struct sub *sub = userdata;
    const char *pattern = broker_subscription_pattern(subscription);

    switch (notice->kind) {
    case BROKER_NOTICE_ACTIVE:
        if (sub->verbose)
            print_note("subscribed to %s", pattern);
        break;
    case BROKER_NOTICE_GAP:
        on_gap(sub, pattern, notice);
        break;
    case BROKER_NOTICE_REFUSED:
        sub->failed = broker_status_exit_code(notice->status);
        sub->over_limit = notice->what && !strcmp(notice->what, "queue-bytes");
        if (sub->over_limit)
            break; /* told when the broker has said how much it allows */
        print_note("cannot subscribe to %s: %s%s%s", pattern, notice->text,
                   notice->what ? ": " : "", notice->what ? notice->what : "");
        break;
    case BROKER_NOTICE_ENDED:
        sub->n_active--;
        if (notice->status && notice->status != -BROKER_E_ENDED) {
            sub->failed = broker_status_exit_code(notice->status);
            print_note("the broker ended %s: %s", pattern, notice->text);
        }
        break;
    }
}

/* ---- the subscriptions --------------------------------------------------------- */

static int set_policy(broker_sub_options *options, const char *name)
{
    static const char *const names[] = { "wait", "drop-old", "drop-new", "latest", "disconnect" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return broker_sub_options_set_policy(options, (enum broker_policy)i);
    return -BROKER_E_INVALID;
}

/* 0, or an exit code after saying what was wrong. */
static int make_options(const struct sub *sub, broker_sub_options **ret)
{
    broker_sub_options *options = NULL;
    int code = 0, status = broker_sub_options_new(&options);

    if (status == 0)
        status = broker_sub_options_set_credentials(options, sub->credentials);
    if (status == 0)
        status = broker_sub_options_set_limits(options, sub->limit, 0);
    if (status == 0)
        status = broker_sub_options_set_after(options, sub->count);
    if (status < 0)
        code = print_failure(1, "cannot set up: %s", broker_status_text(status));
    else if (sub->queue && broker_sub_options_set_queue(options, sub->queue) < 0)
        code = options_misuse("--queue %s: wants one token of at most 64 bytes", sub->queue);
    else if (sub->policy && set_policy(options, sub->policy) < 0)
        code = options_misuse("--policy %s: wants wait, drop-old, drop-new, latest or disconnect",
                              sub->policy);
    if (code)
        broker_sub_options_free(options);
    else
        *ret = options;
    return code;
}

static int subscribe_all(struct sub *sub, char **patterns, const broker_sub_options *options,
                         broker_subscription **ret)
{
    for (size_t i = 0; i < sub->n_patterns; i++) {
        int status = broker_subscribe(sub->session->b, &ret[i], patterns[i], options, on_message,
                                      sub);

        if (status < 0)
            return session_failure(sub->session, status, "cannot subscribe to %s", patterns[i]);
        broker_subscription_set_notice_fn(ret[i], on_notice, sub);
        sub->n_active++;
    }
    return 0;
}

static void tell_over_limit(struct sub *sub)
{
    _cleanup_answer_ struct answer answer = { 0 };
    _cleanup_text_ struct text wanted = TEXT_INIT, allowed = TEXT_INIT;
    struct mp limits;

    if (sys_ask(sub->session, "$SYS.info", NULL, NULL, &answer) ||
        !mp_get(answer.map, "limits", &limits))
        return;
    text_add_size(&wanted, sub->limit);
    text_add_size(&allowed, mp_get_number(limits, "queue-bytes"));
    print_note("--limit %s: the broker allows at most %s", text_string(&wanted),
               text_string(&allowed));
}

static int run_until_over(struct sub *sub)
{
    struct pollfd fds[SESSION_FDS];

    while (!sub->failed && !has_enough(sub) && sub->n_active && !session_over()) {
        int status = session_wait(sub->session, fds, SESSION_FDS, -1);

        print_flush(); /* a round at a time: what came together leaves together */
        if (status < 0)
            return session_failure(sub->session, status, "the connection ended");
    }
    if (sub->over_limit)
        tell_over_limit(sub);
    return sub->failed;
}

static int run(struct sub *sub, char **patterns, const broker_sub_options *options)
{
    broker_subscription **subscriptions = xrealloc(NULL, sub->n_patterns * sizeof *subscriptions);
    int code = session_open(sub->session, sub->ctl, "sub", true);

    memset(subscriptions, 0, sub->n_patterns * sizeof *subscriptions);
    signals_init(); /* not before: until it is connected, Ctrl-C just ends it */
    if (code == 0)
        code = subscribe_all(sub, patterns, options, subscriptions);
    if (code == 0)
        code = run_until_over(sub);
    for (size_t i = 0; i < sub->n_patterns; i++)
        broker_subscription_free(subscriptions[i]);
    free(subscriptions);
    return session_close(sub->session, code);
}

int verb_sub(struct ctl *ctl, int argc, char **argv)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    struct sub sub = { .ctl = ctl, .session = &session };
    broker_sub_options *options = NULL;
    struct operands operands;
    int code = parse(ctl, &sub, argc, argv, &operands);

    if (code >= 0)
        return code;
    for (int i = 0; i < operands.n; i++) {
        code = session_check_pattern(operands.v[i]);
        if (code)
            return code;
    }
    sub.n_patterns = (size_t)operands.n;
    code = make_options(&sub, &options);
    if (code)
        return code;
    code = run(&sub, operands.v, options);
    broker_sub_options_free(options);
    text_deinit(&sub.line);
    return code;
}
