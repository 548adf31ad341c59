/*
 * Descriptors that nobody announced end the connection and are closed. (PROTOCOL.md, "Statuses": UNEXPECTED_FDS.)
 * Those that a frame announces are not supported yet: bad_input_cases.h.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/kit/health.h"

enum { MOST_FDS = 253 }; /* SCM_MAX_FD of the kernel */

static struct broker_proc *broker;
static struct health health;

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    health_begin(&health, broker);
}

static void finish(void)
{
    health_check_all(&health, 1 << 20);
    health_end(&health);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* Bytes with n copies of a pipe's writing end, which then is the broker's alone. Its reading end. */
static int send_with_pipe(struct peer *peer, const void *bytes, size_t len, size_t n)
{
    union {
        char buf[CMSG_SPACE(MOST_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { (void *)bytes, len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
    int pipe_fds[2], fds[MOST_FDS];

    assert_int_equal(pipe(pipe_fds), 0);
    for (size_t i = 0; i < n; i++)
        fds[i] = pipe_fds[1];
    msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    *cmsg = (struct cmsghdr){ CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
    memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
    assert_int_equal(sendmsg(peer->fd, &msg, MSG_NOSIGNAL), len);
    close(pipe_fds[1]);
    return pipe_fds[0];
}

/* All copies of the writing end are closed: by the broker, since nobody else had one. */
static void expect_closed(int fd)
{
    char byte;

    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
}

static const unsigned char ping[] = { 0, 0, 0, 3, 0x92, OP_PING, 1 };

static void with_a_frame_that_has_none(void **state)
{
    static const size_t numbers[] = { 1, 2, MOST_FDS };

    (void)state;
    begin();
    for (size_t i = 0; i < KIT_LENGTH(numbers); i++) {
        struct peer peer;
        peer_open(&peer, broker);
        int fd = send_with_pipe(&peer, ping, sizeof ping, numbers[i]);
        peer_expect_goodbye(&peer, STATUS_UNEXPECTED_FDS);
        expect_closed(fd);
        peer_close(&peer);
    }
    finish();
}

static void before_hello(void **state)
{
    struct peer peer;

    (void)state;
    begin();
    peer_connect(&peer, broker);
    int fd = send_with_pipe(&peer, "\0", 1, 1);
    peer_expect_goodbye(&peer, STATUS_UNEXPECTED_FDS);
    expect_closed(fd);
    peer_close(&peer);
    finish();
}

static void in_the_middle_of_a_frame(void **state)
{
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, broker);
    raw_send(peer.fd, ping, 5);
    peer_expect_silence(&peer, 10);
    int fd = send_with_pipe(&peer, ping + 5, 1, 1);
    peer_expect_goodbye(&peer, STATUS_UNEXPECTED_FDS);
    expect_closed(fd);
    peer_close(&peer);
    finish();
}

static void after_the_broker_has_ended_it(void **state)
{
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, broker);
    raw_send(peer.fd, "\0\0\0\0", 4);
    assert_non_null(peer_next(&peer, RAW_DEADLINE_MS));
    int fd = send_with_pipe(&peer, ping, sizeof ping, MOST_FDS);
    peer_close(&peer);
    expect_closed(fd);
    finish();
}

/* Credentials that a peer claims are the kernel's business, and change nothing. */
static void claimed_credentials_are_ignored(void **state)
{
    union {
        char buf[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { (void *)ping, sizeof ping };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
    struct ucred claim = { getpid(), getuid(), getgid() };
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, broker);
    msg.msg_controllen = sizeof control;
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    *cmsg = (struct cmsghdr){ CMSG_LEN(sizeof claim), SOL_SOCKET, SCM_CREDENTIALS };
    memcpy(CMSG_DATA(cmsg), &claim, sizeof claim);
    assert_int_equal(sendmsg(peer.fd, &msg, MSG_NOSIGNAL), sizeof ping);
    peer_expect(&peer, OP_PONG);
    peer_close(&peer);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(with_a_frame_that_has_none),
        kit_test(before_hello),
        kit_test(in_the_middle_of_a_frame),
        kit_test(after_the_broker_has_ended_it),
        kit_test(claimed_credentials_are_ignored),
    };
    return kit_run("descriptors", tests, KIT_LENGTH(tests));
}
