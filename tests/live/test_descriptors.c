/*
 * Descriptors that nobody announced end the connection and are closed. (PROTOCOL.md, "Statuses": UNEXPECTED_FDS.)
 * Those that a frame announces are refused: cases/broker.cases.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

static void send_fds(struct peer *peer, const void *bytes, size_t len, const int *fds, size_t n)
{
    union {
        char buf[CMSG_SPACE(MOST_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { (void *)bytes, len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };

    msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    *cmsg = (struct cmsghdr){ CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
    memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
    assert_int_equal(sendmsg(peer->fd, &msg, MSG_NOSIGNAL), len);
}

/* Bytes with n copies of a pipe's writing end, which then is the broker's alone. Its reading end. */
static int send_with_pipe(struct peer *peer, const void *bytes, size_t len, size_t n)
{
    int pipe_fds[2], fds[MOST_FDS];

    assert_int_equal(pipe(pipe_fds), 0);
    for (size_t i = 0; i < n; i++)
        fds[i] = pipe_fds[1];
    send_fds(peer, bytes, len, fds, n);
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

/* A descriptor of each kind that could do harm, or could not be what it is said to be: closed unlooked at. */
static void of_every_kind(void **state)
{
    int pair[2], kinds[6], n = 0;

    (void)state;
    begin();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    kinds[n++] = pair[0];
    kinds[n++] = epoll_create1(0);
    kinds[n++] = memfd_create("unsealed", MFD_ALLOW_SEALING);
    kinds[n++] = open("/", O_RDONLY | O_DIRECTORY);
    kinds[n++] = open("/dev/null", O_RDWR);
    for (int i = 0; i < n; i++) {
        struct peer peer;
        assert_true(kinds[i] >= 0);
        peer_open(&peer, broker);
        send_fds(&peer, ping, sizeof ping, &kinds[i], 1);
        peer_expect_goodbye(&peer, STATUS_UNEXPECTED_FDS);
        peer_close(&peer);
    }
    /* The broker would hold its own connection, which then could not end. */
    struct peer peer;
    peer_open(&peer, broker);
    send_fds(&peer, ping, sizeof ping, &peer.fd, 1);
    peer_expect_goodbye(&peer, STATUS_UNEXPECTED_FDS);
    peer_close(&peer);
    for (int i = 0; i < n; i++)
        close(kinds[i]);
    close(pair[1]);
    finish();
}

/* Two sendings that are read at once: none of either is forgotten. (CVE-2014-3533 of another broker.) */
static void two_lots_at_once(void **state)
{
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, broker);
    kill(broker_proc_pid(broker), SIGSTOP);
    int first = send_with_pipe(&peer, ping, sizeof ping, 3);
    int second = send_with_pipe(&peer, ping, sizeof ping, MOST_FDS);
    kill(broker_proc_pid(broker), SIGCONT);
    peer_expect_goodbye(&peer, STATUS_UNEXPECTED_FDS);
    peer_close(&peer);
    expect_closed(first);
    expect_closed(second);
    finish();
}

/* The kernel cuts off what the broker has no room for (MSG_CTRUNC): those that came are closed all the same.
 * (CVE-2020-12049 of another broker.) */
static void more_than_there_is_room_for(void **state)
{
    struct rlimit was, tight;
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, broker);
    assert_int_equal(prlimit(broker_proc_pid(broker), RLIMIT_NOFILE, NULL, &was), 0);
    tight = was;
    tight.rlim_cur = (rlim_t)broker_proc_n_fds(broker) + 4;
    assert_int_equal(prlimit(broker_proc_pid(broker), RLIMIT_NOFILE, &tight, NULL), 0);
    int fd = send_with_pipe(&peer, ping, sizeof ping, MOST_FDS);
    peer_expect_goodbye(&peer, STATUS_UNEXPECTED_FDS);
    assert_int_equal(prlimit(broker_proc_pid(broker), RLIMIT_NOFILE, &was, NULL), 0);
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

/* Of another user, by its own name and on the stream, which root's kernel lets it say: the kernel's word for it counts. */
static void who_one_claims_to_be_is_not_believed(void **state)
{
    union {
        char buf[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct envelope sub = { .op = OP_SUB };
    struct peer peer, to;

    (void)state;
    begin();
    peer_open(&to, broker);
    sub.sub.ref = sub.sub.sid = 1;
    sub.sub.pattern = (struct piece){ "a", 1 };
    sub.sub.flags = 1;
    peer_send(&to, &sub);
    peer_expect(&to, OP_OK);
    peer_connect(&peer, broker);
    peer_hello(&peer, "uid 4242");
    peer_welcomed(&peer);
    static const unsigned char message[] =
        "\0\0\0\x12\x94\x20\xce\0\0\0\0\xcf\0\0\0\0\0\0\x10\x92\xa1"
        "a";
    struct iovec iov = { (void *)message, sizeof message - 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
    bool is_root = geteuid() == 0;
    struct ucred claim = { getpid(), is_root ? 4242 : getuid(), is_root ? 4242 : getgid() };
    msg.msg_controllen = sizeof control;
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    *cmsg = (struct cmsghdr){ CMSG_LEN(sizeof claim), SOL_SOCKET, SCM_CREDENTIALS };
    memcpy(CMSG_DATA(cmsg), &claim, sizeof claim);
    if (sendmsg(peer.fd, &msg, MSG_NOSIGNAL) < 0) /* not even root may, in some containers */
        raw_send(peer.fd, message, sizeof message - 1);
    const struct got *got = peer_expect(&to, OP_PEER);
    assert_int_equal(got->control.peer.id, peer.id);
    assert_int_equal(got->control.peer.uid, geteuid());
    assert_int_equal(peer_expect_past_select(&to, OP_MESSAGE)->payload.id, peer.id);
    peer_close(&peer);
    peer_close(&to);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(with_a_frame_that_has_none),
        kit_test(before_hello),
        kit_test(in_the_middle_of_a_frame),
        kit_test(after_the_broker_has_ended_it),
        kit_test(of_every_kind),
        kit_test(two_lots_at_once),
        kit_test(more_than_there_is_room_for),
        kit_test(claimed_credentials_are_ignored),
        kit_test(who_one_claims_to_be_is_not_believed),
    };
    return kit_run("descriptors", tests, KIT_LENGTH(tests));
}
