/* A whole session with up to four peers, and an input that says what they do.
 *
 * The input is a row of actions: a byte of which peer and what, then its arguments. Peers speak
 * frames of a small grammar, or raw bytes; they stop reading, half-close, close, come again;
 * time passes. In the end: every peer has got nothing but whole frames that a client may get,
 * and as many messages as SELECT, GAP and the counts allow; a fresh peer is served; and
 * everything is freed.
 */
#include "broker/watch/log.h"
#include "proto/writer.h"
#include "tests/fuzz/session_kit.h"

enum { ACTIONS_MAX = 400 };

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

enum { SYS_BODY_LEN = 12 };

/* What $SYS requests look for in a body: {"id": n, "after": n, nil or a text}, sometimes
 * cut short by the headers. */
static void put_sys_body(uint8_t *p, struct script *script)
{
    static const uint8_t map[SYS_BODY_LEN] = { 0x82, 0xa2, 'i', 'd', 0,   0xa5,
                                               'a',  'f',  't', 'e', 'r', 0xc0 };
    static const uint8_t afters[] = { 0xc0, 0x00, 0x05, 0xa0, 0x80, 0xd9 };
    memcpy(p, map, sizeof map);
    p[4] = take(script);
    p[11] = afters[take(script) % sizeof afters];
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
    bool asks_sys = op == OP_REQUEST && (bits & 16);
    if (asks_sys)
        frame.payload_len = SYS_BODY_LEN - frame.headers_len;
    size_t head = frame_write_head(buf, &frame);
    size_t len = head + frame.headers_len + frame.payload_len;
    memset(buf + head, 0x80, len - head);
    if (asks_sys)
        put_sys_body(buf + head + frame.headers_len, script);
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

static void say_message(struct peer *peer, struct script *script)
{
    say_payload(peer, script, OP_MESSAGE);
}

static void say_request(struct peer *peer, struct script *script)
{
    say_payload(peer, script, OP_REQUEST);
}

static void say_reply(struct peer *peer, struct script *script)
{
    say_payload(peer, script, OP_REPLY);
}

static void say_small(struct peer *peer, struct script *script)
{
    static const uint8_t ops[] = { OP_UNSUB, OP_UNSERVE, OP_SERVE, OP_CANCEL, OP_PING, OP_CONFIRM };
    say_numbers(peer, script, ops[take(script) % sizeof ops]);
}

static void say_goodbye(struct peer *peer, struct script *script)
{
    (void)script;
    say_envelope(peer, &(struct envelope){ .op = OP_GOODBYE });
}

static void say_hello(struct peer *peer, struct script *script)
{
    (void)script;
    hello(peer);
}

static void pass_time(struct peer *peer, struct script *script)
{
    static const uint32_t ms[] = { 1, 100, 900, 1100, 5100, 11000, 60000, 3600000 };
    (void)peer;
    skipped_ns += ms[take(script) & 7] * UINT64_C(1000000);
    turn(2);
}

static void go_deaf(struct peer *peer, struct script *script)
{
    peer->deaf = take(script) & 1;
}

static void half_close(struct peer *peer, struct script *script)
{
    (void)script;
    shutdown(peer->fd, SHUT_WR);
    peer->shut = true;
}

static void leave(struct peer *peer, struct script *script)
{
    (void)script;
    peer_close(peer);
}

static void read_on(struct peer *peer, struct script *script)
{
    (void)script;
    if (!peer->deaf && !listen_to(peer))
        peer_close(peer);
}

static void make_rounds(struct peer *peer, struct script *script)
{
    (void)peer;
    turn(1 + (take(script) & 3));
}

static void act(struct script *script)
{
    static void (*const actions[])(struct peer *, struct script *) = {
        say_sub,     say_sub,    say_sub,   say_message, say_message, say_message, say_request,
        say_request, say_reply,  say_loose, say_small,   say_small,   say_raw,     pass_time,
        go_deaf,     half_close, leave,     say_goodbye, say_hello,   read_on,     make_rounds,
    };
    uint8_t what = take(script);
    struct peer *peer = &world.peers[what & (PEERS - 1)];
    what >>= 2;
    if (peer->fd < 0) {
        peer_open(peer, what & 1);
        return;
    }
    actions[what % (sizeof actions / sizeof actions[0])](peer, script);
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
        const struct registration *reg = NULL;
        for (; (reg = sid_next(client, reg)); n++)
            REQUIRE(reg->lane.n_messages == 0 || conn->out.head);
        REQUIRE(n == client->sids.n);
    }
}

static void check_end(void)
{
    struct route *route = &world.session.route;
    turn(3);
    REQUIRE(world.session.net.n_conns == 0);
    REQUIRE(route->n_subs == 0 && route->n_services == 0 && route->n_clients == 0);
    REQUIRE(route->index.n_nodes == 0 && route->calls.n_open == 0);
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
    /* Who is held goes on a frame a round, or when who holds it has had its time. */
    for (int i = 0; i < 1000 && world.session.net.n_conns > 0; i++) {
        turn(5);
        skipped_ns += i % 100 ? 0 : UINT64_C(11000) * 1000000;
    }
    check_end();
    session_deinit(&world.session);
    world.loop = loop_free(world.loop);
    return 0;
}
