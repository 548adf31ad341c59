/* The roles over the forwarder: the frames of the wire, packed and walked by hand, nothing else. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/frame.h"
#include "proto/opcode.h"
#include "tests/bench/peer.h"
#include "tests/kit/runner.h"

#define BATCH (64 << 10)
#define CHUNK (256 << 10)

/* Frames that gather, and leave at 64 KiB. */
struct sender {
    int fd;
    size_t len;
    size_t head_len;
    uint8_t head[FRAME_MAX_HEAD];
    uint8_t out[BATCH + FRAME_MAX_HEAD + PEER_MAX_SIZE];
};

static void sender_init(struct sender *sender, int fd, const struct frame *frame)
{
    sender->fd = fd;
    sender->len = 0;
    sender->head_len = frame_write_head(sender->head, frame);
}

static void sender_flush(struct sender *sender)
{
    const uint8_t *at = sender->out;

    while (sender->len > 0) {
        ssize_t n = send(sender->fd, at, sender->len, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            role_die("send", strerror(errno));
        at += n > 0 ? n : 0;
        sender->len -= n > 0 ? (size_t)n : 0;
    }
}

static void sender_add(struct sender *sender, const void *payload, size_t size)
{
    uint8_t *at = sender->out + sender->len;
    uint32_t len = htobe32((uint32_t)(sender->head_len + size - FRAME_PREFIX));

    memcpy(at, sender->head, sender->head_len);
    memcpy(at, &len, sizeof(len));
    memcpy(at + sender->head_len, payload, size);
    sender->len += sender->head_len + size;
    if (sender->len >= BATCH)
        sender_flush(sender);
}

/* What has been read and not been walked yet. */
struct reader {
    int fd;
    size_t head;
    size_t end;
    size_t payload_at; /* in a frame */
    struct sequence sequence;
    uint8_t in[CHUNK + FRAME_MAX_HEAD + PEER_MAX_SIZE];
};

static void reader_init(struct reader *reader, int fd, const struct frame *frame)
{
    uint8_t head[FRAME_MAX_HEAD];

    memset(reader, 0, offsetof(struct reader, in));
    reader->fd = fd;
    reader->payload_at = frame_write_head(head, frame);
}

static void reader_fill(struct reader *reader)
{
    memmove(reader->in, reader->in + reader->head, reader->end - reader->head);
    reader->end -= reader->head;
    reader->head = 0;
    ssize_t n = recv(reader->fd, reader->in + reader->end, CHUNK, 0);
    if (n <= 0 && !(n < 0 && errno == EINTR))
        role_die("recv", n ? strerror(errno) : "end of file");
    reader->end += n > 0 ? (size_t)n : 0;
}

/** The payload of the next frame; NULL if it is not all there. */
static const uint8_t *reader_next(struct reader *reader, size_t *ret_len)
{
    const uint8_t *frame = reader->in + reader->head;
    size_t left = reader->end - reader->head;
    size_t size = left < FRAME_PREFIX ? SIZE_MAX : FRAME_PREFIX + (size_t)load_be32(frame);

    if (size > left)
        return NULL;
    reader->head += size;
    *ret_len = size - reader->payload_at;
    return frame + reader->payload_at;
}

/* -- publish, receive ------------------------------------------------------------------------ */

static const struct frame message = { .op = OP_MESSAGE,
                                      .subject = PEER_SUBJECT,
                                      .subject_len = sizeof(PEER_SUBJECT) - 1 };

static void publish(struct role *role)
{
    static char payload[PEER_MAX_SIZE];
    static struct sender sender;
    const struct work *work = role->work;
    uint64_t n = 0, end = PEER_END;

    sender_init(&sender, work->ends[0], &message);
    role_ready(role);
    role_await_gate(role);
    const int64_t until_ns = role->report->start_ns + work->run_ns;
    do {
        for (unsigned i = 0; i < PEER_BURST; i++, n++) {
            memcpy(payload, &n, sizeof(n));
            sender_add(&sender, payload, work->size);
        }
    } while (kit_now_ns() < until_ns);
    memcpy(payload, &end, sizeof(end));
    sender_add(&sender, payload, work->size);
    sender_flush(&sender);
    role->report->n = n;
    role_done(role);
}

static int take_all(struct reader *reader)
{
    const uint8_t *payload;
    size_t len;

    reader_fill(reader);
    while ((payload = reader_next(reader, &len)))
        sequence_take(&reader->sequence, payload);
    return reader->sequence.ended;
}

static void take_of_many(struct reader *readers, unsigned n)
{
    struct pollfd fds[PEER_MAX_SUBS];
    unsigned n_ended = 0;

    for (unsigned i = 0; i < n; i++)
        fds[i] = (struct pollfd){ readers[i].fd, POLLIN, 0 };
    while (n_ended < n) {
        poll(fds, n, -1);
        for (unsigned i = 0; i < n; i++)
            n_ended += fds[i].revents && take_all(&readers[i]);
    }
}

static void receive(struct role *role)
{
    const struct work *work = role->work;
    struct share share = share_of(work, role->part);
    struct reader *readers = malloc(share.n * sizeof(*readers));

    for (unsigned i = 0; i < share.n; i++)
        reader_init(&readers[i], work->ends[1 + share.first + i], &message);
    role_ready(role);
    if (share.n > 1)
        take_of_many(readers, share.n);
    else
        while (!take_all(&readers[0]))
            continue;
    role->report->end_ns = kit_now_ns();
    role_done(role);
    for (unsigned i = 0; i < share.n; i++)
        sequence_report(&readers[i].sequence, role->report);
    free(readers);
}

/* -- request, serve -------------------------------------------------------------------------- */

static const struct frame question = { .op = OP_REQUEST,
                                       .subject = PEER_SERVICE,
                                       .subject_len = sizeof(PEER_SERVICE) - 1,
                                       .timeout_ms = 5000 };
static const struct frame answer = { .op = OP_REPLY };

/* A requester and a server: both send and both read, one frame at a time. */
struct talker {
    struct sender sender;
    struct reader reader;
};

static void say(struct talker *talker, const void *payload, size_t size)
{
    sender_add(&talker->sender, payload, size);
    sender_flush(&talker->sender);
}

static const uint8_t *hear(struct talker *talker, size_t *ret_len)
{
    const uint8_t *payload;

    while (!(payload = reader_next(&talker->reader, ret_len)))
        reader_fill(&talker->reader);
    return payload;
}

static void request(struct role *role)
{
    static char payload[PEER_MAX_SIZE];
    static struct talker talker;
    const struct work *work = role->work;
    size_t len;

    sender_init(&talker.sender, work->ends[0], &question);
    reader_init(&talker.reader, work->ends[0], &answer);
    role_ready(role);
    role_await_gate(role);
    const int64_t until_ns = role->report->start_ns + work->run_ns;
    for (uint64_t n = 0; kit_now_ns() < until_ns; role->report->n = ++n) {
        int64_t asked_ns = kit_now_ns();
        memcpy(payload, &n, sizeof(n));
        say(&talker, payload, work->size);
        const uint8_t *back = hear(&talker, &len);
        role_sample(role, kit_now_ns() - asked_ns);
        role->report->n_wrong += len != work->size || memcmp(back, payload, len) != 0;
    }
    role->report->end_ns = kit_now_ns();
    role_done(role);
}

static void serve(struct role *role)
{
    static struct talker talker;
    const struct work *work = role->work;

    sender_init(&talker.sender, work->ends[1], &answer);
    reader_init(&talker.reader, work->ends[1], &question);
    role_ready(role);
    for (;;) {
        size_t len;
        const uint8_t *payload = hear(&talker, &len);
        say(&talker, payload, len);
    }
}

const struct peer peer_forwarder = { "forwarder", publish, receive, request, serve };
