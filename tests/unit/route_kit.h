/* A whole session within the test: loop, session, and clients at the other ends
 * of socket pairs. Nothing runs by itself: turn() makes rounds, and skip_ms()
 * moves the clock, which is our own here. So is the size of the broker's send
 * buffers: as small as can be with small_buffers, so that a queue soon blocks.
 */
#pragma once

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "broker/route/dest.h"
#include "broker/route/route.h"
#include "broker/session/session.h"
#include "broker/watch/log.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct loop *loop;
static struct session session;
static struct counters counters;
static uint64_t skipped_ns;
static bool clock_stands; /* only skip_ms moves it: nothing takes any time */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    long r = syscall(SYS_clock_gettime, clock, ts);
    uint64_t ns = (uint64_t)ts->tv_sec * 1000000000 + (uint64_t)ts->tv_nsec + skipped_ns;
    if (clock_stands)
        ns = UINT64_C(1000000000000) + skipped_ns;
    if (clock == CLOCK_MONOTONIC) {
        ts->tv_sec = (time_t)(ns / 1000000000);
        ts->tv_nsec = (long)(ns % 1000000000);
    }
    return (int)r;
}

static bool small_buffers;

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    int size = small_buffers ? 1 : 1 << 20;
    bool is_size = level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_SNDBUFFORCE);
    return (int)syscall(SYS_setsockopt, fd, level, is_size ? SO_SNDBUF : name,
                        is_size ? &size : value, is_size ? sizeof size : len);
}

/* What a client hears. */
struct heard {
    int op;
    struct envelope e; /* of all but the next three */
    struct frame f;    /* of MESSAGE, REQUEST, REPLY */
};

struct cli {
    int fd;
    struct client *client;
    uint64_t id;
    size_t at;
    size_t len;
    uint64_t sids[MAX_SIDS]; /* what is selected */
    uint32_t n_sids;
    struct heard heard;
    uint8_t buf[1 << 20];
};

static inline void on_round(void *userdata)
{
    session_round(userdata);
}

static inline void turn(void)
{
    for (int i = 0; i < 12; i++)
        assert_int_equal(loop_run_once(loop, 0), 0);
}

static inline void skip_ms(uint64_t ms)
{
    skipped_ns += ms * 1000000;
    turn();
}

static inline void start(void)
{
    small_buffers = false;
    memset(&counters, 0, sizeof counters);
    assert_int_equal(loop_new(&loop, "auto"), 0);
    assert_int_equal(session_init(&session, loop, &counters), 0);
    loop_set_hook(loop, on_round, &session);
    log_open(STDERR_FILENO, "test", LOG_LEVEL_ERR);
}

/* The session ends with whoever is left, and nothing remains. */
static inline void stop(void)
{
    session_deinit(&session);
    assert_int_equal(session.net.n_conns, 0);
    assert_null(session.net.dead);
    assert_int_equal(session.route.n_subs, 0);
    assert_int_equal(session.route.n_services, 0);
    assert_int_equal(session.route.n_clients, 0);
    loop = loop_free(loop);
    log_close();
}

/* ---- a client ----------------------------------------------------------------- */

static inline struct cli *cli_connect(void)
{
    int pair[2];
    struct cli *cli = calloc(1, sizeof *cli);
    assert_non_null(cli);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, NULL, 0);
    session_adopt(&session, pair[0], "test");
    cli->fd = pair[1];
    cli->client = (struct client *)session.net.all;
    return cli;
}

static inline struct cli *cli_close(struct cli *cli)
{
    close(cli->fd);
    free(cli);
    turn();
    return NULL;
}

static inline void cli_write(struct cli *cli, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    for (int tries = 0; len > 0; tries++) {
        ssize_t n = write(cli->fd, p, len);
        assert_true(n > 0 || errno == EAGAIN);
        assert_true(tries < 10000);
        p += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        if (len > 0)
            turn();
    }
}

static inline void cli_say(struct cli *cli, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    size_t len = envelope_write(buf, sizeof buf, envelope);
    assert_true(len > 0);
    cli_write(cli, buf, len);
}

static inline void cli_send(struct cli *cli, const struct frame *frame, const void *payload)
{
    uint8_t *buf = malloc(FRAME_MAX_HEAD + frame->payload_len);
    assert_non_null(buf);
    size_t head = frame_write_head(buf, frame);
    if (payload)
        memcpy(buf + head, payload, frame->payload_len);
    cli_write(cli, buf, head + frame->payload_len);
    free(buf);
}

static inline void cli_fill(struct cli *cli)
{
    if (cli->at > 0)
        memmove(cli->buf, cli->buf + cli->at, cli->len - cli->at);
    cli->len -= cli->at;
    cli->at = 0;
    ssize_t n = read(cli->fd, cli->buf + cli->len, sizeof cli->buf - cli->len);
    cli->len += n > 0 ? (size_t)n : 0;
}

static inline bool cli_has_frame(const struct cli *cli)
{
    size_t left = cli->len - cli->at;
    return left >= FRAME_PREFIX && left - FRAME_PREFIX >= load_be32(cli->buf + cli->at);
}

static inline void note_select(struct cli *cli, const struct envelope *e)
{
    struct piece sids = e->select.sids;
    cli->n_sids = 0;
    while (envelope_next_sid(&sids, &cli->sids[cli->n_sids]))
        cli->n_sids++;
}

/* The next frame; NULL: there is none. SELECT is noted, and heard as well. */
static inline struct heard *hear(struct cli *cli)
{
    struct heard *heard = &cli->heard;
    for (int i = 0; i < 20 && !cli_has_frame(cli); i++) {
        turn();
        cli_fill(cli);
    }
    if (!cli_has_frame(cli))
        return NULL;
    const uint8_t *body = cli->buf + cli->at + FRAME_PREFIX;
    size_t len = load_be32(cli->buf + cli->at);
    cli->at += FRAME_PREFIX + len;
    heard->op = envelope_opcode(body, len);
    assert_true(heard->op >= 0);
    if (heard->op == OP_MESSAGE || heard->op == OP_REQUEST || heard->op == OP_REPLY)
        assert_true(frame_read(&heard->f, body, len, NULL));
    else
        assert_true(envelope_read(&heard->e, body, len, NULL));
    if (heard->op == OP_SELECT)
        note_select(cli, &heard->e);
    return heard;
}

#define expect_silence(cli) assert_null(hear(cli))

/* The next frame but SELECT and PEER must be of that kind. */
#define expect(cli, wanted)                                          \
    ({                                                               \
        struct heard *h_ = hear(cli);                                \
        while (h_ && (h_->op == OP_SELECT || h_->op == OP_PEER))     \
            h_ = hear(cli);                                          \
        assert_non_null(h_);                                         \
        if (h_->op != (wanted))                                      \
            print_error("heard %s\n", opcode_name((uint8_t)h_->op)); \
        assert_int_equal(h_->op, wanted);                            \
        h_;                                                          \
    })

static inline void cli_hello(struct cli *cli)
{
    struct envelope hello = { .op = OP_HELLO };
    hello.hello.magic = (struct piece){ HELLO_MAGIC, strlen(HELLO_MAGIC) };
    hello.hello.version = PROTO_VERSION;
    hello.hello.options = (struct piece){ "\x80", 1 };
    cli_say(cli, &hello);
}

static inline struct cli *cli_open(void)
{
    struct cli *cli = cli_connect();
    cli_hello(cli);
    cli->id = expect(cli, OP_WELCOME)->e.welcome.id;
    return cli;
}

/* ---- what clients say ------------------------------------------------------------ */

struct wish {
    const char *group;
    enum policy policy;
    uint32_t bytes;
    uint32_t messages;
    uint64_t after;
    bool credentials;
};

#define cli_sub(cli, sid, pattern, ...) cli_sub_as(cli, sid, pattern, (struct wish){ __VA_ARGS__ })

static inline void cli_sub_as(struct cli *cli, uint32_t sid, const char *pattern, struct wish wish)
{
    struct envelope sub = { .op = OP_SUB };
    sub.sub.ref = sid;
    sub.sub.sid = sid;
    sub.sub.pattern = (struct piece){ pattern, strlen(pattern) };
    if (wish.group)
        sub.sub.group = (struct piece){ wish.group, strlen(wish.group) };
    sub.sub.policy = wish.policy;
    sub.sub.queue_bytes = wish.bytes;
    sub.sub.queue_messages = wish.messages;
    sub.sub.after = wish.after;
    sub.sub.flags = wish.credentials ? SUB_CREDENTIALS : 0;
    cli_say(cli, &sub);
    assert_int_equal(expect(cli, OP_OK)->e.ref, sid);
}

static inline void cli_unsub(struct cli *cli, uint32_t sid, int op)
{
    struct envelope unsub = { .op = (uint8_t)op };
    unsub.unsub.ref = unsub.unsub.sid = sid;
    cli_say(cli, &unsub);
}

static inline void cli_serve(struct cli *cli, uint32_t sid, const char *pattern, uint32_t max_open)
{
    struct envelope serve = { .op = OP_SERVE };
    serve.serve.ref = serve.serve.sid = sid;
    serve.serve.pattern = (struct piece){ pattern, strlen(pattern) };
    serve.serve.max_open = max_open;
    cli_say(cli, &serve);
    expect(cli, OP_OK);
}

static inline void cli_publish(struct cli *cli, const char *subject, uint64_t number, size_t size)
{
    struct frame frame = {
        .op = OP_MESSAGE,
        .subject = subject,
        .subject_len = strlen(subject),
        .payload_len = size < 8 ? 8 : size,
    };
    uint8_t *payload = calloc(1, frame.payload_len);
    assert_non_null(payload);
    store_be64(payload, number);
    cli_send(cli, &frame, payload);
    free(payload);
}

static inline void cli_ask(struct cli *cli, uint64_t reference, const char *subject, int mode,
                           uint64_t timeout_ms)
{
    struct frame frame = {
        .op = OP_REQUEST,
        .token = reference,
        .subject = subject,
        .subject_len = strlen(subject),
        .mode = (uint64_t)mode,
        .timeout_ms = timeout_ms,
    };
    cli_send(cli, &frame, NULL);
}

static inline void cli_answer(struct cli *cli, uint64_t token, bool more, uint64_t status)
{
    struct frame frame = {
        .op = OP_REPLY,
        .token = token,
        .word = more ? WORD_MORE : 0,
        .status = status,
        .payload_len = 5,
    };
    cli_send(cli, &frame, "reply");
}

static inline void cli_ref(struct cli *cli, int op, uint64_t ref)
{
    struct envelope e = { .op = (uint8_t)op, .ref = ref };
    cli_say(cli, &e);
}

static inline void cli_cancel(struct cli *cli, uint64_t reference)
{
    struct envelope e = { .op = OP_CANCEL };
    e.cancel.token = reference;
    cli_say(cli, &e);
}

/* PING, and all up to its PONG. */
static inline void cli_sync(struct cli *cli)
{
    struct heard *heard;
    cli_ref(cli, OP_PING, 987654);
    do
        heard = hear(cli);
    while (heard && !(heard->op == OP_PONG && heard->e.ref == 987654));
    assert_non_null(heard);
}

static inline uint64_t number_of(const struct heard *heard)
{
    assert_true(heard->f.payload_len >= 8);
    return load_be64(heard->f.payload);
}

/* Lets a client's queue at the broker look full, without the work of filling it: bytes that
 * nobody will ever read. */
static inline void stuff(struct cli *cli, uint32_t bytes)
{
    struct block *block = block_new(bytes);
    assert_non_null(block);
    memset(block->data, 0, bytes);
    store_be32(block->data, bytes - FRAME_PREFIX);
    assert_int_equal(outq_push(&cli->client->conn.out, block, 0, bytes, 1, NULL, NULL, NULL), 0);
    block_unref(block);
}
