#include "tests/kit/raw_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/kit/runner.h"

int raw_try_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (len >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    else
        len++; /* a path carries its NUL, an abstract name does not; unix(7) */

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int raw_open(const char *path)
{
    int fd = raw_try_open(path);

    if (fd < 0)
        fail_msg("cannot connect to %s: %s", path, strerror(-fd));
    return fd;
}

/** Waits for @p events until @p end_ns; false at the end. */
static bool await(int fd, short events, int64_t end_ns)
{
    struct pollfd pollfd = {.fd = fd, .events = events};

    for (;;) {
        int64_t left_ns = end_ns - kit_now_ns();
        int n = poll(&pollfd, 1, left_ns > 0 ? (int)((left_ns + 999999) / 1000000) : 0);
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

static int64_t end_of(int timeout_ms)
{
    return kit_now_ns() + (int64_t)timeout_ms * 1000000;
}

/* -- send ------------------------------------------------------------------------------------ */

ssize_t raw_try_send(int fd, const void *data, size_t len, int timeout_ms)
{
    const int64_t end_ns = end_of(timeout_ms);
    const char *at = data;
    size_t done = 0;

    while (done < len) {
        ssize_t n = send(fd, at + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN && !await(fd, POLLOUT, end_ns))
            break;
        else if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return (ssize_t)done;
}

void raw_send(int fd, const void *data, size_t len)
{
    ssize_t n = raw_try_send(fd, data, len, RAW_DEADLINE_MS);

    if (n < 0)
        fail_msg("cannot send %zu bytes: %s", len, strerror((int)-n));
    if ((size_t)n < len)
        fail_msg("only %zd of %zu bytes were taken", n, len);
}

void raw_send_frame(int fd, const void *body, size_t len)
{
    const unsigned char head[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
                                   (unsigned char)(len >> 8), (unsigned char)len};

    raw_send(fd, head, sizeof(head));
    raw_send(fd, body, len);
}

/* -- receive --------------------------------------------------------------------------------- */

ssize_t raw_recv(int fd, void *buffer, size_t max, int timeout_ms)
{
    const int64_t end_ns = end_of(timeout_ms);

    for (;;) {
        ssize_t n = recv(fd, buffer, max, MSG_DONTWAIT);
        if (n >= 0)
            return n;
        if (errno == EAGAIN && !await(fd, POLLIN, end_ns))
            return -ETIMEDOUT;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}

void raw_expect(int fd, void *buffer, size_t len)
{
    const int64_t end_ns = end_of(RAW_DEADLINE_MS);
    size_t done = 0;

    while (done < len) {
        int64_t left_ms = (end_ns - kit_now_ns()) / 1000000;
        ssize_t n = raw_recv(fd, (char *)buffer + done, len - done, left_ms > 0 ? (int)left_ms : 0);
        if (n < 0)
            fail_msg("after %zu of %zu bytes: %s", done, len, strerror((int)-n));
        if (n == 0)
            fail_msg("the stream ended after %zu of %zu bytes", done, len);
        done += (size_t)n;
    }
}

size_t raw_expect_frame(int fd, void *body, size_t max)
{
    unsigned char head[4];

    raw_expect(fd, head, sizeof(head));
    size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (len > max)
        fail_msg("a frame of %zu bytes, more than %zu", len, max);
    raw_expect(fd, body, len);
    return len;
}

void raw_expect_eof(int fd)
{
    const int64_t end_ns = end_of(RAW_DEADLINE_MS);
    char scrap[4096];
    ssize_t n;

    do {
        int64_t left_ms = (end_ns - kit_now_ns()) / 1000000;
        n = raw_recv(fd, scrap, sizeof(scrap), left_ms > 0 ? (int)left_ms : 0);
    } while (n > 0);
    if (n < 0)
        fail_msg("no end of the stream: %s", strerror((int)-n));
}

void raw_expect_silence(int fd, int ms)
{
    char byte;
    ssize_t n = raw_recv(fd, &byte, 1, ms);

    if (n != -ETIMEDOUT)
        fail_msg("%s", n > 0 ? "a byte came, and none should" : "the stream ended");
}
