/* The log on each kind of stderr, and that a reader who does not read costs
 * lines, which are counted, and never time. The text of a line is in
 * test_log_text.c.
 */
#include "broker/watch/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { PLENTY = 256 << 10 };

/* A clock that only tests move; far enough on for every retry. */
static uint64_t later(void)
{
    static uint64_t now_ns;

    return now_ns += UINT64_C(1000000000);
}

static void open_pipe(int *ret)
{
    assert_int_equal(pipe2(ret, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ret[0], F_SETFL, O_NONBLOCK), 0);
    assert_true(fcntl(ret[1], F_SETPIPE_SZ, 4096) >= 4096);
}

static void close_pair(const int *fds)
{
    close(fds[0]);
    close(fds[1]);
}

static char got[PLENTY];

/* All that waits at fd, as a string. */
static const char *take(int fd)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, got + len, sizeof(got) - 1 - len)) > 0)
        len += (size_t)n;
    got[len] = '\0';
    return got;
}

static void test_lines_go_out(void **state)
{
    int fds[2];

    (void)state;
    open_pipe(fds);
    log_open(fds[1], "brokerd", LOG_LEVEL_INFO);
    log_info("one %d", 1);
    log_debug("not wanted");
    log_warn("two %s", "\x1b[31m");
    assert_string_equal(take(fds[0]), ""); /* at the end of the round */
    assert_false(log_flush(later()));
    assert_string_equal(take(fds[0]), "brokerd: one 1\nbrokerd: warning: two \\x1b[31m\n");
    log_err("three"); /* at once */
    assert_string_equal(take(fds[0]), "brokerd: error: three\n");
    log_set_level(LOG_LEVEL_DEBUG);
    assert_true(log_enabled(LOG_LEVEL_DEBUG));
    log_debug("four");
    log_close();
    assert_string_equal(take(fds[0]), "brokerd: debug: four\n");
    close_pair(fds);
}

static void test_errno(void **state)
{
    int fds[2];

    (void)state;
    open_pipe(fds);
    log_open(fds[1], NULL, LOG_LEVEL_INFO);
    errno = ENOENT;
    log_err("%m");
    assert_int_equal(errno, ENOENT);
    assert_string_equal(take(fds[0]), "error: No such file or directory\n");
    log_close();
    close_pair(fds);
}

/* JOURNAL_STREAM names the very stream; another one is somebody else's. */
static void test_journal(void **state)
{
    char stream[64];
    struct stat st;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(fstat(fds[1], &st), 0);
    for (unsigned off = 0; off < 2; off++) {
        (void)snprintf(stream, sizeof(stream), "%lu:%lu", (unsigned long)st.st_dev,
                       (unsigned long)st.st_ino + off);
        assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
        log_open(fds[1], "brokerd", LOG_LEVEL_INFO);
        log_err("x");
        assert_string_equal(take(fds[0]), off ? "brokerd: error: x\n" : "<3>x\n");
        log_close();
    }
    unsetenv("JOURNAL_STREAM");
    close_pair(fds);
}

/* Adds what waits at fd to a string on the heap. */
static char *gather(char *all, int fd)
{
    const char *more = take(fd);
    char *longer = realloc(all, (all ? strlen(all) : 0) + strlen(more) + 1);

    assert_non_null(longer);
    if (!all)
        *longer = '\0';
    return strcat(longer, more);
}

/* Lines in order, and where some are missing, their number. */
static void check_account(char *all, int n_lines, int n_lost)
{
    int next = 0, told = 0;

    for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n")) {
        int number;

        if (sscanf(line, "line %d,", &number) == 1) {
            assert_int_equal(number, next);
            next++;
        } else {
            assert_int_equal(sscanf(line, "warning: %d line", &number), 1);
            told += number;
            next += number;
        }
    }
    assert_int_equal(next, n_lines);
    assert_int_equal(told, n_lost);
}

/* Whether the last line is there, or the word that it was lost. */
static bool ends_with(const char *all, int n_lines)
{
    char last[32];
    size_t len = strlen(all);

    (void)snprintf(last, sizeof(last), "line %d,", n_lines - 1);
    return len >= 6 && (strstr(all, last) || strcmp(all + len - 6, " lost\n") == 0);
}

/* Nobody reads: lines are lost and counted, in their place, and no call takes
 * long. Then somebody reads, and it goes on. */
static void check_full(int reader, int writer)
{
    const int n_lines = 5000;
    int64_t start = kit_now_ns();
    char *all = NULL;

    log_open(writer, NULL, LOG_LEVEL_INFO);
    for (int i = 0; i < n_lines; i++) {
        log_info("line %d, and some words to fill the buffer sooner", i);
        (void)log_flush(later());
    }
    assert_true(kit_now_ns() - start < 2000000000);
    assert_true(log_lines_lost() > 0);

    do {
        all = gather(all, reader);
        (void)log_flush(later());
    } while (!ends_with(all, n_lines) && kit_now_ns() - start < 10000000000);
    check_account(all, n_lines, (int)log_lines_lost());
    free(all);
    log_close();
}

static void test_full_pipe(void **state)
{
    int fds[2];

    (void)state;
    open_pipe(fds);
    check_full(fds[0], fds[1]);
    /* The shared description must stay as it was. */
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    close_pair(fds);
}

static void test_full_socket(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int)), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    check_full(fds[0], fds[1]);
    close_pair(fds);
}

/* A terminal whose reader has stopped. */
static void test_full_terminal(void **state)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios raw;
    int slave;

    (void)state;
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        kit_skip("no pseudo-terminals here");
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    check_full(master, slave);
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    close(slave);
    close(master);
}

/* A full disk refuses at once; the newest lines go, and nothing waits. */
static void test_full_disk(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int64_t start = kit_now_ns();

    (void)state;
    assert_true(fd >= 0);
    log_open(fd, NULL, LOG_LEVEL_INFO);
    for (int i = 0; i < 5000; i++) {
        log_info("line %d, and some words to fill the buffer sooner", i);
        (void)log_flush(later());
    }
    assert_true(log_lines_lost() > 0);
    log_close();
    assert_true(kit_now_ns() - start < 2000000000);
    close(fd);
}

static void test_nobody_there(void **state)
{
    int fds[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    open_pipe(fds);
    log_open(fds[1], NULL, LOG_LEVEL_INFO);
    close(fds[0]);
    log_err("into nowhere");
    assert_false(log_flush(later()));
    log_info("still nowhere");
    assert_false(log_flush(later()));
    log_close();
    close(fds[1]);

    log_open(fds[1], NULL, LOG_LEVEL_INFO); /* closed by now */
    log_err("into nowhere");
    log_close();
    signal(SIGPIPE, SIG_DFL);
}

/* After a write that would have blocked, there is no other for a while. */
static void test_retry(void **state)
{
    uint64_t now_ns = later();
    char filler[4096];
    int fds[2];

    (void)state;
    open_pipe(fds);
    memset(filler, '.', sizeof(filler));
    log_open(fds[1], NULL, LOG_LEVEL_INFO);
    assert_int_equal(write(fds[1], filler, sizeof(filler)), sizeof(filler));
    log_info("waits");
    assert_true(log_flush(now_ns));
    take(fds[0]);
    assert_true(log_flush(now_ns + 50 * 1000000));
    assert_string_equal(take(fds[0]), "");
    assert_false(log_flush(now_ns + (uint64_t)LOG_RETRY_MS * 1000000));
    assert_string_equal(take(fds[0]), "waits\n");
    log_close();
    close_pair(fds);
}

static void test_level_names(void **state)
{
    enum log_level level = LOG_LEVEL_INFO;

    (void)state;
    assert_int_equal(log_level_parse(&level, "debug"), 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse(&level, "warning"), 0);
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_int_equal(log_level_parse(&level, "loud"), -EINVAL);
    assert_int_equal(log_level_parse(&level, ""), -EINVAL);
    assert_int_equal(level, LOG_LEVEL_WARN);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(test_lines_go_out),
        kit_test(test_errno),
        kit_test(test_journal),
        kit_test(test_full_pipe),
        kit_test(test_full_socket),
        kit_test(test_full_terminal),
        kit_test(test_full_disk),
        kit_test(test_nobody_there),
        kit_test(test_retry),
        kit_test(test_level_names),
    };

    return kit_run("log", tests, KIT_LENGTH(tests));
}
