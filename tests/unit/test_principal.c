/* What the kernel says of a peer, and who of them is let in. */
#include "proto/transport/principal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/status.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static void open_pair(int *ret)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret), 0);
}

static void close_pair(const int *fds)
{
    close(fds[0]);
    close(fds[1]);
}

static void test_ourselves(void **state)
{
    struct principal who = PRINCIPAL_INIT;
    gid_t groups[1024];
    int n_groups = getgroups(COUNT_OF(groups), groups);
    int fds[2];

    (void)state;
    open_pair(fds);
    assert_int_equal(principal_from_socket(&who, fds[0], PRINCIPAL_ALL), 0);
    assert_int_equal(who.uid, geteuid());
    assert_int_equal(who.gid, getegid());
    assert_int_equal(who.pid, getpid());
    assert_int_equal(who.n_groups, n_groups);
    for (int i = 0; i < n_groups; i++)
        assert_true(principal_in_group(&who, groups[i]));
    assert_true(principal_in_group(&who, getegid()));
    if (who.pidfd >= 0)
        assert_true(fcntl(who.pidfd, F_GETFD) & FD_CLOEXEC);
    principal_deinit(&who);
    principal_deinit(&who);
    assert_int_equal(who.pidfd, -1);
    assert_null(who.groups);
    close_pair(fds);
}

/* Groups are what they were when the pair was made; more than a first guess
 * holds. Only root can give itself groups. */
static void check_groups(size_t n)
{
    struct principal who = PRINCIPAL_INIT;
    gid_t *groups = calloc(n + 1, sizeof(gid_t));
    int fds[2];

    assert_non_null(groups);
    for (size_t i = 0; i < n; i++)
        groups[i] = (gid_t)(100000 + i);
    assert_int_equal(setgroups(n, groups), 0);
    open_pair(fds);
    assert_int_equal(principal_from_socket(&who, fds[0], 0), 0);
    assert_int_equal(who.n_groups, n);
    for (size_t i = 0; i < n; i++)
        assert_true(principal_in_group(&who, groups[i]));
    assert_false(principal_in_group(&who, (gid_t)(100000 + n)));
    assert_int_equal(who.pidfd, -1); /* not asked for */
    assert_int_equal(who.groups == NULL, n == 0);
    principal_deinit(&who);
    close_pair(fds);
    free(groups);
}

static void test_groups(void **state)
{
    static const size_t counts[] = { 0, 1, 31, 32, 33, 5000, 65536 };
    gid_t before[1024];
    int n_before = getgroups(COUNT_OF(before), before);

    (void)state;
    if (geteuid() != 0)
        kit_skip("only root can give itself groups");
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        check_groups(counts[i]);
    assert_int_equal(setgroups((size_t)n_before, before), 0);
}

/* "Unknown" must never come out as somebody, least of all as uid 0. */
static void test_nobody_is_an_error(void **state)
{
    struct principal who = PRINCIPAL_INIT;
    int unconnected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(principal_from_socket(&who, unconnected, PRINCIPAL_ALL), -ENODATA);
    assert_true(principal_from_socket(&who, tcp, PRINCIPAL_ALL) < 0);
    assert_int_equal(principal_from_socket(&who, file, PRINCIPAL_ALL), -ENOTSOCK);
    assert_int_equal(principal_from_socket(&who, -1, PRINCIPAL_ALL), -EBADF);
    assert_true(who.uid == (uid_t)-1 && who.gid == (gid_t)-1); /* untouched */
    close(unconnected);
    close(tcp);
    close(file);
}

/* The pidfd is the one thing that needs a descriptor: without, it is missing,
 * and the rest is there (dbus-broker #435). */
static void test_descriptor_limit(void **state)
{
    struct principal who = PRINCIPAL_INIT;
    struct rlimit before, none;
    int fds[2];

    (void)state;
    open_pair(fds);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(principal_from_socket(&who, fds[0], PRINCIPAL_ALL), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(who.pidfd, -1);
    assert_int_equal(who.pid, getpid());
    assert_int_equal(who.uid, geteuid());
    principal_deinit(&who);
    close_pair(fds);
}

/* A peer that is gone is still who it was. */
static void test_dead_peer(void **state)
{
    struct principal who = PRINCIPAL_INIT;
    int fds[2];

    (void)state;
    open_pair(fds);
    close(fds[1]);
    assert_int_equal(principal_from_socket(&who, fds[0], PRINCIPAL_ALL), 0);
    assert_int_equal(who.uid, geteuid());
    principal_deinit(&who);
    close(fds[0]);
}

/* Connects as uid 1234, gid 4321, with one more group, and waits for the end. */
static void connect_as_other(const struct sockaddr_un *addr, int end_fd)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gid_t group = 777;
    char byte;

    if (setgroups(1, &group) < 0 || setgid(4321) < 0 || setuid(1234) < 0 ||
        connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
        _exit(1);
    (void)!read(end_fd, &byte, 1);
    _exit(0);
}

/* Whatever the peer turns into later, it is who connected. */
static void test_another_user(void **state)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct principal who = PRINCIPAL_INIT;
    int end[2], fd, status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0) {
        close(listening);
        kit_skip("only root can become another user");
    }
    (void)snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "principal-%d", (int)getpid());
    assert_int_equal(bind(listening, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(listening, 1) | pipe2(end, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        close(end[1]);
        connect_as_other(&addr, end[0]);
    }
    fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(principal_from_socket(&who, fd, PRINCIPAL_ALL), 0);
    assert_int_equal(who.uid, 1234);
    assert_int_equal(who.gid, 4321);
    assert_int_equal(who.pid, pid);
    assert_int_equal(who.n_groups, 1);
    assert_true(principal_in_group(&who, 777) && principal_in_group(&who, 4321));
    assert_false(principal_in_group(&who, 0));
    close(fd), close(listening), close(end[0]), close(end[1]);
    principal_deinit(&who);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(test_ourselves),  kit_test(test_groups),       kit_test(test_nobody_is_an_error),
        kit_test(test_dead_peer),  kit_test(test_another_user), kit_test(test_descriptor_limit),
    };

    return kit_run("principal", tests, KIT_LENGTH(tests));
}
