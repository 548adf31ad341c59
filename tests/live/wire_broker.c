#include "tests/live/wire_broker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/live/wire_send.h"

enum {
    HELD = 1, /* what the witness serves */
    SETTLE_MS = 5000,
    SLACK_BYTES = 3 << 20, /* of resident memory: caches, and malloc's pages */
};

#define CASE_TOKEN UINT64_C(0xfaceb00cdeadbeef) /* wire_states.py */

/* -- the witness ----------------------------------------------------------------------------- */

/** Reads up to a frame of this opcode, a PONG with this reference; writes down what comes before. */
static const struct got *witness_read(struct wire_broker *wb, uint8_t op, uint64_t ref)
{
    for (;;) {
        const struct got *got = peer_next(&wb->witness, WIRE_PATIENCE_MS);
        if (!got)
            fail_msg("the witness hears nothing, or is cut off");
        if (got->op == op && (op != OP_PONG || got->control.ref == ref))
            return got;
        wire_trace_add(&wb->theirs, got);
    }
}

void wire_broker_ping(struct wire_broker *wb)
{
    struct envelope ping = { .op = OP_PING, .ref = ++wb->witness.n_pings };

    peer_send(&wb->witness, &ping);
    witness_read(wb, OP_PONG, ping.ref);
}

/** When the connection @p fd has been read. */
static void witness_answer(struct wire_broker *wb, int fd, uint64_t token)
{
    /* What came of it may be behind the first PONG, in the same round: the second is behind that. */
    wire_await_read(fd);
    wire_broker_ping(wb);
    wire_broker_ping(wb);
    if (!strstr(wb->theirs.text, "CANCEL"))
        peer_reply(&wb->witness, token, 0, false, "ok");
}

/* -- a connection ---------------------------------------------------------------------------- */

struct run {
    struct peer peer;
    struct wire_trace trace;
    uint64_t token; /* of the request that is open */
};

static void read_down(struct run *run, bool to_request)
{
    const struct got *got;

    while ((got = peer_next(&run->peer, WIRE_PATIENCE_MS)) != NULL) {
        if (to_request && got->op == OP_REQUEST) {
            run->token = got->payload.token;
            return;
        }
        wire_trace_add(&run->trace, got);
    }
    if (to_request)
        fail_msg("no REQUEST came: %s", run->trace.text);
}

/** What the state has besides its bytes. */
static void enter_state(struct wire_broker *wb, struct run *run, const struct wire_case *c)
{
    if (strcmp(c->state, "asking") == 0) {
        run->token = witness_read(wb, OP_REQUEST, 0)->payload.token;
    } else if (strcmp(c->state, "serving") == 0) {
        while (!strstr(run->trace.text, "OK 1")) {
            const struct got *got = peer_next(&run->peer, WIRE_PATIENCE_MS);
            if (!got)
                fail_msg("%s: no service", c->name);
            wire_trace_add(&run->trace, got);
        }
        peer_request(&wb->witness, 1, "state.serve", REQUEST_ONE, 60000);
        read_down(run, true);
    }
}

/** The true token in place of the one that the cases know; what was made of that stays as different. */
static void put_tokens(struct run *run, const struct wire_case *c)
{
    for (unsigned i = 0; i < c->n_tokens; i++) {
        uint8_t *at = c->bytes.p + c->tokens[i];
        uint64_t known = load_be64(at);
        store_be64(at, known ^ CASE_TOKEN ^ run->token);
        run->trace.tokens[i].known = known;
        run->trace.tokens[i].sent = load_be64(at);
    }
    run->trace.n_tokens = c->n_tokens;
}

static void take_tokens(const struct run *run, const struct wire_case *c)
{
    for (unsigned i = 0; i < run->trace.n_tokens; i++)
        store_be64(c->bytes.p + c->tokens[i], run->trace.tokens[i].known);
}

/* -- what is checked ------------------------------------------------------------------------- */

int64_t wire_broker_memory(const struct wire_broker *wb)
{
    char text[64] = "";
    long pages = 0;

    if (pread(wb->statm, text, sizeof text - 1, 0) <= 0 || sscanf(text, "%*d %ld", &pages) != 1)
        fail_msg("the broker has died");
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/** The descriptor of a connection that was closed goes with the round that hears of it. */
static void check_descriptors(struct wire_broker *wb, const struct wire_case *c)
{
    int n_fds = broker_proc_n_fds(wb->proc);

    for (int64_t end_ns = kit_now_ns() + SETTLE_MS * INT64_C(1000000); n_fds != wb->n_fds;) {
        if (kit_now_ns() > end_ns)
            fail_msg("%s (%s): %d descriptors instead of %d", c->name, c->state, n_fds, wb->n_fds);
        wire_broker_ping(wb);
        n_fds = broker_proc_n_fds(wb->proc);
    }
}

static void check_broker(struct wire_broker *wb, const struct wire_case *c)
{
    int64_t grown = wire_broker_memory(wb) - wb->memory;

    check_descriptors(wb, c);
    if (!KIT_SANITIZED && grown > SLACK_BYTES)
        fail_msg("%s (%s): the broker has grown by %lld KiB", c->name, c->state,
                 (long long)grown / 1024);
}

static void check_trace(const struct wire_case *c, const struct run *run)
{
    char wanted[8192];

    snprintf(wanted, sizeof wanted, "%s%s%s", c->setup->trace,
             c->setup->trace[0] && c->trace[0] ? "; " : "", c->trace);
    wire_case_check(c, "the client", wanted, run->trace.text);
}

void wire_broker_run(struct wire_broker *wb, const struct wire_case *c, size_t split)
{
    struct run run = { .trace = { .witness = wb->witness.id } };
    bool asking = strcmp(c->state, "asking") == 0;

    wb->theirs = (struct wire_trace){ .self = wb->witness.id };
    peer_connect(&run.peer, wb->proc);
    raw_send(run.peer.fd, c->setup->first.p, c->setup->first.len);
    enter_state(wb, &run, c);
    if (strcmp(c->state, "serving") == 0)
        put_tokens(&run, c);
    wire_send(run.peer.fd, c->bytes.p, c->bytes.len, split);
    (void)shutdown(run.peer.fd, SHUT_WR);
    if (asking)
        witness_answer(wb, run.peer.fd, run.token);
    read_down(&run, false);
    wire_trace_end(&run.trace);
    take_tokens(&run, c);
    peer_close(&run.peer);
    wire_broker_ping(wb);
    check_trace(c, &run);
    wire_case_check(c, "the witness", c->theirs, wb->theirs.text);
    check_broker(wb, c);
    wb->n_runs++;
}

/* -- many cases ------------------------------------------------------------------------------ */

void wire_broker_play(struct wire_cases *cases, enum wire_part part)
{
    const struct wire_case *c;
    struct wire_broker wb;

    wire_broker_begin(&wb);
    while ((c = wire_cases_next(cases)) != NULL)
        wire_broker_run(&wb, c, WIRE_AT_ONCE);
    wire_cases_judge(cases, part);
    wire_broker_end(&wb);
    wire_cases_close(cases);
}

void wire_broker_play_split(struct wire_cases *cases)
{
    const struct wire_case *c;
    struct wire_broker wb;

    wire_broker_begin(&wb);
    while ((c = wire_cases_next(cases)) != NULL) {
        for (size_t split = 1; split < c->bytes.len; split++)
            wire_broker_run(&wb, c, split);
        wire_broker_run(&wb, c, WIRE_BYTE_BY_BYTE);
    }
    wire_cases_judge(cases, WIRE_SOME);
    wire_broker_end(&wb);
    wire_cases_close(cases);
}

/* -- the whole ------------------------------------------------------------------------------- */

void wire_broker_begin(struct wire_broker *wb)
{
    char path[64];

    *wb = (struct wire_broker){ .proc = broker_proc_new() };
    broker_proc_start(wb->proc, NULL);
    peer_open(&wb->witness, wb->proc);
    peer_serve(&wb->witness, HELD, "witness.held", 0);
    snprintf(path, sizeof path, "/proc/%d/statm", (int)broker_proc_pid(wb->proc));
    wb->statm = open(path, O_RDONLY | O_CLOEXEC);
    wb->memory = wire_broker_memory(wb);
    wire_broker_ping(wb);
    wb->n_fds = broker_proc_n_fds(wb->proc);
}

void wire_broker_end(struct wire_broker *wb)
{
    if (wb->n_runs > 0)
        print_message("  %zu connections; resident memory %+lld KiB\n", wb->n_runs,
                      (long long)(wire_broker_memory(wb) - wb->memory) / 1024);
    close(wb->statm);
    peer_close(&wb->witness);
    assert_int_equal(broker_proc_stop(wb->proc), 0);
    char *log = broker_proc_log(wb->proc);
    if (strstr(log, "runtime error:") || strstr(log, "Sanitizer"))
        fail_msg("brokerd said:\n%s", log);
    free(log);
    broker_proc_free(wb->proc);
}
