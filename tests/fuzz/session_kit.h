/* What fuzz_session.c plays with: the input read piece by piece, the session, and peers of three
 * uids that check every frame they get. Sockets and time are fake_sockets.h's.
 */
#pragma once

#include "broker/route/route.h"
#include "broker/session/session.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "tests/fuzz/fake_sockets.h"
#include "tests/unit/scarce_pages.h"

enum { PEERS = 4, HEARD_MAX = 256 << 10 };

/* What the kernel lets wait for a peer, at first; so that queues block. */
enum { PEER_ROOM = 2304 };

static const uid_t peer_uids[PEERS + 1] = { 0, 1000, 1000, 1001, 1002 };

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
    int place;      /* among its like */
    uint32_t last;  /* so many bytes more, and it closes, wherever that is; 0: it does not */
    bool deaf;      /* it does not read */
    bool shut;      /* it has half-closed */
    bool broke_out; /* it got something that must not follow: GOODBYE was the last */
    bool greeted;
    size_t n_heard;
    size_t n_parsed;
    uint64_t tokens[8]; /* of the last requests it was asked */
    uint32_t n_tokens;
    bool selected;
    uint64_t n_pongs;
};

/* ---- the session ---------------------------------------------------------------- */

/* A session and what is under it. It serves many plays, since each leaves nothing behind. */
struct house {
    struct loop *loop; /* NULL: it is to be made */
    struct session session;
    struct counters counters;
    struct counters before; /* at the last look */
    unsigned n_plays;
};

static struct house houses[2], *here; /* by loop */

static struct {
    struct peer peers[PEERS];
    uint8_t heard[PEERS + 1][HEARD_MAX];
    bool moved;      /* the broker has done something since the last look */
    uint32_t n_heap; /* allocations that it still gets when it runs next; UINT32_MAX: all */
} world;

/* Memory is scarce in between, once. */
static inline void go_scarce(void)
{
    heap_left = world.n_heap;
    world.n_heap = UINT32_MAX;
    world.moved = true;
}

static inline void end_scarce(void)
{
    heap_left = UINT32_MAX;
}

static inline uint8_t *heard_by(const struct peer *peer)
{
    return world.heard[peer->place];
}

static inline void on_round(void *userdata)
{
    session_round(userdata);
}

static inline void turn(int n)
{
    go_scarce();
    while (n-- > 0)
        REQUIRE(loop_run_once(here->loop, 0) == 0);
    end_scarce();
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
        const uint8_t *p = heard_by(peer) + peer->n_parsed;
        uint32_t len = load_be32(p);
        REQUIRE(len > 0 && len <= MAX_FRAME);
        if (peer->n_heard - peer->n_parsed - FRAME_PREFIX < len)
            break;
        check_frame(peer, p + FRAME_PREFIX, len);
        peer->n_parsed += FRAME_PREFIX + len;
    }
    memmove(heard_by(peer), heard_by(peer) + peer->n_parsed, peer->n_heard - peer->n_parsed);
    peer->n_heard -= peer->n_parsed;
    peer->n_parsed = 0;
}

/* Returns false at the end of file. */
static inline bool listen_to(struct peer *peer)
{
    for (;;) {
        ssize_t n = read(peer->fd, heard_by(peer) + peer->n_heard, HEARD_MAX - peer->n_heard);
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
    *peer = (struct peer){ .fd = -1, .place = peer->place };
}

static inline void say(struct peer *peer, const void *bytes, size_t len)
{
    if (peer->fd < 0 || peer->shut || len == 0)
        return;
    bool is_last = peer->last > 0 && peer->last <= len;
    (void)!send(peer->fd, bytes, is_last ? peer->last : len, 0);
    if (is_last)
        peer_close(peer);
    else if (peer->last > 0)
        peer->last -= (uint32_t)len;
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

static inline void peer_open(struct peer *peer, int place, bool polite)
{
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    *peer = (struct peer){ .fd = pair[1], .place = place };
    fake_at(pair[0])->uid = peer_uids[place];
    fake_at(pair[1])->room = PEER_ROOM;
    go_scarce();
    session_adopt(&here->session, pair[0], "fuzz");
    end_scarce();
    if (polite)
        hello(peer);
}

/* The broker's end; NULL: it is closed. */
static inline struct fake_socket *far_end(const struct peer *peer)
{
    return fake_at(peer->fd)->other;
}
