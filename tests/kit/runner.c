#include "tests/kit/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_SKIPPED 77

static struct {
    char dir[PATH_MAX];
    size_t n_skipped;
    int n_fds_before;
    void (*cleanup)(void);
    volatile sig_atomic_t child;
} kit;

/* -- one test, in the child ------------------------------------------------------------------ */

static void on_alarm(int signo)
{
    static const char text[] = "\n[  ERROR   ] --- the test took longer than its deadline\n";
    (void)signo;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(1);
}

int kit_begin(void **state)
{
    (void)state;
    kit.n_fds_before = kit_count_fds(0);
    alarm(KIT_TIMEOUT_S);
    return 0;
}

int kit_end(void **state)
{
    (void)state;
    if (kit.cleanup)
        kit.cleanup();
    alarm(0);

    int n_fds = kit_count_fds(0);
    if (n_fds == kit.n_fds_before)
        return 0;
    print_error("descriptors: %d before the test, %d after it\n", kit.n_fds_before, n_fds);
    return -1;
}

void kit_deadline(unsigned seconds)
{
    alarm(seconds);
}

void kit_skipping(const char *reason)
{
    kit.n_skipped++;
    print_message("SKIPPED because %s\n", reason);
}

void kit_set_cleanup(void (*hook)(void))
{
    kit.cleanup = hook;
}

/* -- the group, in the parent ---------------------------------------------------------------- */

static void forward_to_child(int signo)
{
    if (kit.child > 0)
        kill((pid_t)kit.child, signo == SIGINT ? SIGTERM : signo);
}

static _Noreturn void run_group(const char *name, const struct CMUnitTest *tests, size_t n_tests)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGALRM, on_alarm);
    signal(SIGPIPE, SIG_DFL); /* who dies of it is found */
    setvbuf(stdout, NULL, _IOLBF, 0);

    int n_failed = _cmocka_run_group_tests(name, tests, n_tests, NULL, NULL);
    fflush(NULL);
    if (n_failed)
        exit(1);
    exit(kit.n_skipped == n_tests && n_tests > 0 ? EXIT_SKIPPED : 0);
}

/** Ends the processes that the child left to us (PR_SET_CHILD_SUBREAPER), generation by generation. */
static void reap_orphans(void)
{
    char path[64], pids[4096];

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t len = fd < 0 ? 0 : read(fd, pids, sizeof(pids) - 1);
        if (fd >= 0)
            close(fd);
        if (len <= 0)
            return;
        pids[len] = '\0';
        for (char *at = pids, *end; (errno = 0, *at); at = end) {
            long pid = strtol(at, &end, 10);
            if (end == at)
                break;
            kill((pid_t)pid, SIGKILL);
        }
        waitpid(-1, NULL, 0);
    }
}

static int wait_for_child(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return 1;
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "the tests were ended by signal %d (%s)\n", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    return 1;
}

int kit_run(const char *name, const struct CMUnitTest *tests, size_t n_tests)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(kit.dir, sizeof(kit.dir), "%s/brokerd-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(kit.dir)) {
        fprintf(stderr, "cannot make %s: %s\n", kit.dir, strerror(errno));
        return 1;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGTERM, forward_to_child);
    signal(SIGINT, forward_to_child);

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_group(name, tests, n_tests);
    kit.child = pid;

    int result = pid < 0 ? 1 : wait_for_child(pid);
    reap_orphans();
    kit_remove_tree(kit.dir);
    return result;
}

/* -- for all --------------------------------------------------------------------------------- */

const char *kit_dir(void)
{
    return kit.dir;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void kit_remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int64_t kit_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void kit_nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

int kit_count_fds(int pid)
{
    char path[64];

    if (pid > 0)
        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    else
        snprintf(path, sizeof(path), "/proc/self/fd");
    DIR *dir = opendir(path);
    if (!dir)
        return -1;

    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return pid > 0 ? n : n - 1; /* the folder itself */
}
