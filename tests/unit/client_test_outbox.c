/* The outbox against a socket that takes little, and its count of what was not
 * sent, against one kept here.
 */
#include "client/lib/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/frame.h"
#include "proto/opcode.h"
#include "tests/kit/runner.h"

enum { N = 400 };

struct box {
    struct outbox out;
    int fd[2];
    uint64_t end[N]; /* of each frame, in the stream */
    bool is_message[N];
    int n;
};

static void box_open(struct box *box)
{
    int small = 4096;

    memset(box, 0, sizeof *box);
    box->out.limit = OUTBOX_LIMIT;
    box->out.raised = true; /* it shall stay small */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, box->fd), 0);
    setsockopt(box->fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
}

static void box_close(struct box *box)
{
    outbox_deinit(&box->out);
    close(box->fd[0]);
    close(box->fd[1]);
}

static void add(struct box *box, bool is_message, size_t len)
{
    uint8_t *p = outbox_room(&box->out, len + FRAME_PREFIX);

    assert_non_null(p);
    store_be32(p, (uint32_t)len);
    memset(p + FRAME_PREFIX, box->n, len);
    p[FRAME_PREFIX] = 0x94;
    p[FRAME_PREFIX + 1] = is_message ? OP_MESSAGE : OP_PING;
    outbox_add(&box->out, len + FRAME_PREFIX);
    box->is_message[box->n] = is_message;
    box->end[box->n++] = outbox_position(&box->out);
}

static uint64_t unsent(const struct box *box)
{
    uint64_t n = 0;

    for (int i = 0; i < box->n; i++)
        n += box->is_message[i] && box->end[i] > box->out.sent;
    return n;
}

static void take(struct box *box, size_t most)
{
    static char buf[1 << 16];

    (void)!read(box->fd[1], buf, most < sizeof buf ? most : sizeof buf);
}

static void frames_not_wholly_sent_are_counted(void **state)
{
    struct box box;
    uint32_t seed = 1;

    (void)state;
    box_open(&box);
    while (box.n < N) {
        seed = seed * 1103515245u + 12345u;
        add(&box, seed >> 30 != 0, 2 + (seed >> 8) % 3000);
        if (seed & 0x10000)
            outbox_send(&box.out, box.fd[0], NULL);
        if (seed & 0x20000)
            take(&box, (seed >> 5) % 5000);
        assert_int_equal(outbox_unsent(&box.out), unsent(&box));
    }
    for (int i = 0; i < 10000 && outbox_send(&box.out, box.fd[0], NULL) == -EAGAIN; i++) {
        assert_int_equal(outbox_unsent(&box.out), unsent(&box));
        take(&box, 3000);
    }
    assert_int_equal(outbox_pending(&box.out), 0);
    assert_int_equal(outbox_unsent(&box.out), 0);
    box_close(&box);
}

/* A payload that goes from the caller's memory, of which a rest is kept. */
static void a_rest_that_is_kept_is_one_message(void **state)
{
    enum { LEN = 100000 };
    struct box box;
    uint8_t *payload = malloc(LEN), *got = malloc(LEN + 64);
    struct iovec rest = { payload, LEN };
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < LEN; i++)
        payload[i] = (uint8_t)(i * 7);
    box_open(&box);
    uint8_t *p = outbox_room(&box.out, 6);
    memcpy(p, "\x00\x01\x86\xa2\x94\x20", 6);
    outbox_add(&box.out, 6);
    assert_int_equal(outbox_send(&box.out, box.fd[0], &rest), -EAGAIN);
    assert_true(rest.iov_len < LEN);
    assert_int_equal(outbox_keep(&box.out, &rest, true), 0);
    assert_int_equal(outbox_unsent(&box.out), 1);
    add(&box, true, 10);
    assert_int_equal(outbox_unsent(&box.out), 2);
    for (int i = 0; i < 10000 && n < LEN + 20; i++) {
        ssize_t r = read(box.fd[1], got + n, LEN + 64 - n);

        n += r > 0 ? (size_t)r : 0;
        outbox_send(&box.out, box.fd[0], NULL);
    }
    assert_int_equal(n, LEN + 6 + 14);
    assert_memory_equal(got + 6, payload, LEN);
    assert_int_equal(outbox_unsent(&box.out), 0);
    box_close(&box);
    free(payload);
    free(got);
}

static void a_peer_that_is_gone_is_an_error(void **state)
{
    struct box box;

    (void)state;
    box_open(&box);
    add(&box, true, 10);
    close(box.fd[1]);
    box.fd[1] = -1;
    assert_int_equal(outbox_send(&box.out, box.fd[0], NULL), -EPIPE);
    assert_int_equal(outbox_unsent(&box.out), 1);
    box_close(&box);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(frames_not_wholly_sent_are_counted),
        kit_test(a_rest_that_is_kept_is_one_message),
        kit_test(a_peer_that_is_gone_is_an_error),
    };

    return kit_run("client outbox", tests, KIT_LENGTH(tests));
}
