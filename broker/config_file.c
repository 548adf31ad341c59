#include "broker/config_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int bad(char *why, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int bad(char *why, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, CONFIG_WHY_MAX, format, args);
    va_end(args);
    return code;
}

/* Of a file, and of a folder, where who may write may add and remove files. */
static int check_guarded(const struct stat *st, char *why)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return bad(why, -EPERM,
                   "belongs to uid %u: for a system's broker it must be root's or that of the "
                   "user who runs it",
                   st->st_uid);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return bad(why, -EPERM,
                   "has mode %04o: for a system's broker only its owner may be able to write to it",
                   st->st_mode & 07777);
    return 0;
}

/* ---- a file ------------------------------------------------------------------------ */

static int examine(int fd, struct stat *ret, char *why)
{
    if (fstat(fd, ret) < 0)
        return bad(why, -errno, "cannot be examined: %s", strerror(errno));
    return 0;
}

static int check_file(const struct stat *st, bool guarded, char *why)
{
    if (S_ISDIR(st->st_mode))
        return bad(why, -EINVAL, "is a folder, not a file");
    if (!S_ISREG(st->st_mode))
        return bad(why, -EINVAL, "is no regular file");
    if (st->st_size > CONFIG_FILE_MAX)
        return bad(why, -EFBIG, "is larger than %d KiB", CONFIG_FILE_MAX >> 10);
    return guarded ? check_guarded(st, why) : 0;
}

/* Half of what somebody writes just now must not be taken for all of it. */
static int check_unchanged(int fd, const struct stat *before, char *why)
{
    struct stat now;
    int r = examine(fd, &now, why);
    if (r < 0)
        return r;
    if (now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
        return bad(why, -EAGAIN, "changed while it was read: try again");
    return 0;
}

/* The file may grow meanwhile, or lie about its size as those of /proc do. */
static int read_all(int fd, char *ret, size_t *ret_len, char *why)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, ret + len, CONFIG_FILE_MAX + 1 - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bad(why, -errno, "cannot be read: %s", strerror(errno));
        len += (size_t)n;
        if (len > CONFIG_FILE_MAX)
            return bad(why, -EFBIG, "is larger than %d KiB", CONFIG_FILE_MAX >> 10);
    }
    *ret_len = len;
    return 0;
}

/* Into a block of its size. */
static int slurp(int fd, const struct stat *st, char **ret, size_t *ret_len, char *why)
{
    char *all = malloc(CONFIG_FILE_MAX + 1);
    size_t len = 0;
    int r = all ? read_all(fd, all, &len, why) : bad(why, -ENOMEM, "out of memory");
    if (r == 0)
        r = check_unchanged(fd, st, why);
    char *fit = r == 0 ? malloc(len + 1) : NULL;
    if (r == 0 && !fit)
        r = bad(why, -ENOMEM, "out of memory");
    if (r == 0) {
        memcpy(fit, all, len);
        fit[len] = '\0';
        *ret = fit;
        *ret_len = len;
    }
    free(all);
    return r;
}

int config_file_read(const char *path, bool guarded, char **ret, size_t *ret_len,
                     char why[CONFIG_WHY_MAX])
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return bad(why, -errno, "cannot be opened: %s", strerror(errno));
    int r = examine(fd, &st, why);
    if (r == 0)
        r = check_file(&st, guarded, why);
    if (r == 0)
        r = slurp(fd, &st, ret, ret_len, why);
    close(fd);
    return r;
}

/* ---- a folder ----------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_drop_in(const char *name)
{
    size_t len = strlen(name);
    return *name != '.' && len > CONFIG_DROP_IN_SUFFIX_LEN &&
           strcmp(name + len - CONFIG_DROP_IN_SUFFIX_LEN, ".conf") == 0;
}

static int collect(DIR *dir, char **names, size_t *n, char *why)
{
    const struct dirent *entry;
    while ((errno = 0, entry = readdir(dir))) {
        if (!is_drop_in(entry->d_name))
            continue;
        if (*n == CONFIG_DROP_INS_MAX)
            return bad(why, -E2BIG, "holds more than %d files", CONFIG_DROP_INS_MAX);
        names[*n] = strdup(entry->d_name);
        if (!names[*n])
            return bad(why, -ENOMEM, "out of memory");
        ++*n;
    }
    return errno ? bad(why, -errno, "cannot be read: %s", strerror(errno)) : 0;
}

static int list(DIR *dir, char ***ret, size_t *ret_n, char *why)
{
    char **names = calloc(CONFIG_DROP_INS_MAX, sizeof *names);
    size_t n = 0;
    int r = names ? collect(dir, names, &n, why) : bad(why, -ENOMEM, "out of memory");
    if (r < 0) {
        config_file_free_names(names, n);
        return r;
    }
    qsort(names, n, sizeof *names, by_bytes);
    *ret = names;
    *ret_n = n;
    return 0;
}

int config_file_check_folder(const char *path, char why[CONFIG_WHY_MAX])
{
    const char *slash = strrchr(path, '/');
    struct stat st;
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return bad(why, -ENOMEM, "out of memory");
    int r = stat(folder, &st) < 0 ? -errno : 0;
    free(folder);
    if (r < 0)
        return bad(why, r, "its folder cannot be examined: %s", strerror(-r));
    if (st.st_mode & S_ISVTX)
        st.st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH);
    char of_folder[CONFIG_WHY_MAX];
    r = check_guarded(&st, of_folder);
    return r < 0 ? bad(why, r, "its folder %.*s", CONFIG_WHY_MAX - 16, of_folder) : 0;
}

static int check_listed(DIR *dir, bool guarded, char *why)
{
    struct stat st;
    if (!guarded)
        return 0;
    int r = examine(dirfd(dir), &st, why);
    return r < 0 ? r : check_guarded(&st, why);
}

int config_file_list(const char *path, bool guarded, char ***ret, size_t *ret_n,
                     char why[CONFIG_WHY_MAX])
{
    DIR *dir = opendir(path);
    if (!dir && errno == ENOENT) {
        *ret = NULL;
        *ret_n = 0;
        return 0;
    }
    if (!dir)
        return bad(why, -errno, "cannot be opened: %s", strerror(errno));
    int r = check_listed(dir, guarded, why);
    if (r == 0)
        r = list(dir, ret, ret_n, why);
    closedir(dir);
    return r;
}

void config_file_free_names(char **names, size_t n)
{
    for (size_t i = 0; names && i < n; i++)
        free(names[i]);
    free(names);
}
