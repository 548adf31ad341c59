/* The path of a socket with several processes at it: many who start at once end
 * with one owner, and nobody ever sees a wider mode than was asked for.
 */
#include "broker/net/sockpath.h"

#include <sched.h>
#include <sys/wait.h>

#include "tests/unit/sockpath_kit.h"

enum { N_RACES = 100, N_RACERS = 6, CHURN_MS = 400 };

/* A second process watches the path while sockets come and go: it must never
 * see a mode that is wider than asked for, nor get in before listen(2). */
static int watch_modes(const char *path, int stop_fd)
{
    char byte;

    while (read(stop_fd, &byte, 1) != 0) {
        struct stat st;

        if (lstat(path, &st) == 0 && st.st_mode & 0777 & ~(mode_t)0600)
            return 1;
        if (try_connect(path) == 0)
            return 2;
    }
    return 0;
}

static void test_never_wider(void **state)
{
    const char *path = in_dir("watched.sock");
    mode_t before = umask(0);
    int stop[2], status;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(stop, O_CLOEXEC | O_NONBLOCK), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(stop[1]);
        _exit(watch_modes(path, stop[0]));
    }
    for (int i = 0; i < 500; i++) {
        int fd;
        struct sockpath *own = take(path, &defaults, &fd);

        sockpath_free(own);
        close(fd);
    }
    close(stop[0]);
    close(stop[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    umask(before);
}

/* Waits for the start, tries, says how it went, and keeps the path until told
 * to go. A second byte: whether clients reach it. */
static void race(const char *path, int start_fd, int result_fd, int end_fd)
{
    struct sockpath *own = NULL;
    char byte, result;
    int fd = -1, r;

    (void)!read(start_fd, &byte, 1);
    r = sockpath_new(&own, &fd, path, &defaults, NULL);
    if (r == 0 && listen(fd, 100) < 0)
        r = -errno;
    result = r == 0 ? 'w' : r == -EADDRINUSE ? 'l' : '?';
    (void)!write(result_fd, &result, 1);
    (void)!read(end_fd, &byte, 1);
    sockpath_free(own);
    _exit(0);
}

static void run_race(const char *path, int i)
{
    int start[2], result[2], end[2], n_winners = 0, status;

    assert_int_equal(pipe2(start, O_CLOEXEC) | pipe2(result, O_CLOEXEC) | pipe2(end, O_CLOEXEC), 0);
    if (i % 4)
        leave_stale(path);
    for (int racer = 0; racer < N_RACERS; racer++)
        if (fork() == 0) {
            close(start[1]);
            close(end[1]);
            race(path, start[0], result[1], end[0]);
        }
    close(start[1]); /* the end of file is the starting shot */
    for (int racer = 0; racer < N_RACERS; racer++) {
        char byte = 0;

        assert_int_equal(read(result[0], &byte, 1), 1);
        assert_true(byte == 'w' || byte == 'l');
        n_winners += byte == 'w';
    }
    assert_int_equal(n_winners, 1);
    assert_int_equal(try_connect(path), 0);
    close(end[1]);
    for (int racer = 0; racer < N_RACERS; racer++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    close(start[0]), close(result[0]), close(result[1]), close(end[0]);
    assert_false(exists(path));
}

static void test_one_wins(void **state)
{
    const char *path = in_dir("race.sock");

    (void)state;
    for (int i = 0; i < N_RACES; i++)
        run_race(path, i);
    assert_false(exists(in_dir("race.sock.lock")));
}

/* Each takes the path, says so by making a file that only one can make, and
 * lets go at once: this is where lock files get removed under the others. */
static int take_and_go(const char *path, const char *proof)
{
    const int64_t end_ns = kit_now_ns() + CHURN_MS * 1000000;

    while (kit_now_ns() < end_ns) {
        struct sockpath *own = NULL;
        int fd, proof_fd;

        if (sockpath_new(&own, &fd, path, &defaults, NULL) < 0)
            continue;
        proof_fd = open(proof, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (proof_fd < 0)
            return 1; /* two owners at once */
        sched_yield();
        unlink(proof);
        close(proof_fd);
        close(fd);
        sockpath_free(own);
    }
    return 0;
}

static void test_coming_and_going(void **state)
{
    const char *path = in_dir("churn.sock"), *proof = in_dir("proof");
    int status;

    (void)state;
    for (int i = 0; i < N_RACERS; i++)
        if (fork() == 0)
            _exit(take_and_go(path, proof));
    for (int i = 0; i < N_RACERS; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_false(exists(path));
    assert_false(exists(in_dir("churn.sock.lock")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(test_never_wider),
        kit_test(test_one_wins),
        kit_test(test_coming_and_going),
    };

    return kit_run("sockpath_race", tests, KIT_LENGTH(tests));
}
