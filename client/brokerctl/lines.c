#include "client/brokerctl/lines.h"

#include "client/brokerctl/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    READ_BYTES = 256 << 10,
    /* Asking now and then what has been routed keeps it short what is unknown
     * when the broker dies, and costs nothing to speak of. */
    CONFIRM_EVERY = 16384,
};

struct stream {
    struct session *session;
    const struct lines_job *job;
    struct payload payload;
    struct text input; /* read, but not published: less than a line */
    struct text why;
    uint64_t line;     /* the one being published, from 1 */
    uint64_t published, matched;
    uint64_t asked, confirmed; /* up to which message */
    bool corked, at_end;
};

static void on_confirmed(broker *b, int status, const struct broker_confirmation *c, void *userdata)
{
    struct stream *stream = userdata;

    (void)b;
    if (status < 0)
        return; /* the events and the last confirmation tell what is unknown */
    stream->matched += c->matched;
    stream->confirmed = c->last;
}

/* Messages are numbered from 1 on this handle, and so are the lines. */
static int tell_refusal(const struct stream *stream)
{
    struct session *session = stream->session;

    return print_failure(broker_status_exit_code(session->refused), "line %" PRIu64 ": refused: %s",
                         session->refused_first, text_string(&session->refusal));
}

static int tell_unknown(const struct stream *stream, int status)
{
    struct session *session = stream->session;
    uint64_t first;

    broker_process(session->b); /* the events that say which ones, and why */
    if (session->refused)
        return tell_refusal(stream);
    first = session->unknown_first ? session->unknown_first : stream->confirmed + 1;
    if (first > stream->published)
        return session_failure(session, status, "after line %" PRIu64 ", which is routed",
                               stream->published);
    return session_failure(session, status, "lines %" PRIu64 " to %" PRIu64 " may not have arrived",
                           first, stream->published);
}

/* Of a line that the library did not take. */
static int tell_unsent(const struct stream *stream, int status)
{
    if (broker_is_connected(stream->session->b))
        return session_failure(stream->session, status, "line %" PRIu64, stream->line);
    return tell_unknown(stream, status);
}

static void ask_confirmation(struct stream *stream)
{
    if (stream->asked != stream->published &&
        broker_confirm_async(stream->session->b, on_confirmed, stream) == 0)
        stream->asked = stream->published;
}

/* What a line of that form may take; JSON may shrink when it is packed. */
static size_t max_line(const struct stream *stream)
{
    size_t max = broker_max_payload(stream->session->b);

    return stream->job->form == PAYLOAD_JSON ? 4 * max : max;
}

static int tell_too_large(const struct stream *stream, uint64_t line, size_t added)
{
    size_t max = broker_max_payload(stream->session->b);

    if (added)
        return print_failure(EXIT_DATA,
                             "line %" PRIu64 ": larger than a payload may be, %zu bytes, of which "
                             "msgpack takes %zu",
                             line, max, added);
    return print_failure(EXIT_DATA, "line %" PRIu64 ": larger than a payload may be, %zu bytes",
                         line, max);
}

/* -1 to go on, else an exit code. */
static int publish_line(struct stream *stream, const char *line, size_t len)
{
    const struct lines_job *job = stream->job;
    broker *b = stream->session->b;
    int64_t number;

    stream->line++;
    if (!payload_set(&stream->payload, job->form, line, len, &stream->why))
        return print_failure(EXIT_DATA, "line %" PRIu64 " is not %s: %s", stream->line,
                             job->form == PAYLOAD_JSON ? "JSON that can be sent" : "text",
                             text_string(&stream->why));
    if (stream->payload.bytes.len > broker_max_payload(b))
        return tell_too_large(stream, stream->line, stream->payload.added);
    number = broker_publish_headers(b, job->subject, job->headers->len ? job->headers->data : NULL,
                                    job->headers->len, stream->payload.bytes.data,
                                    stream->payload.bytes.len, stream->payload.flags);
    if (number < 0)
        return tell_unsent(stream, (int)number);
    stream->published++;
    if (stream->published - stream->asked == CONFIRM_EVERY)
        ask_confirmation(stream);
    return -1;
}

/* Publishes the whole lines of what was read, and keeps the rest. */
static int publish_lines(struct stream *stream, size_t n_new)
{
    struct text *input = &stream->input;
    const char *from = input->data, *end = input->data + input->len + n_new;
    const char *search = input->data + input->len; /* no newline before it */
    const char *newline;
    int code = -1;

    while (code < 0 && (newline = memchr(search, '\n', (size_t)(end - search)))) {
        code = publish_line(stream, from, (size_t)(newline - from));
        from = search = newline + 1;
    }
    input->len = (size_t)(end - from);
    memmove(input->data, from, input->len);
    return code < 0 && input->len > max_line(stream) ? tell_too_large(stream, stream->line + 1, 0)
                                                     : code;
}

static int publish_rest(struct stream *stream)
{
    stream->at_end = true;
    return stream->input.len ? publish_line(stream, stream->input.data, stream->input.len) : -1;
}

static int read_input(struct stream *stream)
{
    ssize_t n = read(STDIN_FILENO, text_reserve(&stream->input, READ_BYTES), READ_BYTES);

    if (n > 0)
        return publish_lines(stream, (size_t)n);
    if (n == 0)
        return publish_rest(stream);
    if (errno == EINTR || errno == EAGAIN)
        return -1;
    return print_failure(1, "cannot read standard input: %s", strerror(errno));
}

static int set_cork(struct stream *stream, bool corked)
{
    int status = 0;

    if (stream->corked == corked)
        return -1;
    stream->corked = corked;
    if (corked) {
        broker_cork(stream->session->b);
    } else {
        ask_confirmation(stream);
        status = broker_uncork(stream->session->b);
    }
    return status < 0 ? tell_unknown(stream, status) : -1;
}

/* One turn: input if there is some, else what is batched leaves and we wait. */
static int turn(struct stream *stream)
{
    struct pollfd fds[SESSION_FDS + 1];
    struct pollfd *input = &fds[SESSION_FDS];
    int code, status;

    *input = (struct pollfd){ STDIN_FILENO, POLLIN, 0 };
    if (poll(input, 1, 0) <= 0) {
        code = set_cork(stream, false);
        if (code >= 0)
            return code;
    }
    status = session_wait(stream->session, fds, SESSION_FDS + 1, stream->corked ? 0 : -1);
    if (status < 0)
        return tell_unknown(stream, status);
    if (stream->session->refused)
        return tell_refusal(stream);
    if (!input->revents || signals_stopping())
        return -1;
    code = set_cork(stream, true);
    return code < 0 ? read_input(stream) : code;
}

/* Everything before is routed when this returns 0. */
static int confirm_all(struct stream *stream)
{
    struct session *session = stream->session;
    struct broker_confirmation last;
    int status = broker_confirm(session->b, &last, stream->job->timeout_ms);

    if (status < 0)
        return tell_unknown(stream, status);
    broker_process(session->b); /* runs what the library put aside meanwhile */
    if (session->refused)
        return tell_refusal(stream);
    stream->matched += last.matched;
    return 0;
}

int lines_publish(struct session *session, const struct lines_job *job, struct lines_result *ret)
{
    struct stream stream = { .session = session, .job = job };
    int code = -1;

    signals_init();
    /* Held by a slow subscriber, this holds whoever writes into the pipe. */
    broker_set_publish_timeout(session->b, BROKER_FOREVER);
    while (code < 0 && !stream.at_end && !signals_stopping())
        code = turn(&stream);
    if (code < 0)
        code = set_cork(&stream, false);
    if (code < 0)
        code = confirm_all(&stream);
    *ret = (struct lines_result){ stream.published, stream.matched };
    payload_deinit(&stream.payload);
    text_deinit(&stream.input);
    text_deinit(&stream.why);
    return code;
}
