#include "tests/hostile/victim.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/status.h"
#include "tests/hostile/link.h"
#include "tests/kit/runner.h"

enum {
    SID_STREAM = 1,
    SID_SERVICE = 2,
    STREAM_NS = 1000 * 1000,
    STREAM_LEN = 100,
    BULK_LEN = 128,
    BULK_BATCH = 64,
    BULK_WINDOW = 16384, /* messages under way: less than a queue holds */
    PATIENCE_S = 5,      /* for being let in, and at the end for what was sent */
    TIMEOUT_MS = 5000,
    SILENCE_MS = 1100, /* PACE_ACTIVE_NS, and some */
};

struct victim {
    struct link asker;  /* and publisher */
    struct link server; /* and subscriber */
    struct victim_report *report;
    struct histogram *trips; /* of this part */
    int64_t asked_ns;        /* 0: no request is open */
    int64_t due_ns;          /* the stream's next message */
    uint64_t ref;
    uint64_t number;   /* of the stream's next */
    uint64_t expected; /* at the other end */
    bool over;         /* a connection is gone */
};

static void complain(struct victim *victim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(struct victim *victim, const char *format, ...)
{
    va_list args;

    if (victim->report->trouble[0])
        return;
    va_start(args, format);
    (void)vsnprintf(victim->report->trouble, sizeof victim->report->trouble, format, args);
    va_end(args);
}

static void is_cut(struct victim *victim, const char *which, const char *why)
{
    if (!victim->over)
        victim->report->n_cut++;
    victim->over = true;
    complain(victim, "the %s's connection ended: %s", which, why);
}

/* -- what comes ------------------------------------------------------------------------------ */

static void got_number(struct victim *victim, const struct frame *frame)
{
    uint64_t number = 0;

    if (frame->payload_len >= sizeof number)
        memcpy(&number, frame->payload, sizeof number);
    if (number != victim->expected) {
        victim->report->n_unannounced += number > victim->expected ? number - victim->expected : 1;
        complain(victim, "message %llu came, not %llu", (unsigned long long)number,
                 (unsigned long long)victim->expected);
    }
    victim->expected = number + 1;
    victim->report->n_got++;
}

static void got_payload(struct victim *victim, const struct link_frame *from)
{
    struct frame frame;

    if (!frame_read(&frame, from->body, from->len, NULL)) {
        complain(victim, "a frame of opcode %d that breaks the wire", from->op);
        return;
    }
    if (frame.op == OP_MESSAGE) {
        got_number(victim, &frame);
    } else if (frame.op == OP_REQUEST) {
        link_put_frame(&victim->server, &(struct frame){ .op = OP_REPLY, .token = frame.token });
    } else if (frame.token == victim->ref) {
        histogram_add(victim->trips, (uint64_t)(kit_now_ns() - victim->asked_ns));
        victim->asked_ns = 0;
    }
}

static void got_gap(struct victim *victim, uint64_t count, uint64_t reason)
{
    victim->expected += count;
    victim->report->n_announced += count;
    complain(victim, "a gap of %llu messages, reason %llu", (unsigned long long)count,
             (unsigned long long)reason);
}

static void got_control(struct victim *victim, const struct link_frame *from, const char *which)
{
    struct envelope e;

    if (!envelope_read(&e, from->body, from->len, NULL)) {
        complain(victim, "a frame of opcode %d that breaks the wire", from->op);
        return;
    }
    if (e.op == OP_GAP) {
        got_gap(victim, e.gap.count, e.gap.reason);
    } else if (e.op == OP_GOODBYE) {
        char why[160];
        (void)snprintf(why, sizeof why, "%.*s", (int)e.goodbye.sentence.len,
                       (const char *)e.goodbye.sentence.p);
        is_cut(victim, which, why);
    } else if (e.op == OP_END) {
        victim->report->n_failed++;
        victim->asked_ns = 0;
        complain(victim, "a request ended with %s", status_name((uint32_t)e.end.status));
    } else if (e.op == OP_ERROR || e.op == OP_REFUSED) {
        victim->report->n_failed++;
        complain(victim, "%s: %s", opcode_name(e.op),
                 status_name((uint32_t)(e.op == OP_ERROR ? e.error.status : e.refused.status)));
    }
}

static void take_all(struct victim *victim, struct link *link, const char *which)
{
    struct link_frame frame;

    while (link_take(link, &frame)) {
        if (frame.op == OP_MESSAGE || frame.op == OP_REQUEST || frame.op == OP_REPLY)
            got_payload(victim, &frame);
        else
            got_control(victim, &frame, which);
    }
}

/* -- both directions ------------------------------------------------------------------------- */

static void push(struct victim *victim, struct link *link, const char *which)
{
    if (!link_is_sent(link) && link_push(link, SIZE_MAX) < 0 && link_fill(link) < 0)
        is_cut(victim, which, "nothing can be sent");
}

static void fill(struct victim *victim, struct link *link, const char *which)
{
    ptrdiff_t n = link_fill(link);

    take_all(victim, link, which);
    if (n < 0)
        is_cut(victim, which, "the stream ended");
}

/** Waits until there is something to do, until @p until_ns at most, and does it. */
static void pass(struct victim *victim, int64_t until_ns)
{
    struct link *links[] = { &victim->asker, &victim->server };
    static const char *const names[] = { "asker", "server" };
    struct pollfd fds[2];
    int64_t left_ns = until_ns - kit_now_ns();

    for (int i = 0; i < 2; i++) {
        push(victim, links[i], names[i]);
        fds[i].fd = links[i]->fd;
        fds[i].events = (short)(POLLIN | (link_is_sent(links[i]) ? 0 : POLLOUT));
    }
    struct timespec left = { .tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000 };
    if (left_ns <= 0)
        left = (struct timespec){ 0 };
    if (ppoll(fds, 2, &left, NULL) <= 0)
        return;
    for (int i = 0; i < 2; i++) {
        if (fds[i].revents & ~POLLOUT)
            fill(victim, links[i], names[i]);
    }
    push(victim, &victim->server, "server"); /* the answer is not kept waiting */
}

/* -- its work -------------------------------------------------------------------------------- */

static void ask(struct victim *victim)
{
    static const char service[] = "victim.service";
    struct frame request = { .op = OP_REQUEST, .token = ++victim->ref, .timeout_ms = TIMEOUT_MS };

    request.subject = service;
    request.subject_len = sizeof service - 1;
    victim->asked_ns = kit_now_ns();
    link_put_frame(&victim->asker, &request);
}

static void publish(struct victim *victim, const char *subject, size_t len)
{
    uint8_t payload[BULK_LEN] = { 0 };

    memcpy(payload, &victim->number, sizeof victim->number);
    victim->number++;
    link_put_message(&victim->asker, subject, payload, len);
}

static void work(struct victim *victim)
{
    const int64_t end_ns = kit_now_ns() + victim->report->work_ns;
    int64_t now_ns;

    victim->due_ns = kit_now_ns();
    while ((now_ns = kit_now_ns()) < end_ns && !victim->over) {
        if (now_ns >= victim->due_ns) {
            publish(victim, "victim.stream", STREAM_LEN);
            victim->due_ns += STREAM_NS;
        }
        if (!victim->asked_ns)
            ask(victim);
        pass(victim, victim->due_ns);
    }
    victim->report->n_sent = victim->number;
}

/** Waits for what is under way. When something has not come for so long, there is no use in going on. */
static void collect(struct victim *victim)
{
    const int64_t end_ns = kit_now_ns() + PATIENCE_S * INT64_C(1000000000);
    struct victim_report *report = victim->report;

    while ((victim->expected < victim->number || victim->asked_ns) && kit_now_ns() < end_ns &&
           !victim->over)
        pass(victim, end_ns);
    if (victim->over)
        return;
    victim->over = victim->expected < victim->number || victim->asked_ns;
    if (victim->over)
        complain(victim,
                 "of %llu messages %llu, and of the answers the last one, have not come after %d s",
                 (unsigned long long)victim->number,
                 (unsigned long long)(victim->number - victim->expected), PATIENCE_S);
    if (victim->expected < victim->number)
        report->n_unannounced += victim->number - victim->expected;
    report->n_failed += victim->asked_ns != 0;
}

/* Until the kernel takes no more, or so much is under way. */
static void publish_much(struct victim *victim)
{
    while (link_is_sent(&victim->asker) && !victim->over &&
           victim->number - victim->expected <= BULK_WINDOW - BULK_BATCH) {
        for (int i = 0; i < BULK_BATCH; i++)
            publish(victim, "victim.stream", BULK_LEN);
        push(victim, &victim->asker, "asker");
    }
}

static void stream(struct victim *victim)
{
    struct victim_report *report = victim->report;
    const int64_t start_ns = kit_now_ns(), end_ns = start_ns + report->bulk_ns;
    const uint64_t before = report->n_got;

    while (kit_now_ns() < end_ns && !victim->over) {
        publish_much(victim);
        pass(victim, end_ns);
    }
    report->bulk_took_ns = kit_now_ns() - start_ns;
    report->n_bulk = report->n_got - before;
    report->n_sent = victim->number;
}

static void ask_seldom(struct victim *victim)
{
    victim->trips = &victim->report->seldom;
    for (unsigned i = 0; i < victim->report->n_seldom && !victim->over; i++) {
        nanosleep(&(struct timespec){ SILENCE_MS / 1000, SILENCE_MS % 1000 * 1000000 }, NULL);
        ask(victim);
        collect(victim);
    }
}

/* -- coming ---------------------------------------------------------------------------------- */

/* The backlog may be full of what an attacker left in it. */
static bool connect_within(struct link *link, const char *path, int64_t end_ns)
{
    int r;

    while ((r = link_open(link, path)) == -EAGAIN && kit_now_ns() < end_ns)
        kit_nap();
    return r == 0;
}

static bool greet(struct victim *victim, const char *path)
{
    struct link_frame frame;
    const int64_t end_ns = kit_now_ns() + PATIENCE_S * INT64_C(1000000000);
    bool has_ok = false;

    if (!connect_within(&victim->asker, path, end_ns) ||
        !connect_within(&victim->server, path, end_ns))
        return false;
    link_put_hello(&victim->asker);
    link_put_hello(&victim->server);
    link_put_sub(&victim->server, SID_STREAM, "victim.stream");
    link_put_serve(&victim->server, SID_SERVICE, "victim.service");
    while (!has_ok && kit_now_ns() < end_ns) {
        push(victim, &victim->asker, "asker");
        push(victim, &victim->server, "server");
        if (link_fill(&victim->server) < 0)
            return false;
        while (link_take(&victim->server, &frame))
            has_ok |= frame.op == OP_OK && frame.body[frame.len - 1] == SID_SERVICE;
        kit_nap();
    }
    return has_ok;
}

void victim_run(const char *path, struct victim_report *report)
{
    struct victim victim = { .asker = LINK_INIT, .server = LINK_INIT, .report = report };
    victim.trips = &report->trips;

    if (!greet(&victim, path)) {
        is_cut(&victim, "victim", "it could not connect");
        return;
    }
    report->is_ready = true;
    while (!report->go)
        kit_nap();
    work(&victim);
    collect(&victim);
    stream(&victim);
    collect(&victim);
    ask_seldom(&victim);
    link_deinit(&victim.asker);
    link_deinit(&victim.server);
}
