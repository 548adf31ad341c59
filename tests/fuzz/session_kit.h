/* What fuzz_session.c plays with: time and buffers that are ours, the input read piece
 * by piece, the session, and peers that check every frame they get.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "broker/route/route.h"
#include "broker/session/session.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

enum { PEERS = 4, HEARD_MAX = 1 << 20 };

/* ---- time is ours ----------------------------------------------------------- */

static uint64_t skipped_ns;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    long r = syscall(SYS_clock_gettime, clock, ts);
    if (clock == CLOCK_MONOTONIC) {
        uint64_t ns = (uint64_t)ts->tv_nsec + skipped_ns;
        ts->tv_sec += (time_t)(ns / 1000000000);
        ts->tv_nsec = (long)(ns % 1000000000);
    }
    return (int)r;
}

/* Buffers stay small, so that queues block. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    int small = 1;
    if (level == SOL_SOCKET && (name == SO_SNDBUFFORCE || name == SO_SNDBUF))
        return (int)syscall(SYS_setsockopt, fd, level, SO_SNDBUF, &small, sizeof small);
    return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

/* ---- the input -------------------------------------------------------------- */

struct script {
    const uint8_t *p;
    const uint8_t *end;
};

static inline uint8_t take(struct script *script)
{
    return script->p < script->end ? *script->p++ : 0;
}

static inline uint64_t take_number(struct script *script)
{
    static const uint64_t odd[] = { 0,           255,        256,        MAX_SID,
                                    MAX_SID + 1, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 53 };
    uint8_t b = take(script);
    return b < 248 ? b : odd[b - 248];
}

static inline const char *take_name(struct script *script)
{
    static const char *const names[] = {
        "a", "a.b",       "a.b.c", "a.*",  "*.b",         ">",    "a.>",           "$SYS.>",
        "b", "$SYS.info", "*",     "a..b", "$SYS.client", "long", "$SYS.subjects", "$SYS.clients"
    };
    return names[take(script) % 16];
}

/* ---- a peer ------------------------------------------------------------------- */

struct peer {
    int fd;         /* -1: not there */
    bool deaf;      /* it does not read */
    bool shut;      /* it has half-closed */
    bool broke_out; /* it got something that must not follow: GOODBYE was the last */
    bool greeted;
    uint8_t *heard;
    size_t n_heard;
    size_t n_parsed;
    uint64_t tokens[8]; /* of the last requests it was asked */
    uint32_t n_tokens;
    bool selected;
    uint64_t n_pongs;
};

static struct {
    struct loop *loop;
    struct session session;
    struct counters counters;
    struct peer peers[PEERS];
} world;

static inline void on_round(void *userdata)
{
    session_round(userdata);
}

static inline void turn(int n)
{
    while (n-- > 0)
        REQUIRE(loop_run_once(world.loop, 0) == 0);
}

static inline void check_control(struct peer *peer, const struct envelope *e)
{
    switch (e->op) {
    case OP_WELCOME:
        REQUIRE(!peer->greeted);
        peer->greeted = true;
        return;
    case OP_GOODBYE:
        peer->broke_out = true;
        return;
    case OP_SELECT:
        REQUIRE(e->select.n >= 1 && e->select.n <= MAX_SIDS);
        peer->selected = true;
        break;
    case OP_GAP:
        REQUIRE(e->gap.count > 0 && e->gap.reason >= 1 && e->gap.reason <= 8);
        break;
    case OP_PONG:
        peer->n_pongs++;
        break;
    case OP_END: {
        uint64_t parts =
            e->end.answered + e->end.refused + e->end.gone + e->end.timed_out + e->end.cancelled;
        REQUIRE(e->end.asked == parts);
        break;
    }
    default:
        break;
    }
    REQUIRE(peer->greeted);
}

static inline void check_payload(struct peer *peer, const struct frame *frame)
{
    REQUIRE(peer->greeted && frame->fixed && frame->n_extra == 0);
    REQUIRE(!(frame->word & (WORD_BROKER | WORD_SENDER_SPARE)));
    if (frame->op != OP_REPLY)
        REQUIRE(peer->selected);
    if (frame->op == OP_REQUEST)
        peer->tokens[peer->n_tokens++ % 8] = frame->token;
}

static inline void check_frame(struct peer *peer, const uint8_t *body, size_t len)
{
    struct envelope envelope;
    struct frame frame;
    int op = envelope_opcode(body, len);
    REQUIRE(!peer->broke_out);
    REQUIRE(op >= 0 && (opcode_from((uint8_t)op) & FROM_B));
    if (op == OP_MESSAGE || op == OP_REQUEST || op == OP_REPLY) {
        REQUIRE(frame_read(&frame, body, len, NULL));
        check_payload(peer, &frame);
    } else {
        REQUIRE(envelope_read(&envelope, body, len, NULL));
        check_control(peer, &envelope);
    }
}

static inline void parse(struct peer *peer)
{
    while (peer->n_heard - peer->n_parsed >= FRAME_PREFIX) {
        const uint8_t *p = peer->heard + peer->n_parsed;
        uint32_t len = load_be32(p);
        REQUIRE(len > 0 && len <= MAX_FRAME);
        if (peer->n_heard - peer->n_parsed - FRAME_PREFIX < len)
            break;
        check_frame(peer, p + FRAME_PREFIX, len);
        peer->n_parsed += FRAME_PREFIX + len;
    }
    memmove(peer->heard, peer->heard + peer->n_parsed, peer->n_heard - peer->n_parsed);
    peer->n_heard -= peer->n_parsed;
    peer->n_parsed = 0;
}

/* Returns false at the end of file. */
static inline bool listen_to(struct peer *peer)
{
    for (;;) {
        ssize_t n = read(peer->fd, peer->heard + peer->n_heard, HEARD_MAX - peer->n_heard);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        peer->n_heard += (size_t)n;
        parse(peer);
    }
}

static inline void peer_close(struct peer *peer)
{
    if (peer->fd < 0)
        return;
    close(peer->fd);
    free(peer->heard);
    *peer = (struct peer){ .fd = -1 };
}

static inline void say(struct peer *peer, const void *bytes, size_t len)
{
    if (!peer->shut && len > 0)
        (void)!send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static inline void say_envelope(struct peer *peer, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    say(peer, buf, envelope_write(buf, sizeof buf, envelope));
}

static inline void hello(struct peer *peer)
{
    struct envelope e = { .op = OP_HELLO };
    e.hello.magic = (struct piece){ HELLO_MAGIC, strlen(HELLO_MAGIC) };
    e.hello.version = 1;
    e.hello.options = (struct piece){ "\x81\xa4name\xa1x", 8 };
    say_envelope(peer, &e);
}

static inline void peer_open(struct peer *peer, bool polite)
{
    int pair[2];
    *peer = (struct peer){ .fd = -1, .heard = malloc(HEARD_MAX) };
    REQUIRE(peer->heard);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, NULL, 0);
    session_adopt(&world.session, pair[0], "fuzz");
    peer->fd = pair[1];
    if (polite)
        hello(peer);
}
