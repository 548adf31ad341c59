#include "client/brokerctl/print.h"

#include "client/brokerctl/signals.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BUFFER = 64 << 10 };

static struct {
    const char *verb;
    struct text pending;
    int error; /* errno of the write that failed; EPIPE: the reader left */
} out;

void print_set_verb(const char *verb)
{
    out.verb = verb;
}

bool print_gone(void)
{
    return out.error != 0;
}

void print_hung_up(void)
{
    if (!out.error)
        out.error = EPIPE;
}

/* Standard output may be shared with a process that made it non-blocking. */
static void wait_writable(void)
{
    struct pollfd fds[2] = { { STDOUT_FILENO, POLLOUT, 0 }, { signals_fd(), POLLIN, 0 } };

    poll(fds, 2, -1);
}

static void write_all(const char *data, size_t len)
{
    while (len && !out.error) {
        ssize_t n = write(STDOUT_FILENO, data, len);

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if ((errno == EINTR || errno == EAGAIN) && !signals_stopping()) {
            wait_writable();
        } else {
            out.error = errno == EINTR || errno == EAGAIN ? EPIPE : errno;
        }
    }
}

void print_flush(void)
{
    write_all(out.pending.data, out.pending.len);
    text_clear(&out.pending);
}

void print_out(const struct text *text)
{
    if (out.error)
        return;
    if (out.pending.len + text->len > BUFFER)
        print_flush();
    if (text->len > BUFFER)
        write_all(text->data, text->len);
    else
        text_add(&out.pending, text->data, text->len);
}

void print_raw(const void *bytes, size_t len)
{
    struct text view = { (char *)bytes, len, len };
    _cleanup_text_ struct text safe = TEXT_INIT;

    if (!print_is_tty()) {
        print_out(&view);
        return;
    }
    text_add_safe(&safe, bytes, len);
    print_out(&safe);
}

int print_end(int exit_code)
{
    print_flush();
    text_deinit(&out.pending);
    if (out.error && out.error != EPIPE) {
        print_note("cannot write to standard output: %s", strerror(out.error));
        return exit_code ? exit_code : 1;
    }
    return exit_code;
}

/* One write, so that lines of several processes do not mix. */
__attribute__((format(printf, 1, 0))) static void error_line(const char *format, va_list args)
{
    _cleanup_text_ struct text line = TEXT_INIT;
    char *message = NULL;
    int len = vasprintf(&message, format, args);
    ssize_t n;

    if (len < 0)
        return;
    text_puts(&line, "brokerctl: ");
    if (out.verb)
        text_printf(&line, "%s: ", out.verb);
    text_add_safe(&line, message, (size_t)len);
    text_char(&line, '\n');
    free(message);
    print_flush();
    n = write(STDERR_FILENO, line.data, line.len);
    (void)n;
}

void print_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_line(format, args);
    va_end(args);
}

int print_failure(int exit_code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_line(format, args);
    va_end(args);
    return exit_code;
}

bool print_is_tty(void)
{
    static int is_tty = -1;

    if (is_tty < 0)
        is_tty = isatty(STDOUT_FILENO);
    return is_tty;
}

bool print_has_colour(void)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

    return print_is_tty() && !(no_colour && *no_colour) && term && strcmp(term, "dumb");
}

size_t print_width(void)
{
    struct winsize size;

    if (!print_is_tty() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col;
}
