#include "tests/live/wire_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/live/wire_library.h"
#include "tests/live/wire_send.h"

enum {
    SLACK_BYTES = 256 << 10, /* of allocated memory: malloc's own caches count as in use */
    PEAK_BYTES = 8 << 20,    /* what a claim of 16 MiB must not reach */
};

/* A WELCOME for the witness. */
static const uint8_t welcome[] = "\0\0\0\x18\x96\x02\x01\x00\xc4\x10"
                                 "a broker's own i"
                                 "\x07\x80";

/* -- a broker of our own making -------------------------------------------------------------- */

static void start_listening(struct wire_client *wc)
{
    static unsigned n;
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(wc->path, sizeof wc->path, "%s/fake-%u", kit_dir(), n++);
    memcpy(address.sun_path, wc->path, strlen(wc->path));
    wc->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(wc->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(wc->listener, 8) < 0)
        fail_msg("cannot listen: %s", strerror(errno));
}

static void await_input(int fd, const char *whom)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    if (poll(&p, 1, WIRE_PATIENCE_MS) != 1)
        fail_msg("nothing comes from %s", whom);
}

/** Takes the next connection, and its HELLO. */
static struct peer take_client(const struct wire_client *wc)
{
    struct peer peer = { 0 };

    await_input(wc->listener, "the library: it does not connect");
    peer.fd = accept4(wc->listener, NULL, NULL, SOCK_CLOEXEC);
    const struct got *got = peer_next(&peer, WIRE_PATIENCE_MS);
    if (!got || got->op != OP_HELLO)
        fail_msg("the library does not say HELLO");
    return peer;
}

/** Reads up to a PING, and returns its reference. */
static uint64_t take_ping(struct peer *peer)
{
    const struct got *got;

    do
        got = peer_next(peer, WIRE_PATIENCE_MS);
    while (got && got->op != OP_PING);
    if (!got)
        fail_msg("no PING came");
    return got->control.ref;
}

static void answer_witness(struct wire_client *wc)
{
    struct envelope pong = { .op = OP_PONG };

    pong.ref = take_ping(&wc->witness);
    peer_send(&wc->witness, &pong);
}

/* -- the process ----------------------------------------------------------------------------- */

static void receive(const struct wire_client *wc, void *ret, size_t size)
{
    await_input(wc->control, "the library's process");
    if (recv(wc->control, ret, size, 0) != (ssize_t)size)
        fail_msg("the library's process has died");
}

static int64_t peak_of(const struct wire_client *wc)
{
    char path[64], line[128];
    long long kib = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)wc->pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %lld", &kib) != 1)
        ;
    if (file)
        fclose(file);
    return kib * 1024;
}

void wire_client_begin(struct wire_client *wc)
{
    char url[128];
    int pair[2];

    *wc = (struct wire_client){ .n_fds = -1 };
    start_listening(wc);
    snprintf(url, sizeof url, "unix:%s", wc->path);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    fflush(NULL);
    wc->pid = fork();
    if (wc->pid == 0) {
        close(pair[0]);
        close(wc->listener);
        alarm(0);
        exit(wire_library_main(url, pair[1]));
    }
    close(pair[1]);
    wc->control = pair[0];
    wc->witness = take_client(wc);
    raw_send(wc->witness.fd, welcome, sizeof welcome - 1);
}

void wire_client_end(struct wire_client *wc)
{
    int status = 0;

    print_message("  %zu connections\n", wc->n_runs);
    if (!KIT_SANITIZED)
        assert_in_range(peak_of(wc), 1, wc->peak + PEAK_BYTES);
    close(wc->control);
    peer_close(&wc->witness);
    close(wc->listener);
    unlink(wc->path);
    assert_int_equal(waitpid(wc->pid, &status, 0), wc->pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the library's process ended with %x", (unsigned)status);
}

/* -- a case ---------------------------------------------------------------------------------- */

/** The client may hang up at any byte, as it should. */
static void send_rest(int fd, const struct wire_case *c, size_t split)
{
    (void)raw_try_send(fd, c->setup->rest.p, c->setup->rest.len, WIRE_PATIENCE_MS);
    wire_send(fd, c->bytes.p, c->bytes.len, split);
    (void)shutdown(fd, SHUT_WR);
}

/** All that the client still says, to its end, which may be a reset if it has not read everything. */
static size_t drain(const struct peer *peer, uint8_t *ret, size_t size)
{
    size_t len = peer->len - peer->at;
    ssize_t n;

    memcpy(ret, peer->in + peer->at, len);
    while (len < size && (n = raw_recv(peer->fd, ret + len, size - len, WIRE_PATIENCE_MS)) > 0)
        len += (size_t)n;
    return len;
}

/** The status of the GOODBYE that is the last it says; 0: its last is none. */
static uint32_t last_goodbye(const struct peer *peer)
{
    static uint8_t bytes[64 << 10];
    const size_t len = drain(peer, bytes, sizeof bytes);
    uint64_t status = 0;
    size_t size;

    for (size_t at = 0; at < len; at += size) {
        struct envelope e = { 0 };
        size = len - at < FRAME_PREFIX ? len + 1 : FRAME_PREFIX + (size_t)load_be32(bytes + at);
        if (size > len - at)
            fail_msg("the library's last frame is not whole");
        const uint8_t *frame = bytes + at + FRAME_PREFIX;
        bool leaves = envelope_opcode(frame, size - FRAME_PREFIX) == OP_GOODBYE;
        status =
            leaves && envelope_read(&e, frame, size - FRAME_PREFIX, NULL) ? e.goodbye.status : 0;
    }
    return (uint32_t)status;
}

/** @return what its GOODBYE says, as last_goodbye() has it */
static uint32_t play(struct wire_client *wc, const struct wire_case *c, size_t split)
{
    bool busy = strcmp(c->state, "busy") == 0, greeting = strcmp(c->state, "greeting") == 0;
    char said = busy ? WIRE_BUSY : greeting ? WIRE_GREETING : WIRE_CONNECTED;

    assert_int_equal(send(wc->control, &said, 1, MSG_NOSIGNAL), 1);
    struct peer peer = take_client(wc);
    if (!greeting) {
        raw_send(peer.fd, c->setup->first.p, c->setup->first.len);
        receive(wc, &said, 1);
    }
    if (busy)
        take_ping(&peer);
    send_rest(peer.fd, c, split);
    uint32_t says = last_goodbye(&peer);
    peer_close(&peer);
    answer_witness(wc);
    return says;
}

static void check_costs(struct wire_client *wc, const struct wire_case *c,
                        const struct wire_report *report)
{
    if (wc->n_fds < 0) {
        wc->n_fds = report->n_fds;
        wc->memory = report->memory;
        wc->peak = peak_of(wc);
    }
    if (report->n_fds != wc->n_fds)
        fail_msg("%s (%s): %d descriptors instead of %d", c->name, c->state, report->n_fds,
                 wc->n_fds);
    if (!KIT_SANITIZED && report->memory > wc->memory + SLACK_BYTES)
        fail_msg("%s (%s): %zu bytes allocated instead of %zu", c->name, c->state, report->memory,
                 wc->memory);
}

void wire_client_run(struct wire_client *wc, const struct wire_case *c, size_t split)
{
    static struct wire_report report;
    char wanted[16384];

    uint32_t says = play(wc, c, split);
    receive(wc, &report, sizeof report);
    if (says != 0) {
        size_t len = strlen(report.trace);
        snprintf(report.trace + len, sizeof report.trace - len, "%ssays %s", len > 0 ? "; " : "",
                 status_name(says));
    }
    snprintf(wanted, sizeof wanted, "%s%s%s", c->setup->trace,
             c->setup->trace[0] && c->trace[0] ? "; " : "", c->trace);
    wire_case_check(c, "the library", wanted, report.trace);
    check_costs(wc, c, &report);
    wc->n_runs++;
}

/* -- many cases ------------------------------------------------------------------------------ */

void wire_client_play(struct wire_cases *cases, enum wire_part part)
{
    const struct wire_case *c;
    struct wire_client wc;

    wire_client_begin(&wc);
    while ((c = wire_cases_next(cases)) != NULL)
        wire_client_run(&wc, c, WIRE_AT_ONCE);
    wire_cases_judge(cases, part);
    wire_client_end(&wc);
    wire_cases_close(cases);
}

void wire_client_play_split(struct wire_cases *cases)
{
    const struct wire_case *c;
    struct wire_client wc;

    wire_client_begin(&wc);
    while ((c = wire_cases_next(cases)) != NULL) {
        for (size_t split = 1; split < c->bytes.len; split++)
            wire_client_run(&wc, c, split);
        wire_client_run(&wc, c, WIRE_BYTE_BY_BYTE);
    }
    wire_cases_judge(cases, WIRE_SOME);
    wire_client_end(&wc);
    wire_cases_close(cases);
}
