/* A broker of our own making, for tests of the client library.
 *
 * fake_start() listens in kit_dir() and runs a script in a thread of its own;
 * the script accepts, reads the client's frames and answers with whatever it
 * likes, byte by byte if need be. The script asserts nothing (cmocka is not for
 * threads): it notes what is wrong in `failed`, and fake_stop() asserts that
 * nothing was.
 */
#ifndef TESTS_UNIT_CLIENT_FAKE_H
#define TESTS_UNIT_CLIENT_FAKE_H

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <brokerclient.h>

#include "proto/envelope.h"
#include "proto/frame.h"
#include "proto/writer.h"
#include "tests/kit/runner.h"

#define FAKE_UNUSED __attribute__((unused))
#define FAKE_ID 7

struct fake;
typedef void (*fake_script)(struct fake *fake);

struct fake {
    int listener;
    int fd; /* the client's connection */
    char url[128];
    char path[108];
    pthread_t thread;
    fake_script script;
    const char *failed;
    void *data; /* the script's */
    uint8_t frame[1 << 20];
    size_t len; /* of the frame last read, without its prefix */
    uint64_t n_messages;
};

FAKE_UNUSED static void *fake_thread(void *arg)
{
    struct fake *fake = arg;

    fake->script(fake);
    return NULL;
}

FAKE_UNUSED static void fake_fail(struct fake *fake, const char *why)
{
    if (!fake->failed)
        fake->failed = why;
}

FAKE_UNUSED static void fake_listen(struct fake *fake)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof address.sun_path, "%s", fake->path);
    unlink(fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fake->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fake->listener, 8) < 0)
        fake_fail(fake, "cannot listen");
}

FAKE_UNUSED static void fake_init(struct fake *fake)
{
    static unsigned n;

    fake->listener = fake->fd = -1;
    fake->failed = NULL;
    snprintf(fake->path, sizeof fake->path, "%s/fake-%u", kit_dir(), n++);
    snprintf(fake->url, sizeof fake->url, "unix:%s", fake->path);
}

FAKE_UNUSED static struct fake *fake_start(fake_script script, void *data)
{
    struct fake *fake = calloc(1, sizeof *fake);

    fake_init(fake);
    fake_listen(fake);
    fake->script = script;
    fake->data = data;
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_thread, fake), 0);
    return fake;
}

FAKE_UNUSED static void fake_stop(struct fake *fake)
{
    const char *failed;

    pthread_join(fake->thread, NULL);
    if (fake->fd >= 0)
        close(fake->fd);
    if (fake->listener >= 0)
        close(fake->listener);
    unlink(fake->path);
    failed = fake->failed;
    free(fake);
    if (failed)
        fail_msg("the fake broker: %s", failed);
}

/* ---- for scripts ---- */

FAKE_UNUSED static void fake_accept(struct fake *fake)
{
    struct pollfd p = { .fd = fake->listener, .events = POLLIN };

    if (poll(&p, 1, 10000) > 0)
        fake->fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fake->fd < 0)
        fake_fail(fake, "nobody came");
}

FAKE_UNUSED static void fake_hang_up(struct fake *fake)
{
    close(fake->fd);
    fake->fd = -1;
}

/* Reads to the end, so that closing is no reset. */
FAKE_UNUSED static void fake_drain(struct fake *fake)
{
    struct pollfd p = { .fd = fake->fd, .events = POLLIN };

    shutdown(fake->fd, SHUT_WR);
    while (poll(&p, 1, 10000) > 0 && read(fake->fd, fake->frame, sizeof fake->frame) > 0)
        ;
    fake_hang_up(fake);
}

FAKE_UNUSED static void fake_send(struct fake *fake, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t n = send(fake->fd, p, len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the client may have gone, as it should */
        p += n;
        len -= (size_t)n;
    }
}

FAKE_UNUSED static void fake_say(struct fake *fake, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    size_t n = envelope_write(buf, sizeof buf, envelope);

    if (n == 0)
        fake_fail(fake, "an envelope that cannot be written");
    fake_send(fake, buf, n);
}

FAKE_UNUSED static void fake_say_data(struct fake *fake, const struct frame *frame)
{
    uint8_t head[FRAME_MAX_HEAD];
    size_t n = frame_write_head(head, frame);

    fake_send(fake, head, n);
    fake_send(fake, frame->headers, frame->headers_len);
    fake_send(fake, frame->payload, frame->payload_len);
}

FAKE_UNUSED static void fake_message(struct fake *fake, const char *subject, const void *payload,
                                     size_t len)
{
    struct frame frame = {
        .op = OP_MESSAGE,
        .id = 42,
        .subject = subject,
        .subject_len = strlen(subject),
        .payload = payload,
        .payload_len = len,
    };

    fake_say_data(fake, &frame);
}

FAKE_UNUSED static void fake_ref(struct fake *fake, uint8_t op, uint64_t ref)
{
    struct envelope e = { .op = op };

    e.ref = ref;
    fake_say(fake, &e);
}

FAKE_UNUSED static void fake_select(struct fake *fake, uint64_t sid)
{
    struct envelope e = { .op = OP_SELECT };
    uint8_t raw[9];
    struct writer w = { raw, raw + sizeof raw, false };

    writer_uint(&w, sid);
    e.select.n = 1;
    e.select.sids = (struct piece){ raw, (size_t)(w.p - raw) };
    fake_say(fake, &e);
}

FAKE_UNUSED static bool fake_read_bytes(struct fake *fake, uint8_t *to, size_t len)
{
    while (len > 0) {
        struct pollfd p = { .fd = fake->fd, .events = POLLIN };
        ssize_t n = poll(&p, 1, 10000) > 0 ? read(fake->fd, to, len) : -1;

        if (n <= 0)
            return false;
        to += n;
        len -= (size_t)n;
    }
    return true;
}

/* The next frame of the client's; its opcode, -1 at the end. */
FAKE_UNUSED static int fake_hear(struct fake *fake)
{
    uint8_t prefix[FRAME_PREFIX];

    if (!fake_read_bytes(fake, prefix, sizeof prefix))
        return -1;
    fake->len = load_be32(prefix);
    if (fake->len > sizeof fake->frame || !fake_read_bytes(fake, fake->frame, fake->len))
        return -1;
    return envelope_opcode(fake->frame, fake->len);
}

/* Frames up to one with this opcode; PINGs are answered, MESSAGEs counted. */
FAKE_UNUSED static bool fake_await(struct fake *fake, int op, struct envelope *ret)
{
    struct envelope e;
    int heard;

    while ((heard = fake_hear(fake)) >= 0) {
        if (heard == op)
            return !ret || envelope_read(ret, fake->frame, fake->len, NULL);
        fake->n_messages += heard == OP_MESSAGE;
        if (heard == OP_PING && envelope_read(&e, fake->frame, fake->len, NULL))
            fake_ref(fake, OP_PONG, e.ref);
    }
    fake_fail(fake, "the client left early");
    return false;
}

FAKE_UNUSED static void fake_welcome_version(struct fake *fake, uint64_t version)
{
    static const uint8_t instance[16] = "an instance id";
    struct envelope e = { .op = OP_WELCOME };
    uint8_t options[64];
    struct writer w = { options, options + sizeof options, false };

    writer_map(&w, 2);
    writer_str(&w, "server", 6);
    writer_str(&w, "fake 1", 6);
    writer_str(&w, "max-payload", 11);
    writer_uint(&w, MAX_PAYLOAD);
    e.welcome.version = version;
    e.welcome.instance = (struct piece){ instance, sizeof instance };
    e.welcome.id = FAKE_ID;
    e.welcome.options = (struct piece){ options, (size_t)(w.p - options) };
    fake_say(fake, &e);
}

/* Accepts a client and lets it in. */
FAKE_UNUSED static void fake_greet(struct fake *fake)
{
    fake_accept(fake);
    fake_await(fake, OP_HELLO, NULL);
    fake_welcome_version(fake, PROTO_VERSION);
}

/* Waits for a SUB or SERVE and grants it; its sid. */
FAKE_UNUSED static uint64_t fake_grant(struct fake *fake, int op)
{
    struct envelope e = { 0 };

    if (!fake_await(fake, op, &e))
        return 0;
    fake_ref(fake, OP_OK, op == OP_SUB ? e.sub.ref : e.serve.ref);
    return op == OP_SUB ? e.sub.sid : e.serve.sid;
}

FAKE_UNUSED static void fake_goodbye(struct fake *fake, uint64_t status, const char *sentence)
{
    struct envelope e = { .op = OP_GOODBYE };

    e.goodbye.status = status;
    e.goodbye.sentence = (struct piece){ sentence, strlen(sentence) };
    fake_say(fake, &e);
}

/* ---- for tests ---- */

FAKE_UNUSED static broker *fake_client_with(const struct fake *fake, int reconnect)
{
    broker_options *options;
    broker *b;

    assert_int_equal(broker_options_new(&options), 0);
    assert_int_equal(broker_options_set_url(options, fake->url), 0);
    assert_int_equal(broker_options_set_reconnect(options, reconnect), 0);
    assert_int_equal(broker_options_set_name(options, "a test"), 0);
    assert_int_equal(broker_new(&b, options), 0);
    broker_options_free(options);
    return b;
}

/* A client that is connected, without reconnect. */
FAKE_UNUSED static broker *fake_client(const struct fake *fake)
{
    broker *b = fake_client_with(fake, 0);

    assert_int_equal(broker_connect(b, 5000), 0);
    return b;
}

/* Processes until `condition`, 5 s at most. */
#define fake_process_until(b, condition)                                                           \
    do {                                                                                           \
        const int64_t fake_end_ns = kit_now_ns() + INT64_C(5000000000);                            \
        while (!(condition) && kit_now_ns() < fake_end_ns)                                         \
            broker_wait(b, 100);                                                                   \
        assert_true(condition);                                                                    \
    } while (0)

#endif
