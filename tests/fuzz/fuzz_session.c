/* A whole session with up to four peers, and an input that says what they do.
 *
 * The input is a row of actions: a byte of which peer and what, then its arguments. Peers speak
 * frames of a small grammar, or raw bytes; they stop reading, half-close, close, come again;
 * time passes. In the end: every peer has got nothing but whole frames that a client may get,
 * and as many messages as SELECT, GAP and the counts allow; a fresh peer is served; and
 * everything is freed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "broker/route/route.h"
#include "broker/session/session.h"
#include "broker/watch/log.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "proto/writer.h"
#include "tests/fuzz/fuzz.h"

enum { PEERS = 4, HEARD_MAX = 1 << 20, ACTIONS_MAX = 400 };

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

/* ---- the input -------------------------------------------------------------- */

struct script {
    const uint8_t *p;
    const uint8_t *end;
};

static uint8_t take(struct script *script)
{
    return script->p < script->end ? *script->p++ : 0;
}

static uint64_t take_number(struct script *script)
{
    static const uint64_t odd[] = { 0, 255, 256, MAX_SID, MAX_SID + 1, UINT32_MAX, UINT64_MAX,
                                    UINT64_C(1) << 53 };
    uint8_t b = take(script);
    return b < 248 ? b : odd[b - 248];
}

static const char *take_name(struct script *script)
{
    static const char *const names[] = { "a",      "a.b",    "a.b.c",       "a.*",  "*.b",
                                         ">",      "a.>",    "$SYS.>",      "b",    "$SYS.info",
                                         "*",      "a..b",   "$SYS.client", "long", "$SYS.subjects",
                                         "$SYS.clients" };
    return names[take(script) % 16];
}

/* ---- a peer ------------------------------------------------------------------- */

struct peer {
    int fd;           /* -1: not there */
    bool deaf;        /* it does not read */
    bool shut;        /* it has half-closed */
    bool broke_out;   /* it got something that must not follow: GOODBYE was the last */
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

static void on_round(void *userdata)
{
    session_round(userdata);
}

static void turn(int n)
{
    while (n-- > 0)
        REQUIRE(loop_run_once(world.loop, 0) == 0);
}

static void check_control(struct peer *peer, const struct envelope *e)
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
        uint64_t parts = e->end.answered + e->end.refused + e->end.gone + e->end.timed_out +
                         e->end.cancelled;
        REQUIRE(e->end.asked == parts);
        break;
    }
    default:
        break;
    }
    REQUIRE(peer->greeted);
}

static void check_payload(struct peer *peer, const struct frame *frame)
{
    REQUIRE(peer->greeted && frame->fixed && frame->n_extra == 0);
    REQUIRE(!(frame->word & (WORD_BROKER | WORD_SENDER_SPARE)));
    if (frame->op != OP_REPLY)
        REQUIRE(peer->selected);
    if (frame->op == OP_REQUEST)
        peer->tokens[peer->n_tokens++ % 8] = frame->token;
}

static void check_frame(struct peer *peer, const uint8_t *body, size_t len)
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

static void parse(struct peer *peer)
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
static bool listen_to(struct peer *peer)
{
    for (;;) {
        ssize_t n = read(peer->fd, peer->heard + peer->n_heard, HEARD_MAX - peer->n_heard);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        peer->n_heard += (size_t)n;
        parse(peer);
    }
}

static void peer_close(struct peer *peer)
{
    if (peer->fd < 0)
        return;
    close(peer->fd);
    free(peer->heard);
    *peer = (struct peer){ .fd = -1 };
}

static void say(struct peer *peer, const void *bytes, size_t len)
{
    if (!peer->shut && len > 0)
        (void)!send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_envelope(struct peer *peer, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    say(peer, buf, envelope_write(buf, sizeof buf, envelope));
}

static void hello(struct peer *peer)
{
    struct envelope e = { .op = OP_HELLO };
    e.hello.magic = (struct piece){ HELLO_MAGIC, strlen(HELLO_MAGIC) };
    e.hello.version = 1;
    e.hello.options = (struct piece){ "\x81\xa4name\xa1x", 8 };
    say_envelope(peer, &e);
}

static void peer_open(struct peer *peer, bool polite)
{
    int pair[2];
    int small = 4608;
    *peer = (struct peer){ .fd = -1, .heard = malloc(HEARD_MAX) };
    REQUIRE(peer->heard);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    session_adopt(&world.session, pair[0], "fuzz");
    peer->fd = pair[1];
    if (polite)
        hello(peer);
}

/* ---- frames --------------------------------------------------------------------- */

static struct piece text(const char *s)
{
    return (struct piece){ s, strlen(s) };
}

static void say_sub(struct peer *peer, struct script *script)
{
    struct envelope e = { .op = OP_SUB };
    uint8_t bits = take(script);
    e.sub.ref = 1;
    e.sub.sid = take_number(script);
    e.sub.pattern = text(take_name(script));
    if (bits & 1)
        e.sub.group = text(bits & 2 ? "g" : "h");
    e.sub.policy = (bits >> 2) % 6;
    if (bits & 32)
        e.sub.queue_bytes = take_number(script);
    if (bits & 64)
        e.sub.queue_messages = take_number(script);
    if (bits & 128)
        e.sub.after = take_number(script);
    e.sub.flags = bits & 2 ? 1 : 0;
    say_envelope(peer, &e);
}

static void say_payload(struct peer *peer, struct script *script, int op)
{
    static uint8_t buf[FRAME_MAX_HEAD + (64 << 10)];
    uint8_t bits = take(script);
    struct frame frame = { .op = (uint8_t)op, .word = bits & 1 ? WORD_MSGPACK : 0 };
    const char *subject = take_name(script);
    frame.subject = subject;
    frame.subject_len = strlen(subject);
    frame.headers_len = bits & 2 ? 1 : 0;
    frame.payload_len = bits & 4 ? (size_t)take(script) << 8 : take(script) & 15;
    if (op == OP_REQUEST) {
        frame.token = take(script) & 7;
        frame.mode = (bits >> 3) & 1;
        frame.timeout_ms = take_number(script) * 10;
    } else if (op == OP_REPLY) {
        frame.token = peer->tokens[take(script) & 7];
        frame.word |= bits & 8 ? WORD_MORE : 0;
        frame.status = bits & 16 ? take_number(script) : 0;
    }
    if (bits & 32)
        frame.word |= (uint32_t)take(script) << 24;
    size_t head = frame_write_head(buf, &frame);
    size_t len = head + frame.headers_len + frame.payload_len;
    memset(buf + head, 0x80, len - head);
    for (int n = bits & 64 ? take(script) : 1; n > 0; n--)
        say(peer, buf, len);
    if ((bits & 128) && len > 9) { /* the last one is not finished */
        say(peer, buf, len / 2);
        say(peer, buf + len / 2, bits & 1 ? len - len / 2 : 0);
    }
}

/* The loose form of a MESSAGE: any encoding of the same numbers. */
static void say_loose(struct peer *peer, struct script *script)
{
    uint8_t buf[600];
    const char *subject = take_name(script);
    uint8_t extra = take(script) & 3;
    struct writer w = { buf + FRAME_PREFIX, buf + sizeof buf, false };
    writer_array(&w, 4u + (extra == 1));
    writer_uint(&w, OP_MESSAGE);
    writer_uint(&w, extra == 2 ? 3 : 0);
    writer_uint(&w, 0);
    writer_str(&w, subject, strlen(subject));
    if (extra == 1)
        writer_nil(&w);
    writer_str(&w, "headers and payload", 19);
    store_be32(buf, (uint32_t)(w.p - buf - FRAME_PREFIX));
    say(peer, buf, (size_t)(w.p - buf));
}

static void say_numbers(struct peer *peer, struct script *script, int op)
{
    struct envelope e = { .op = (uint8_t)op };
    uint64_t a = take_number(script);
    switch (op) {
    case OP_UNSUB:
    case OP_UNSERVE:
        e.unsub.ref = 2;
        e.unsub.sid = a;
        break;
    case OP_SERVE:
        e.serve.sid = a;
        e.serve.pattern = text(take_name(script));
        e.serve.max_open = take_number(script);
        break;
    case OP_CANCEL:
        e.cancel.token = a & 7;
        break;
    default:
        e.ref = a;
    }
    say_envelope(peer, &e);
}

static void say_raw(struct peer *peer, struct script *script)
{
    size_t n = take(script);
    size_t left = (size_t)(script->end - script->p);
    n = n < left ? n : left;
    say(peer, script->p, n);
    script->p += n;
}

/* ---- the play -------------------------------------------------------------------- */

static void pass_time(struct script *script)
{
    static const uint32_t ms[] = { 1, 100, 900, 1100, 5100, 11000, 60000, 3600000 };
    skipped_ns += ms[take(script) & 7] * UINT64_C(1000000);
    turn(2);
}

static void act(struct script *script)
{
    static const uint8_t numbers[] = { OP_UNSUB, OP_UNSERVE, OP_SERVE, OP_CANCEL, OP_PING,
                                       OP_CONFIRM };
    uint8_t what = take(script);
    struct peer *peer = &world.peers[what & (PEERS - 1)];
    what >>= 2;
    if (peer->fd < 0) {
        peer_open(peer, what & 1);
        return;
    }
    switch (what % 21) {
    case 0: case 1: case 2: say_sub(peer, script); break;
    case 3: case 4: case 5: say_payload(peer, script, OP_MESSAGE); break;
    case 6: case 7: say_payload(peer, script, OP_REQUEST); break;
    case 8: say_payload(peer, script, OP_REPLY); break;
    case 9: say_loose(peer, script); break;
    case 10: case 11: say_numbers(peer, script, numbers[take(script) % 6]); break;
    case 12: say_raw(peer, script); break;
    case 13: pass_time(script); break;
    case 14: peer->deaf = take(script) & 1; break;
    case 15:
        shutdown(peer->fd, SHUT_WR);
        peer->shut = true;
        break;
    case 16: peer_close(peer); break;
    case 17: say_envelope(peer, &(struct envelope){ .op = OP_GOODBYE }); break;
    case 18: hello(peer); break;
    case 19:
        if (peer->deaf || listen_to(peer))
            break;
        peer_close(peer);
        break;
    default: turn(1 + (take(script) & 3)); break;
    }
    if (what & 32)
        turn(1);
}

static void check_fresh(void)
{
    struct peer peer;
    peer_open(&peer, true);
    say_envelope(&peer, &(struct envelope){ .op = OP_PING, .ref = 77 });
    for (int i = 0; i < 50 && peer.n_pongs == 0; i++) {
        turn(1);
        REQUIRE(listen_to(&peer));
    }
    REQUIRE(peer.n_pongs == 1);
    peer_close(&peer);
}

static void check_accounts(void)
{
    for (struct conn *conn = world.session.net.all; conn; conn = conn->next) {
        const struct client *client = (const struct client *)conn;
        uint64_t bytes = 0;
        for (const struct entry *e = conn->out.head; e; e = e->next)
            bytes += e->len;
        REQUIRE(bytes == conn->out.n_bytes);
        uint32_t n = 0;
        for (const struct sub *s = client->subs; s; s = s->client_next, n++)
            REQUIRE(s->reg.lane.n_messages == 0 || conn->out.head);
        REQUIRE(n == client->n_subs);
    }
}

static void check_end(void)
{
    struct route *route = &world.session.route;
    turn(3);
    REQUIRE(world.session.net.n_conns == 0);
    REQUIRE(route->n_subs == 0 && route->n_services == 0 && route->n_clients == 0);
    REQUIRE(route->index.n_nodes == 0 && route->sids.n == 0 && route->calls.n_open == 0);
    REQUIRE(!route->run.dest);
}

static void quiet(void)
{
    static bool done;
    if (!done)
        log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), "fuzz", LOG_LEVEL_ERR);
    done = true;
}

static void hear_out(void)
{
    for (int i = 0; i < 4; i++) {
        turn(2);
        for (int j = 0; j < PEERS; j++) {
            if (world.peers[j].fd >= 0 && !world.peers[j].deaf && !listen_to(&world.peers[j]))
                peer_close(&world.peers[j]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct script script = { data, data + len };
    quiet();
    memset(&world, 0, sizeof world);
    REQUIRE(loop_new(&world.loop, len % 2 ? "poll" : "epoll") == 0);
    REQUIRE(session_init(&world.session, world.loop, &world.counters) == 0);
    loop_set_hook(world.loop, on_round, &world.session);
    for (int i = 0; i < PEERS; i++) {
        world.peers[i].fd = -1;
        if (i < 2)
            peer_open(&world.peers[i], true);
    }
    for (int i = 0; i < ACTIONS_MAX && script.p < script.end; i++)
        act(&script);
    hear_out();
    check_accounts();
    check_fresh();
    bool drain = len % 3 == 0;
    if (drain)
        session_drain(&world.session);
    for (int i = 0; i < PEERS; i++) {
        if (world.peers[i].fd >= 0 && !world.peers[i].deaf)
            listen_to(&world.peers[i]);
        peer_close(&world.peers[i]);
    }
    for (int i = 0; i < 3; i++) { /* until all have been noticed; who is held or lingers has its time */
        turn(5);
        skipped_ns += UINT64_C(11000) * 1000000;
    }
    check_end();
    session_deinit(&world.session);
    world.loop = loop_free(world.loop);
    return 0;
}
