#include "broker/net/sockpath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/net/socklock.h"
#include "proto/transport/principal.h"
#include "proto/transport/sys.h"
#include "proto/transport/unix_socket.h"

struct sockpath {
    int dir_fd;
    struct socklock lock;
    dev_t dev; /* of the socket that was bound */
    ino_t ino;
    const char *base; /* the last component of path */
    char path[ADDRESS_PATH_MAX + 1];
};

/* -- the directory ------------------------------------------------------- */

static int make_parent(const char *dir, const struct sockpath_options *options,
                       struct setup_error *error)
{
    mode_t mask = umask(0);
    bool is_made = mkdir(dir, options->parent_mode) == 0;
    int r = !is_made && errno != EEXIST ? -errno : 0;

    umask(mask);
    if (is_made && options->heir != (uid_t)-1 &&
        fchownat(AT_FDCWD, dir, options->heir, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    return r < 0 ? setup_fail(error, r, "cannot make the directory %s: %s", dir, strerror(-r)) : 0;
}

/* Whoever may write to the directory can put another socket in our place. */
static int check_dir(int dir_fd, const char *dir, uid_t heir, struct setup_error *error)
{
    struct stat st;

    if (fstat(dir_fd, &st) < 0)
        return setup_fail(error, -errno, "cannot examine the directory %s: %m", dir);
    if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != heir)
        return setup_fail(error, -EPERM,
                          "the directory %s belongs to uid %u, who could replace the socket", dir,
                          (unsigned)st.st_uid);
    if (!(st.st_mode & S_ISVTX) && st.st_mode & (S_IWGRP | S_IWOTH))
        return setup_fail(
            error, -EPERM,
            "the directory %s has mode %04o, so %s could replace the socket (chmod %s)", dir,
            (unsigned)st.st_mode & 07777, st.st_mode & S_IWOTH ? "anybody" : "its group",
            st.st_mode & S_IWOTH ? "o-w, or +t" : "g-w, or +t");
    return 0;
}

static int open_dir(struct sockpath *own, const struct sockpath_options *options,
                    struct setup_error *error)
{
    char dir[sizeof(own->path)];
    size_t len = (size_t)(own->base - own->path);
    int r;

    memcpy(dir, own->path, len);
    dir[len > 1 ? len - 1 : len] = '\0'; /* "/" keeps its slash */
    if (options->parent_mode) {
        r = make_parent(dir, options, error);
        if (r < 0)
            return r;
    }
    own->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (own->dir_fd < 0)
        return setup_fail(error, -errno, "cannot open the directory %s: %m", dir);
    return check_dir(own->dir_fd, dir, options->heir, error);
}

/* -- what stands at the path --------------------------------------------- */

static int fail_taken(const char *path, int fd, struct setup_error *error)
{
    struct principal who = PRINCIPAL_INIT;
    int r;

    if (principal_from_socket(&who, fd, 0) == 0 && who.pid > 0)
        r = setup_fail(error, -EADDRINUSE, "%s is in use: process %d (uid %u) listens there", path,
                       (int)who.pid, (unsigned)who.uid);
    else
        r = setup_fail(error, -EADDRINUSE, "%s is in use: a process listens there", path);
    principal_deinit(&who);
    return r;
}

/* Only "nobody listens" proves that a socket is stale. */
static int probe(const struct sockpath *own, struct setup_error *error)
{
    struct address address = { .kind = ADDRESS_PATH };
    int fd;

    memcpy(address.name, own->path, sizeof(own->path));
    fd = unix_connect(&address);
    if (fd >= 0) {
        int r = fail_taken(own->path, fd, error);

        sys_close(fd);
        return r;
    }
    if (fd == -ECONNREFUSED || fd == -ENOENT)
        return 0;
    if (fd == -EAGAIN || fd == -EPROTOTYPE)
        return fail_taken(own->path, -1, error);
    return setup_fail(error, fd, "cannot tell whether somebody listens on %s: %s", own->path,
                      strerror(-fd));
}

static int clear_path(const struct sockpath *own, struct setup_error *error)
{
    struct stat st;
    int r;

    if (fstatat(own->dir_fd, own->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : setup_fail(error, -errno, "cannot examine %s: %m", own->path);
    if (S_ISLNK(st.st_mode))
        return setup_fail(error, -ELOOP, "%s is a symbolic link", own->path);
    if (!S_ISSOCK(st.st_mode))
        return setup_fail(error, -EEXIST, "%s is there already, and is no socket", own->path);
    r = probe(own, error);
    if (r < 0)
        return r;
    if (unlinkat(own->dir_fd, own->base, 0) < 0 && errno != ENOENT)
        return setup_fail(error, -errno, "cannot remove the stale socket %s: %m", own->path);
    return 0;
}

/* -- binding ------------------------------------------------------------- */

/* The umask gives the socket its mode in the same step that makes it. A default
 * ACL of the directory overrules the umask, but not the mode of the unbound
 * socket, from which the kernel starts. */
static int bind_with_mode(const char *path, mode_t mode)
{
    struct address address = { .kind = ADDRESS_PATH };
    struct sockaddr_un addr;
    int fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    mode_t mask;
    int len, r;

    if (fd < 0)
        return fd;
    (void)snprintf(address.name, sizeof(address.name), "%s", path);
    len = unix_sockaddr(&addr, &address);
    (void)fchmod(fd, mode);
    mask = umask(0777 & ~mode);
    r = sys_bind(fd, (const struct sockaddr *)&addr, (socklen_t)len);
    umask(mask);
    if (r < 0)
        sys_close(fd);
    return r < 0 ? r : fd;
}

/* Everything about the new socket that must hold before anybody can connect,
 * which is only after listen(2). */
static int dress(struct sockpath *own, const struct sockpath_options *options,
                 struct setup_error *error)
{
    struct stat st;
    int r = fstatat(own->dir_fd, own->base, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;

    if (r < 0 && r != -ENOENT)
        return setup_fail(error, r, "cannot examine %s: %s", own->path, strerror(-r));
    if (r < 0 || !S_ISSOCK(st.st_mode))
        return setup_fail(error, -ESTALE, "the directory of %s was replaced meanwhile", own->path);
    own->dev = st.st_dev;
    own->ino = st.st_ino;
    if (st.st_mode & 0777 & ~options->mode)
        return setup_fail(error, -EPERM, "%s was made with mode %04o instead of %04o", own->path,
                          (unsigned)st.st_mode & 07777, (unsigned)options->mode);
    if (options->owner == (uid_t)-1 && options->group == (gid_t)-1)
        return 0;
    if (fchownat(own->dir_fd, own->base, options->owner, options->group, AT_SYMLINK_NOFOLLOW) < 0)
        return setup_fail(error, -errno, "cannot give %s to uid %d, gid %d: %m", own->path,
                          (int)options->owner, (int)options->group);
    return 0;
}

static int bind_socket(struct sockpath *own, int *ret_fd, const struct sockpath_options *options,
                       struct setup_error *error)
{
    int fd = bind_with_mode(own->path, options->mode);
    int r;

    if (fd < 0)
        return setup_fail(error, fd, "cannot bind %s: %s", own->path, strerror(-fd));
    r = dress(own, options, error);
    if (r < 0) {
        sys_close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

/* -- the whole ----------------------------------------------------------- */

static int set_path(struct sockpath *own, const char *path, struct setup_error *error)
{
    size_t len = strlen(path);

    if (path[0] != '/' || path[len - 1] == '/')
        return setup_fail(error, -EINVAL,
                          "%s: the path of a socket begins with / and ends in a name", path);
    if (len > ADDRESS_PATH_MAX)
        return setup_fail(error, -EINVAL, "%s: the path of a socket has at most %d bytes, not %zu",
                          path, ADDRESS_PATH_MAX, len);
    memcpy(own->path, path, len + 1);
    own->base = strrchr(own->path, '/') + 1;
    if (strcmp(own->base, ".") == 0 || strcmp(own->base, "..") == 0)
        return setup_fail(error, -EINVAL, "%s is a directory", path);
    return 0;
}

static int take(struct sockpath *own, int *ret_fd, const char *path,
                const struct sockpath_options *options, struct setup_error *error)
{
    int r = set_path(own, path, error);

    if (r == 0 && options->mode & ~(mode_t)0777)
        r = setup_fail(error, -EINVAL, "%04o is no mode for a socket", (unsigned)options->mode);
    if (r == 0)
        r = open_dir(own, options, error);
    if (r == 0)
        r = socklock_take(&own->lock, own->dir_fd, own->base, own->path, options->heir, error);
    if (r == 0)
        r = clear_path(own, error);
    return r < 0 ? r : bind_socket(own, ret_fd, options, error);
}

int sockpath_new(struct sockpath **ret, int *ret_fd, const char *path,
                 const struct sockpath_options *options, struct setup_error *error)
{
    struct sockpath *own = calloc(1, sizeof(*own));
    int r;

    if (!own)
        return setup_fail(error, -ENOMEM, "out of memory");
    own->dir_fd = -1;
    own->lock = (struct socklock)SOCKLOCK_INIT;
    r = take(own, ret_fd, path, options, error);
    if (r < 0) {
        sockpath_free(own);
        return r;
    }
    *ret = own;
    return 0;
}

static void remove_if_ours(const struct sockpath *own)
{
    struct stat st;

    if (own->ino && fstatat(own->dir_fd, own->base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_dev == own->dev && st.st_ino == own->ino)
        (void)unlinkat(own->dir_fd, own->base, 0);
}

struct sockpath *sockpath_free(struct sockpath *own)
{
    if (!own)
        return NULL;
    remove_if_ours(own);
    socklock_release(&own->lock, own->dir_fd);
    sys_close(own->dir_fd);
    free(own);
    return NULL;
}
