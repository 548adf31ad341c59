#include "broker/watch/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/watch/log_text.h"
#include "proto/transport/sys.h"

static const uint64_t RETRY_NS = (uint64_t)LOG_RETRY_MS * 1000000;

enum { CLOSE_TRIES = 20, CLOSE_WAIT_MS = 10 };

/* How a write to the descriptor is kept from blocking. */
enum sink {
    SINK_NONE,   /* nobody reads any more: lines are thrown away */
    SINK_OWN,    /* a pipe or terminal, opened again for ourselves with
                  * O_NONBLOCK: on the shared one it would hit the shell too */
    SINK_SOCKET, /* MSG_DONTWAIT; the journal is one */
    SINK_POLLED, /* could not be opened again: poll(2) first, small writes */
    SINK_FILE,   /* does not block for long; a full disk is an error */
};

static char text[LOG_BUFFER]; /* apart from the rest: it needs no place in the program file */

static struct log {
    enum sink sink;
    bool opened;
    bool journal;
    enum log_level max_level;
    int fd;
    const char *name;
    uint64_t retry_ns; /* no earlier than this; 0 = any time */
    uint64_t n_lost;   /* since the last line that said so */
    uint64_t n_lost_ever;
    size_t begin; /* text[begin..end) waits */
    size_t end;
} the_log = { .max_level = LOG_LEVEL_INFO };

/* -- opening ------------------------------------------------------------- */

/* systemd.exec(5), JOURNAL_STREAM: stderr may have been redirected since. */
static bool is_journal(const struct stat *st)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;

    return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && dev == st->st_dev &&
           ino == st->st_ino;
}

static enum sink open_again(int *fd)
{
    char path[32];
    int own;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return SINK_POLLED;
    *fd = own;
    return SINK_OWN;
}

static enum sink choose_sink(int *fd, const struct stat *st)
{
    if (S_ISSOCK(st->st_mode))
        return SINK_SOCKET;
    if (S_ISFIFO(st->st_mode) || isatty(*fd))
        return open_again(fd);
    return SINK_FILE;
}

void log_open(int fd, const char *name, enum log_level max_level)
{
    struct stat st;

    log_close();
    the_log.opened = true;
    the_log.fd = fd;
    the_log.name = name;
    the_log.max_level = max_level;
    if (fstat(fd, &st) < 0)
        return;
    the_log.journal = is_journal(&st);
    the_log.sink = choose_sink(&the_log.fd, &st);
}

void log_set_level(enum log_level max_level)
{
    the_log.max_level = max_level;
}

int log_level_parse(enum log_level *ret, const char *name)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        { "err", LOG_LEVEL_ERR },   { "error", LOG_LEVEL_ERR },    { "warn", LOG_LEVEL_WARN },
        { "info", LOG_LEVEL_INFO }, { "warning", LOG_LEVEL_WARN }, { "debug", LOG_LEVEL_DEBUG },
    };

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].name, name) == 0) {
            *ret = levels[i].level;
            return 0;
        }
    return -EINVAL;
}

bool log_enabled(enum log_level level)
{
    return level <= the_log.max_level;
}

/* -- the buffer ---------------------------------------------------------- */

/* Makes room at the end. */
static bool make_room(size_t len)
{
    if (the_log.begin == the_log.end)
        the_log.begin = the_log.end = 0;
    if (LOG_BUFFER - the_log.end >= len)
        return true;
    if (LOG_BUFFER - (the_log.end - the_log.begin) < len)
        return false;
    memmove(text, text + the_log.begin, the_log.end - the_log.begin);
    the_log.end -= the_log.begin;
    the_log.begin = 0;
    return true;
}

static bool append(enum log_level level, const char *message, size_t len, bool cut)
{
    char line[LOG_TEXT_LINE];
    size_t n = log_text_line(line, the_log.journal, the_log.name, (int)level, message, len, cut);

    if (!make_room(n))
        return false;
    memcpy(text + the_log.end, line, n);
    the_log.end += n;
    return true;
}

/* Stands where the lost lines would: after what came before them. */
static bool tell_lost(void)
{
    char message[64];
    int n;

    if (the_log.n_lost == 0)
        return true;
    n = snprintf(message, sizeof(message), "%llu line%s lost", (unsigned long long)the_log.n_lost,
                 the_log.n_lost == 1 ? "" : "s");
    if (!append(LOG_LEVEL_WARN, message, (size_t)n, false))
        return false;
    the_log.n_lost = 0;
    return true;
}

/* -- writing ------------------------------------------------------------- */

static bool poll_out(int fd, int timeout_ms)
{
    struct pollfd pfd = { .fd = fd, .events = POLLOUT };

    return sys_poll(&pfd, 1, timeout_ms) > 0;
}

static ssize_t write_some(const char *piece, size_t len)
{
    ssize_t n;

    if (the_log.sink == SINK_SOCKET)
        return sys_send(the_log.fd, piece, len);
    if (the_log.sink == SINK_POLLED && !poll_out(the_log.fd, 0))
        return -EAGAIN;
    n = write(the_log.fd, piece, len);
    return n < 0 ? -errno : n;
}

/* Whole lines, at most PIPE_BUF bytes: a pipe that poll(2) calls writable takes
 * so much without blocking, and does not mix it with what others write. */
static size_t next_piece(void)
{
    const char *waiting = text + the_log.begin;
    size_t len = the_log.end - the_log.begin;
    const char *newline;

    if (len <= PIPE_BUF)
        return len;
    newline = memrchr(waiting, '\n', PIPE_BUF);
    return newline ? (size_t)(newline - waiting) + 1 : PIPE_BUF;
}

/* 0 when all is written, or -errno. */
static int write_all(void)
{
    while (the_log.begin < the_log.end) {
        ssize_t n = write_some(text + the_log.begin, next_piece());

        if (n == -EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? (int)n : -EAGAIN;
        the_log.begin += (size_t)n;
        (void)tell_lost();
    }
    return 0;
}

/* Nobody will ever read again. */
static bool is_dead(int error)
{
    return error == -EPIPE || error == -EBADF || error == -ECONNRESET || error == -ENOTCONN;
}

static void give_up(void)
{
    if (the_log.sink == SINK_OWN)
        (void)sys_close(the_log.fd);
    the_log.sink = SINK_NONE;
    the_log.begin = the_log.end = 0;
    the_log.n_lost = 0;
}

bool log_flush(uint64_t now_ns)
{
    int saved = errno;
    int r;

    if (the_log.begin == the_log.end)
        return false;
    if (now_ns < the_log.retry_ns)
        return true;
    r = write_all();
    the_log.retry_ns = r < 0 ? now_ns + RETRY_NS : 0;
    if (is_dead(r))
        give_up();
    errno = saved;
    return the_log.begin < the_log.end;
}

/* Into the buffer, behind a word about what was lost before it. */
static void put(enum log_level level, const char *message, int len)
{
    bool cut = len >= LOG_LINE;
    size_t n = cut ? LOG_LINE - 1 : (size_t)len;

    if (len < 0 || !tell_lost() || !append(level, message, n, cut)) {
        the_log.n_lost++;
        the_log.n_lost_ever++;
    } else if (level == LOG_LEVEL_ERR && the_log.retry_ns == 0) {
        (void)log_flush(0);
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    int saved = errno;
    char message[LOG_LINE];
    va_list args;
    int len;

    if (level > the_log.max_level)
        return;
    if (!the_log.opened)
        log_open(STDERR_FILENO, NULL, the_log.max_level);
    if (the_log.sink == SINK_NONE)
        return;
    errno = saved; /* for %m */
    va_start(args, format);
    len = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    put(level, message, len);
    errno = saved;
}

uint64_t log_lines_lost(void)
{
    return the_log.n_lost_ever;
}

/* -- the end ------------------------------------------------------------- */

/* Short waits, and not many: a descriptor that says it is writable and then
 * takes nothing does not make this spin, nor one that never is, hang. */
static void flush_patiently(void)
{
    for (int tries = 0; tries < CLOSE_TRIES && the_log.begin < the_log.end; tries++) {
        if (write_all() != -EAGAIN)
            return;
        (void)poll_out(the_log.fd, CLOSE_WAIT_MS);
    }
}

void log_close(void)
{
    if (the_log.sink != SINK_NONE)
        flush_patiently();
    give_up();
    the_log = (struct log){ .max_level = LOG_LEVEL_INFO };
}
