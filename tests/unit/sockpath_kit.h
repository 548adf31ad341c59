/* What the tests of sockpath.c share: paths in the test's own folder, sockets
 * that a crash left, and who gets in.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/net/sockpath.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static const struct sockpath_options defaults = SOCKPATH_OPTIONS_INIT;
static struct setup_error error;

/* kit_dir()/NAME; the last four stay valid. */
static inline const char *in_dir(const char *name)
{
    static char paths[4][200];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", kit_dir(), name);
    return path;
}

static inline bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static inline struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    assert_true(strlen(path) < sizeof(addr.sun_path));
    memcpy(addr.sun_path, path, strlen(path));
    return addr;
}

/* A socket at `path` that nobody listens on, as a crash leaves it. */
static inline void leave_stale(const char *path)
{
    struct sockaddr_un addr = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    close(fd);
}

static inline int try_connect(const char *path)
{
    struct sockaddr_un addr = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;

    close(fd);
    return r;
}

static inline void expect_refusal(const char *path, const struct sockpath_options *options, int code,
                           const char *words)
{
    struct sockpath *own = NULL;
    int fd = -7;

    error.why[0] = '\0';
    assert_int_equal(sockpath_new(&own, &fd, path, options, &error), code);
    assert_null(own);
    assert_int_equal(fd, -7);
    if (!strstr(error.why, words))
        fail_msg("\"%s\" does not say \"%s\"", error.why, words);
}

static inline struct sockpath *take(const char *path, const struct sockpath_options *options, int *ret_fd)
{
    struct sockpath *own = NULL;

    if (sockpath_new(&own, ret_fd, path, options, &error) < 0)
        fail_msg("%s", error.why);
    return own;
}
