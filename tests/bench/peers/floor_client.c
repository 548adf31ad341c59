#include "tests/bench/peers/floor_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/envelope.h"
#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/floor_socket.h"
#include "tests/bench/peers/floor_wire.h"

#define BATCH (64 << 10)
#define LARGE (32 << 10)  /* a payload that is not copied */
#define READ  (256 << 10) /* bytes at a time */

/* By sid: what a library would have to look up. */
struct subscription {
    bool (*message)(void *userdata, const void *payload, size_t len);
    void *userdata;
};

struct client {
    int fd;
    const struct client_sink *sink;
    void *userdata;
    struct subscription *subscriptions;
    uint32_t n_subscriptions;
    const struct subscription *selected;
    unsigned n_awaited; /* answers to what it has asked of the broker itself */

    uint8_t *in;
    size_t in_room, in_at, in_end;

    size_t out_len;
    uint8_t *out;
};

/* -- sending --------------------------------------------------------------------------------- */

void client_flush(struct client *client)
{
    if (client->out_len)
        socket_send(client->fd, client->out, client->out_len);
    client->out_len = 0;
}

static void send_large(struct client *client, size_t head_len, const void *payload, size_t len)
{
    struct iovec iovecs[] = { { client->out, head_len }, { (void *)(uintptr_t)payload, len } };
    struct msghdr message = { .msg_iov = iovecs, .msg_iovlen = 2 };
    const ssize_t n = sendmsg(client->fd, &message, MSG_NOSIGNAL);

    if (n < (ssize_t)head_len)
        bench_die("send: %s", strerror(errno));
    socket_send(client->fd, (const char *)payload + ((size_t)n - head_len),
                len - ((size_t)n - head_len));
}

void client_send(struct client *client, uint8_t op, uint64_t token, const char *subject,
                 const void *payload, size_t len)
{
    const size_t subject_len = subject ? strlen(subject) : 0;
    uint8_t *at;

    if (UNLIKELY(subject_len > MAX_SUBJECT))
        bench_die("a subject of %zu bytes", subject_len);
    if (len >= LARGE) {
        client_flush(client);
        send_large(client, wire_write_head(client->out, op, token, subject, subject_len, len),
                   payload, len);
        return;
    }
    at = client->out + client->out_len;
    at += wire_write_head(at, op, token, subject, subject_len, len);
    memcpy(at, payload, len);
    client->out_len = (size_t)(at - client->out) + len;
    if (client->out_len >= BATCH)
        client_flush(client);
}

/* -- hearing --------------------------------------------------------------------------------- */

static void take_control(struct client *client, const uint8_t *frame, size_t len)
{
    struct envelope envelope;

    if (!envelope_read(&envelope, frame + FRAME_PREFIX, len - FRAME_PREFIX, NULL))
        bench_die("a frame of %zu bytes that breaks the wire", len);
    if (envelope.op != OP_WELCOME && envelope.op != OP_OK)
        bench_die("the broker answers %s", opcode_name(envelope.op));
    client->n_awaited--;
}

static void take_select(struct client *client, uint32_t sid)
{
    if (UNLIKELY(sid > client->n_subscriptions))
        bench_die("the broker selects %u", sid);
    client->selected = &client->subscriptions[sid - 1];
}

/* true: it was the last. */
static inline bool take_frame(struct client *client, uint8_t *frame, size_t len)
{
    struct wire wire = { .op = 0 };
    uint32_t sid;

    if (UNLIKELY(!wire_read(&wire, frame, len))) {
        sid = wire_read_select(frame, len);
        if (sid)
            take_select(client, sid);
        else
            take_control(client, frame, len);
        return false;
    }
    if (wire.op == OP_MESSAGE && client->selected)
        return client->selected->message(client->selected->userdata, wire.payload,
                                         wire.payload_len);
    if (wire.op == OP_REQUEST && client->sink->request)
        client->sink->request(client, load_be64(wire.token), wire.payload, wire.payload_len);
    else if (wire.op == OP_REPLY && client->sink->reply)
        client->sink->reply(client, load_be64(wire.token));
    else
        bench_die("a %s that nobody waits for", opcode_name(wire.op));
    return false;
}

/* The unfinished frame to the front, then one read behind it; false: nothing is there. */
static bool fill(struct client *client, bool waits)
{
    if (client->in_at > 0) {
        memmove(client->in, client->in + client->in_at, client->in_end - client->in_at);
        client->in_end -= client->in_at;
        client->in_at = 0;
    }
    const ssize_t n = recv(client->fd, client->in + client->in_end,
                           client->in_room - client->in_end, waits ? 0 : MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0)
        bench_die("the connection ended: %s", n < 0 ? strerror(errno) : "end of file");
    client->in_end += (size_t)n;
    return true;
}

bool client_read(struct client *client, bool waits)
{
    bool ended = false;

    if (!fill(client, waits))
        return false;
    while (client->in_end - client->in_at >= FRAME_PREFIX) {
        uint8_t *frame = client->in + client->in_at;
        const size_t len = FRAME_PREFIX + (size_t)load_be32(frame);

        if (UNLIKELY(len > client->in_room))
            bench_die("a frame of %zu bytes", len);
        if (client->in_end - client->in_at < len)
            break;
        client->in_at += len;
        ended |= take_frame(client, frame, len);
    }
    return ended;
}

/* -- asking the broker itself ---------------------------------------------------------------- */

static void ask(struct client *client, const struct envelope *envelope)
{
    uint8_t frame[ENVELOPE_MAX_WRITTEN];
    const size_t n = envelope_write(frame, sizeof(frame), envelope);

    if (client->out_len + n > BATCH)
        client_flush(client);
    memcpy(client->out + client->out_len, frame, n);
    client->out_len += n;
    client->n_awaited++;
}

static void await_answers(struct client *client)
{
    client_flush(client);
    while (client->n_awaited > 0)
        client_read(client, true);
}

struct client *client_new(const struct client_sink *sink, void *userdata)
{
    static const uint8_t no_options[] = { 0x80 };
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        bench_die("no memory for a client");
    client->sink = sink;
    client->userdata = userdata;
    client->in_room = READ + bench_options->size + WIRE_MAX_HEAD;
    client->in = malloc(client->in_room);
    client->out = malloc(BATCH + LARGE + WIRE_MAX_HEAD);
    if (!client->in || !client->out)
        bench_die("no memory for a client");
    client->fd = socket_connect();
    ask(client, &(struct envelope){ .op = OP_HELLO,
                                    .hello = { .magic = { HELLO_MAGIC, strlen(HELLO_MAGIC) },
                                               .version = PROTO_VERSION,
                                               .options = { no_options, 1 } } });
    await_answers(client);
    return client;
}

int client_fd(const struct client *client)
{
    return client->fd;
}

void *client_userdata(const struct client *client)
{
    return client->userdata;
}

void client_subscribe(struct client *client, const char *const *patterns, unsigned n, bool serves)
{
    client->subscriptions = calloc(n, sizeof(*client->subscriptions));
    client->n_subscriptions = n;
    /* Of a broker that looks at nothing no SELECT comes. */
    client->selected = serves ? NULL : client->subscriptions;
    if (!client->subscriptions)
        bench_die("no memory for %u subscriptions", n);
    for (unsigned i = 0; i < n; i++) {
        const struct piece pattern = { patterns[i], strlen(patterns[i]) };
        struct envelope envelope = { .op = serves ? OP_SERVE : OP_SUB };

        client->subscriptions[i].message = client->sink->message;
        client->subscriptions[i].userdata = client->userdata;
        if (serves) {
            envelope.serve.sid = i + 1;
            envelope.serve.pattern = pattern;
        } else {
            envelope.sub.sid = i + 1;
            envelope.sub.pattern = pattern;
        }
        ask(client, &envelope);
    }
    await_answers(client);
}
