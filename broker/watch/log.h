/* The log: one line each to stderr, and nobody ever waits for it.
 *
 * Lines gather in a buffer of 64 KiB and go out in log_flush(), which the house
 * calls at the end of each round, with writes that cannot block: a full pipe, a
 * stopped terminal or a full disk costs lines, never time. What does not fit is
 * counted, and the count takes the lost lines' place ("12 lines lost").
 *
 * If stderr is systemd's journal, lines carry its <N> priorities; otherwise
 * they read "brokerd: warning: ...". No time stamps (journals and terminals
 * have their own) and no colour. Control characters (C0, DEL, C1), backslashes
 * and bytes that are not UTF-8 come out as \xNN, so nothing a peer chose can
 * forge a line or reach a terminal.
 *
 * The one logger of the process is the only global state in the broker: it must
 * be reachable where there is nothing to pass it along, and there is just one
 * stderr. One thread. May be called from any callback.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The numbers of syslog(3). */
enum log_level {
    LOG_LEVEL_ERR = 3,
    LOG_LEVEL_WARN = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

enum {
    LOG_BUFFER = 64 << 10,  /* what waits for a slow reader */
    LOG_LINE = 1024,        /* bytes of one message before escaping */
    LOG_RETRY_MS = 100,     /* after a write that would have blocked */
};

/* Starts logging to `fd`, which stays the caller's and stays open; `name`
 * (static, NULL = none) begins each plain line. Without log_open(), lines go
 * to descriptor 2 with level info. SIGPIPE must be ignored already. Never
 * fails: a descriptor that cannot be written loses lines. */
void log_open(int fd, const char *name, enum log_level max_level);
/* Waits up to 200 ms for what is buffered to leave, then forgets all state. */
void log_close(void);

void log_set_level(enum log_level max_level);
/* "err", "warn", "info" or "debug" (and "error", "warning"). 0 or -EINVAL. */
int log_level_parse(enum log_level *ret, const char *name);

/* Whether lines of this level are wanted: to spare costly arguments. */
bool log_enabled(enum log_level level);

/* A line without its newline. LOG_LEVEL_ERR is written at once if possible,
 * since what follows may be the end. Keeps errno. */
void log_write(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define log_err(...) log_write(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
/* Costs one comparison when debugging is off. */
#define log_debug(...)                                  \
    do {                                                \
        if (log_enabled(LOG_LEVEL_DEBUG))               \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);    \
    } while (0)

/* Writes what waits, as far as that does not block; after a write that would
 * have, not again before now_ns (CLOCK_MONOTONIC) has moved LOG_RETRY_MS on.
 * Costs one comparison when nothing waits. Returns whether something still
 * waits: then call again within LOG_RETRY_MS or so, even if the loop is idle. */
bool log_flush(uint64_t now_ns);

/* Lines that found no room, since log_open(). */
uint64_t log_lines_lost(void);
