#include "client/brokerctl/jobs.h"

#include "client/brokerctl/json.h"
#include "client/brokerctl/print.h"
#include "client/brokerctl/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127 }; /* as a shell has it */

void jobs_init(struct jobs *jobs, size_t n_slots)
{
    jobs->slots = xrealloc(NULL, n_slots * sizeof *jobs->slots);
    jobs->n_slots = n_slots;
    for (size_t i = 0; i < n_slots; i++)
        jobs->slots[i] = (struct job){ .child = CHILD_INIT };
}

void jobs_deinit(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->n_slots; i++)
        child_deinit(&jobs->slots[i].child);
    free(jobs->slots);
    free(jobs->waiting);
    *jobs = (struct jobs){ 0 };
}

bool jobs_idle(const struct jobs *jobs)
{
    return jobs->n_running == 0 && jobs->n_waiting == 0;
}

/* ---- one request ----------------------------------------------------------------- */

/* What the command reads: the text of a string, opaque bytes as they are, else
 * JSON, or with --raw the bytes. false: the msgpack is malformed. */
static bool make_input(const struct jobs *jobs, const broker_message *m, struct text *ret)
{
    size_t len, raw_len;
    const void *data = broker_message_payload(m, &len);
    unsigned flags = broker_message_flags(m);
    const char *raw;

    payload_raw(data, len, flags, &raw, &raw_len);
    if ((flags & BROKER_MSGPACK) && raw_len == len && !jobs->ctl->raw)
        return json_from_msgpack(ret, data, len);
    text_add(ret, raw, raw_len);
    return true;
}

/* What a command is told of its request; none of it is inherited from us. */
struct request_env {
    char subject[300], sender[40], uid[40], gid[40], pid[40];
};

static bool is_request_env(const char *entry)
{
    static const char *const names[] = { "BROKER_SUBJECT=", "BROKER_SENDER=", "BROKER_UID=",
                                         "BROKER_GID=", "BROKER_PID=" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(entry, names[i], strlen(names[i])))
            return true;
    return false;
}

/* Our environment, and what the request is, for commands that serve a pattern. */
static char **make_env(const broker_message *m, struct request_env *is)
{
    struct broker_credentials who;
    size_t n = 0, len;
    const char *s = broker_message_subject(m, &len);
    char **env;

    while (environ[n])
        n++;
    env = xrealloc(NULL, (n + 6) * sizeof *env);
    n = 0;
    for (char **from = environ; *from; from++)
        if (!is_request_env(*from))
            env[n++] = *from;
    snprintf(is->subject, sizeof is->subject, "BROKER_SUBJECT=%.*s", (int)len, s);
    snprintf(is->sender, sizeof is->sender, "BROKER_SENDER=%" PRIu64, broker_message_sender(m));
    env[n++] = is->subject;
    env[n++] = is->sender;
    if (broker_message_credentials(m, &who) == 0) {
        snprintf(is->uid, sizeof is->uid, "BROKER_UID=%ju", (uintmax_t)who.uid);
        snprintf(is->gid, sizeof is->gid, "BROKER_GID=%ju", (uintmax_t)who.gid);
        env[n++] = is->uid;
        env[n++] = is->gid;
        if (who.pid)
            snprintf(is->pid, sizeof is->pid, "BROKER_PID=%jd", (intmax_t)who.pid);
        if (who.pid)
            env[n++] = is->pid;
    }
    env[n] = NULL;
    return env;
}

/* Frees the request, whatever becomes of the answer. */
static void answer(struct jobs *jobs, broker_request *request, uint32_t error,
                   const struct text *bytes, unsigned flags)
{
    int status;

    jobs->answered(broker_request_message(request), error, jobs->userdata);
    status = error ? broker_reply_error(request, error, bytes->data, bytes->len, flags)
                   : broker_reply(request, bytes->data, bytes->len, flags);
    if (status < 0 && status != -BROKER_E_NO_CALL) {
        print_note("cannot answer: %s", broker_status_text(status));
        broker_request_drop(request);
    }
}

/* An error that the command did not give: it is told to both sides. */
static void answer_failure(struct jobs *jobs, broker_request *request, uint32_t error,
                           const char *sentence)
{
    _cleanup_payload_ struct payload payload = PAYLOAD_INIT;
    _cleanup_text_ struct text why = TEXT_INIT;

    print_note("%s", sentence);
    payload_set(&payload, PAYLOAD_STRING, sentence, strlen(sentence), &why);
    answer(jobs, request, error, &payload.bytes, payload.flags);
}

/* A last newline belongs to the terminal that commands are written for, not to
 * the answer, as in a shell's $(...). Output that is no text goes as it is. */
static void answer_output(struct jobs *jobs, struct job *job)
{
    _cleanup_payload_ struct payload payload = PAYLOAD_INIT;
    _cleanup_text_ struct text why = TEXT_INIT;
    struct text *output = &job->child.output;
    uint32_t error = (uint32_t)child_exit_code(&job->child);
    enum payload_form form = error && jobs->form == PAYLOAD_JSON ? PAYLOAD_STRING : jobs->form;

    if (form != PAYLOAD_OPAQUE && output->len && output->data[output->len - 1] == '\n')
        output->len--;
    if (!payload_set(&payload, form, output->data, output->len, &why)) {
        if (form == PAYLOAD_JSON) {
            text_puts(&why, " (in what the command printed)");
            answer_failure(jobs, job->request, EXIT_DATA, text_string(&why));
            return;
        }
        payload_set(&payload, PAYLOAD_OPAQUE, output->data, output->len, &why);
    }
    answer(jobs, job->request, error, &payload.bytes, payload.flags);
}

static void finish(struct jobs *jobs, struct job *job)
{
    if (job->request && job->child.too_large)
        answer_failure(jobs, job->request, EXIT_DATA,
                       "the command printed more than a payload may hold");
    else if (job->request)
        answer_output(jobs, job);
    child_deinit(&job->child);
    *job = (struct job){ .child = CHILD_INIT };
    jobs->n_running--;
}

/* ---- slots and the queue before them ----------------------------------------------- */

static void on_cancel(broker_request *request, int status, void *userdata)
{
    struct jobs *jobs = userdata;

    size_t i = 0;

    (void)status;
    broker_request_drop(request);
    for (struct job *job = jobs->slots; job < jobs->slots + jobs->n_slots; job++) {
        if (job->request != request)
            continue;
        job->request = NULL;
        child_end(&job->child, session_now_ms());
        return;
    }
    while (i < jobs->n_waiting && jobs->waiting[i] != request)
        i++;
    if (i == jobs->n_waiting)
        return;
    jobs->n_waiting--;
    memmove(&jobs->waiting[i], &jobs->waiting[i + 1],
            (jobs->n_waiting - i) * sizeof *jobs->waiting);
}

static void tell_start_failure(struct jobs *jobs, broker_request *request, int error)
{
    char sentence[512];

    snprintf(sentence, sizeof sentence, "cannot run '%s': %s", jobs->argv[0], strerror(-error));
    answer_failure(jobs, request, error == -ENOENT ? NOT_FOUND : NOT_EXECUTABLE, sentence);
}

static void start(struct jobs *jobs, struct job *job, broker_request *request)
{
    const broker_message *m = broker_request_message(request);
    _cleanup_text_ struct text input = TEXT_INIT;
    struct request_env is;
    char **env;
    int error;

    if (!make_input(jobs, m, &input)) {
        answer_failure(jobs, request, EXIT_DATA, "the request is not well-formed msgpack");
        return;
    }
    env = make_env(m, &is);
    error = child_start(&job->child, jobs->argv, env, &input, broker_max_payload(jobs->b));
    free(env);
    if (error) {
        tell_start_failure(jobs, request, error);
        return;
    }
    job->busy = true;
    job->request = request;
    jobs->n_running++;
}

static struct job *free_slot(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->n_slots; i++)
        if (!jobs->slots[i].busy)
            return &jobs->slots[i];
    return NULL;
}

static void start_waiting(struct jobs *jobs)
{
    struct job *job;

    while (jobs->n_waiting && (job = free_slot(jobs))) {
        broker_request *request = jobs->waiting[0];

        jobs->n_waiting--;
        memmove(jobs->waiting, jobs->waiting + 1, jobs->n_waiting * sizeof *jobs->waiting);
        start(jobs, job, request);
    }
}

void jobs_add(struct jobs *jobs, broker_request *request)
{
    jobs->waiting = xrealloc(jobs->waiting, (jobs->n_waiting + 1) * sizeof *jobs->waiting);
    jobs->waiting[jobs->n_waiting++] = request;
    broker_request_set_cancel_fn(request, on_cancel, jobs);
    start_waiting(jobs);
}

int jobs_fds(const struct jobs *jobs, struct pollfd *fds, uint64_t now_ms)
{
    int timeout_ms = -1;

    for (size_t i = 0; i < jobs->n_slots; i++) {
        const struct child *child = &jobs->slots[i].child;
        int left_ms;

        child_fds(child, fds + i * CHILD_FDS);
        if (!child->kill_at_ms)
            continue;
        left_ms = child->kill_at_ms > now_ms ? (int)(child->kill_at_ms - now_ms) : 100;
        if (timeout_ms < 0 || left_ms < timeout_ms)
            timeout_ms = left_ms;
    }
    return timeout_ms;
}

void jobs_handle(struct jobs *jobs, const struct pollfd *fds, uint64_t now_ms)
{
    for (size_t i = 0; i < jobs->n_slots; i++) {
        struct job *job = &jobs->slots[i];

        if (!job->busy)
            continue;
        child_handle(&job->child, fds + i * CHILD_FDS, now_ms);
        if (job->child.done)
            finish(jobs, job);
    }
    start_waiting(jobs);
}

void jobs_leave(struct jobs *jobs, uint64_t now_ms)
{
    jobs->n_waiting = 0;
    for (size_t i = 0; i < jobs->n_slots; i++) {
        jobs->slots[i].request = NULL;
        child_end(&jobs->slots[i].child, now_ms);
    }
}
