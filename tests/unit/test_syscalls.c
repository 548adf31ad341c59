/* What a broker can still ask of the kernel under its filter, and what fails, each with EPERM and without harm.
 * In a child of its own: a filter is for good.
 */
#include "broker/harden/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/harden/privileges.h"
#include "broker/harden/syscalls_list.h"
#include "broker/watch/log.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

#if defined HAVE_SECCOMP && !defined INSTRUMENTED
enum { CAN_FILTER = true };
#else
enum { CAN_FILTER = false };
#endif

/* ---- a child under the filter ---------------------------------------------------------------- */

static void check(bool is_right, const char *what)
{
    if (is_right)
        return;
    fprintf(stderr, "under the filter: %s: %s\n", what, strerror(errno));
    _exit(1);
}

#define EXPECT(condition) check((condition), #condition)
#define REFUSED(call)     (errno = 0, (long)(call) == -1 && errno == EPERM)

static void filter(void)
{
    EXPECT(privileges_fence() == 0);
    EXPECT(syscalls_restrict(SYSCALLS_YES) == 0);
}

static int status_of(void (*child)(void))
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void in_a_child(void (*child)(void))
{
    if (!CAN_FILTER)
        kit_skip("built without a filter of system calls");
    assert_int_equal(status_of(child), 0);
}

/* ---- what fails ------------------------------------------------------------------------------- */

static void no_programs(void)
{
    char program[] = "/bin/true", *args[] = { program, NULL };
    filter();
    EXPECT(REFUSED(execve(args[0], args, args + 1)));
    EXPECT(REFUSED(syscall(SYS_execveat, AT_FDCWD, args[0], args, args + 1, 0)));
    EXPECT(REFUSED(fork()));
    EXPECT(REFUSED(syscall(SYS_clone3, NULL, 0)));
    EXPECT(REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
    EXPECT(REFUSED(kill(getppid(), SIGTERM)));
    EXPECT(REFUSED(syscall(SYS_tgkill, getppid(), getppid(), SIGTERM)));
    EXPECT(REFUSED(syscall(SYS_pidfd_send_signal, 0, SIGTERM, NULL, 0)));
}

static void no_other_sockets(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr address = { .sa_family = AF_UNIX };
    filter();
    EXPECT(REFUSED(socket(AF_PACKET, SOCK_RAW, 0)));
    EXPECT(REFUSED(socket(AF_INET, SOCK_STREAM, 0)));
    EXPECT(REFUSED(socket(AF_NETLINK, SOCK_RAW, 0)));
    EXPECT(REFUSED(bind(fd, &address, sizeof address)));
    EXPECT(REFUSED(listen(fd, 1)));
    EXPECT(REFUSED(setsockopt(fd, 6, 1, &on, sizeof on)));
    EXPECT(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &on, sizeof on) == 0);
    EXPECT(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
}

static void no_files_written(void)
{
    const char *path = "/dev/null";
    filter();
    EXPECT(open(path, O_RDONLY | O_CLOEXEC) >= 0);
    EXPECT(REFUSED(open(path, O_WRONLY | O_CLOEXEC)));
    EXPECT(REFUSED(open(path, O_RDWR | O_CLOEXEC)));
    EXPECT(REFUSED(open(path, O_RDONLY | O_TRUNC | O_CLOEXEC)));
    EXPECT(REFUSED(open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)));
    EXPECT(REFUSED(open("/tmp/made-under-the-filter", O_RDONLY | O_CREAT | O_CLOEXEC, 0600)));
    EXPECT(REFUSED(mkdir("/tmp/made-under-the-filter", 0700)));
    EXPECT(REFUSED(rename("/tmp/made-under-the-filter", "/tmp/x")));
    EXPECT(REFUSED(chmod(path, 0666)));
    EXPECT(REFUSED(unlinkat(AT_FDCWD, "/tmp", AT_REMOVEDIR)));
}

static void no_code_written(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    filter();
    EXPECT(page != MAP_FAILED);
    EXPECT(REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC)));
    EXPECT(mprotect(page, 4096, PROT_READ) == 0);
    EXPECT(REFUSED(
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
    EXPECT(REFUSED(syscall(SYS_memfd_create, "x", 0)));
}

static void nobody_else(void)
{
    struct rlimit limit = { 64, 64 };
    filter();
    EXPECT(REFUSED(setresuid(1, 1, 1)));
    EXPECT(REFUSED(syscall(SYS_setgroups, 0, NULL)));
    EXPECT(REFUSED(setrlimit(RLIMIT_NOFILE, &limit)));
    EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    EXPECT(REFUSED(unshare(CLONE_NEWUSER)));
    EXPECT(REFUSED(prctl(PR_SET_NAME, "x", 0, 0, 0)));
    EXPECT(REFUSED(syscall(SYS_bpf, 0, NULL, 0)));
}

static void it_starts_no_program(void **state)
{
    (void)state;
    in_a_child(no_programs);
}

static void it_makes_no_other_sockets(void **state)
{
    (void)state;
    in_a_child(no_other_sockets);
}

static void it_writes_no_file(void **state)
{
    (void)state;
    in_a_child(no_files_written);
}

static void it_runs_nothing_that_was_written(void **state)
{
    (void)state;
    in_a_child(no_code_written);
}

static void it_becomes_nobody_else(void **state)
{
    (void)state;
    in_a_child(nobody_else);
}

/* ---- what is said ------------------------------------------------------------------------------ */

static const char *log_path(void)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/log", kit_dir());
    return path;
}

static void refused_and_told(void)
{
    int fd = open(log_path(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    log_open(fd, "brokerd", LOG_LEVEL_INFO);
    filter();
    for (int i = 0; i < 3; i++) {
        EXPECT(REFUSED(socket(AF_PACKET, SOCK_RAW, 0)));
        EXPECT(REFUSED(mkdir("/tmp/made-under-the-filter", 0700)));
        syscalls_report();
    }
    log_close();
}

static void what_is_refused_is_said_once(void **state)
{
    char text[2000] = "";
    (void)state;
    in_a_child(refused_and_told);
    int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    const char *first = strstr(text, "the system call socket (");
    assert_non_null(first);
    assert_null(strstr(first + 1, "the system call socket ("));
    assert_non_null(strstr(text, "the system call mkdir ("));
}

/* SIGSYS of somebody else is what it always was. */
static void sent_to_end_it(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    filter();
    raise(SIGSYS);
}

static void sigsys_still_ends_it(void **state)
{
    (void)state;
    if (!CAN_FILTER)
        kit_skip("built without a filter of system calls");
    int status = status_of(sent_to_end_it);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void without(void)
{
    EXPECT(syscalls_restrict(SYSCALLS_NO) == 0);
    EXPECT(syscalls_restrict(CAN_FILTER ? SYSCALLS_NO : SYSCALLS_AUTO) == 0);
    EXPECT(CAN_FILTER || syscalls_restrict(SYSCALLS_YES) < 0);
    EXPECT(open("/dev/null", O_RDWR | O_CLOEXEC) >= 0);
}

static void it_can_be_left_out(void **state)
{
    (void)state;
    assert_int_equal(status_of(without), 0);
}

/* ---- the list ------------------------------------------------------------------------------------ */

static void the_list_is_sound(void **state)
{
    size_t n;
    const struct syscalls_rule *rules = syscalls_list(&n);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_true(rules[i].argument < 6);
        assert_true((rules[i].value & ~rules[i].mask) == 0); /* else it never fits */
        for (size_t j = 0; j < i; j++)
            if (strcmp(rules[i].name, rules[j].name) == 0 &&
                (rules[i].mask == 0 || rules[j].mask == 0))
                fail_msg("%s is allowed with and without a condition", rules[i].name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_starts_no_program),   kit_test(it_makes_no_other_sockets),
        kit_test(it_writes_no_file),      kit_test(it_runs_nothing_that_was_written),
        kit_test(it_becomes_nobody_else), kit_test(what_is_refused_is_said_once),
        kit_test(sigsys_still_ends_it),   kit_test(it_can_be_left_out),
        kit_test(the_list_is_sound),
    };
    return kit_run("syscalls", tests, KIT_LENGTH(tests));
}
