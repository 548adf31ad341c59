/* A whole session with up to four peers of three uids, and an input that says what they do.
 *
 * The input is a row of actions: a byte of which peer and what, then its arguments. Peers speak
 * frames of a small grammar, or raw bytes; they stop reading, half-close, close at any byte, come
 * again; calls about them fail; memory runs out; time passes; policy and limits are swapped under
 * them. Between any two steps the books agree (session_check.h). In the end: every peer has got
 * nothing but whole frames that a client may get, and as many messages as SELECT, GAP and the
 * counts allow; a fresh peer (of each fourth play) is served; and everything is given back.
 */
#include <fcntl.h>

#include "broker/watch/log.h"
#include "tests/fuzz/session_check.h"
#include "tests/fuzz/session_rules.h"
#include "tests/fuzz/session_say.h"

enum { ACTIONS_MAX = 200, PLAYS_MAX = 256 /* in a house */ };

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
    fake.now_ns += ms[take(script) & 7] * UINT64_C(1000000);
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

/* ---- what others do to it ---------------------------------------------------------- */

static void swap_policy(struct peer *peer, struct script *script)
{
    struct policy_snapshot *policy = policy_number(take(script));
    (void)peer;
    go_scarce();
    int r = session_set_policy(&here->session, policy);
    end_scarce();
    REQUIRE(r == 0 || r == -ENOMEM);
}

static void swap_limits(struct peer *peer, struct script *script)
{
    struct limits limits = limits_number(take(script));
    (void)peer;
    session_set_limits(&here->session, &limits);
    world.moved = true;
}

/* The broker gets what it says in pieces. */
static void crumble(struct peer *peer, struct script *script)
{
    if (far_end(peer))
        far_end(peer)->at_most = take(script);
}

static void send_fds(struct peer *peer, struct script *script)
{
    (void)script;
    if (far_end(peer))
        far_end(peer)->has_fds = true;
}

/* The broker's next call about it. */
static void fail_call(struct peer *peer, struct script *script)
{
    static const int errors[] = { ECONNRESET, EPIPE, ENOBUFS, ENOMEM, EINTR, EAGAIN, EIO, EBADMSG };
    if (far_end(peer))
        far_end(peer)->fails_with = errors[take(script) & 7];
}

static void narrow(struct peer *peer, struct script *script)
{
    fake_at(peer->fd)->room = 16u << (take(script) & 15) % 13;
}

static void die_in_a_frame(struct peer *peer, struct script *script)
{
    peer->last = 1 + take(script);
}

/* Rounds take long: who is there has to wait for the others. */
static void slow_down(struct peer *peer, struct script *script)
{
    (void)peer;
    fake.tick_ns = FAKE_TICK_NS << (take(script) & 15);
}

/* In the next rounds, once. */
static void run_out_of_memory(struct peer *peer, struct script *script)
{
    (void)peer;
    world.n_heap = take(script) & 63;
}

static void act(struct script *script)
{
    static void (*const actions[32])(struct peer *, struct script *) = {
        say_sub,     say_sub,           say_sub,     say_message,    say_message, say_message,
        say_request, say_request,       say_reply,   say_loose,      say_small,   say_small,
        say_raw,     pass_time,         go_deaf,     half_close,     leave,       say_goodbye,
        say_hello,   read_on,           make_rounds, swap_policy,    swap_limits, crumble,
        send_fds,    fail_call,         narrow,      die_in_a_frame, slow_down,   say_reply,
        say_request, run_out_of_memory,
    };
    uint8_t what = take(script);
    int place = what & (PEERS - 1);
    struct peer *peer = &world.peers[place];
    what >>= 2;
    if (peer->fd < 0) {
        if (fake.n_open + 4 <= FAKE_SOCKETS) /* and a fresh one at the end */
            peer_open(peer, place, what & 1);
        return;
    }
    actions[what & 31](peer, script);
    if (what & 32)
        turn(1);
}

/* ---- the end ------------------------------------------------------------------------ */

/* Of another uid, by the rules that all began with: whatever the others do. */
static void check_fresh(void)
{
    struct limits limits = limits_number(0);
    struct peer peer;
    session_set_limits(&here->session, &limits);
    REQUIRE(session_set_policy(&here->session, policy_number(0)) == 0);
    peer_open(&peer, PEERS, true);
    say_envelope(&peer, &(struct envelope){ .op = OP_PING, .ref = 77 });
    for (int i = 0; i < 50 && peer.n_pongs == 0; i++) {
        turn(1);
        REQUIRE(listen_to(&peer));
    }
    REQUIRE(peer.n_pongs == 1);
    peer_close(&peer);
}

static void quiet(void)
{
    static bool done;
    if (!done)
        log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), "fuzz", LOG_LEVEL_ERR);
    done = true;
}

/* The kernel is as it should be again. */
static void be_kind(void)
{
    fake.tick_ns = FAKE_TICK_NS;
    world.n_heap = UINT32_MAX;
    for (int i = 0; i < FAKE_SOCKETS; i++)
        fake.sockets[i].at_most = 0;
}

static void hear_out(void)
{
    for (int i = 0; i < 4; i++) {
        turn(1);
        for (int j = 0; j < PEERS; j++) {
            if (world.peers[j].fd >= 0 && !world.peers[j].deaf && !listen_to(&world.peers[j]))
                peer_close(&world.peers[j]);
        }
    }
}

static void build_house(const char *loop)
{
    here->counters = here->before = (struct counters){ 0 };
    REQUIRE(loop_new(&here->loop, loop) == 0);
    REQUIRE(session_init(&here->session, here->loop, &here->counters) == 0);
    loop_set_hook(here->loop, on_round, &here->session);
}

static void leave_house(void)
{
    session_deinit(&here->session);
    here->loop = loop_free(here->loop);
    here->n_plays = 0;
}

static void begin(bool polls)
{
    struct limits limits = limits_number(0);
    quiet();
    fake_reset();
    world.n_heap = UINT32_MAX;
    here = &houses[polls];
    if (!here->loop)
        build_house(polls ? "poll" : "epoll");
    REQUIRE(session_set_policy(&here->session, policy_number(0)) == 0);
    session_set_limits(&here->session, &limits); /* whatever the machine is like */
    for (int i = 0; i < PEERS; i++) {
        world.peers[i] = (struct peer){ .fd = -1, .place = i };
        if (i < 2)
            peer_open(&world.peers[i], i, true);
    }
}

static void end(bool drain)
{
    if (drain)
        session_drain(&here->session);
    for (int i = 0; i < PEERS; i++) {
        if (world.peers[i].fd >= 0 && !world.peers[i].deaf)
            listen_to(&world.peers[i]);
        peer_close(&world.peers[i]);
    }
    /* Who is held goes on a frame a round, or when who holds it has had its time. */
    for (int i = 1; i < 5000 && here->session.net.n_conns > 0; i++) {
        turn(1);
        fake.now_ns += i % 50 ? 0 : UINT64_C(11000) * 1000000;
    }
    check_end();
    REQUIRE(fake.n_open == 0);
    if (drain || ++here->n_plays == PLAYS_MAX)
        leave_house();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct script script = { data, data + len };
    begin(len % 2);
    for (int i = 0; i < ACTIONS_MAX && script.p < script.end; i++) {
        act(&script);
        check_step();
    }
    be_kind();
    hear_out();
    check_step();
    if (len % 4 == 0)
        check_fresh();
    end(len % 8 == 3);
    return 0;
}
