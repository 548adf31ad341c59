#include "proto/transport/principal.h"

#include <stdlib.h>
#include <string.h>

#include "proto/transport/executable.h"
#include "proto/transport/sys.h"

/* Debian 12's headers are older than the option (Linux 6.5); the number is the
 * same on every architecture but sparc and parisc. */
#if !defined(SO_PEERPIDFD) && !defined(__sparc__) && !defined(__hppa__)
#    define SO_PEERPIDFD 77
#endif

enum {
    GROUPS_FIRST = 32,  /* enough for nearly everybody */
    GROUPS_MAX = 65536, /* NGROUPS_MAX of Linux */
    LABEL_FIRST = 128,
    LABEL_MAX = 64 << 10, /* what a security module can possibly mean */
};

/* Asks for an option of unknown length: a buffer of `first` bytes, then of as
 * many as the kernel says it needs. *ret is malloced, never NULL. */
static int fetch(int fd, int option, size_t first, size_t max, void **ret, size_t *ret_len)
{
    socklen_t len = (socklen_t)first;

    for (;;) {
        socklen_t asked = len;
        void *buf = calloc(1, (size_t)len + 1); /* + 1 ends a string */
        int r = buf ? sys_getsockopt(fd, SOL_SOCKET, option, buf, &len) : -ENOMEM;

        if (r >= 0) {
            *ret = buf;
            *ret_len = len;
            return 0;
        }
        free(buf);
        if (r != -ERANGE)
            return r;
        if (len <= asked || len > max) /* it must ask for more, and stop */
            return -ERANGE;
    }
}

static int fetch_cred(struct principal *who, int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    int r = sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);

    if (r < 0)
        return r;
    /* A socket that was never connected answers with -1 for both ids. */
    if (len != sizeof(cred) || cred.uid == (uid_t)-1 || cred.gid == (gid_t)-1)
        return -ENODATA;
    who->uid = cred.uid;
    who->gid = cred.gid;
    who->pid = cred.pid > 0 ? cred.pid : 0;
    return 0;
}

static int fetch_groups(struct principal *who, int fd)
{
    void *groups;
    size_t len;
    int r = fetch(fd, SO_PEERGROUPS, GROUPS_FIRST * sizeof(gid_t), GROUPS_MAX * sizeof(gid_t),
                  &groups, &len);

    if (r < 0)
        return r;
    who->n_groups = len / sizeof(gid_t);
    if (who->n_groups == 0) {
        free(groups);
        return 0;
    }
    /* Principals live as long as connections do: give back what is too much.
     * Shrinking does not fail, and if it did, the old block is as good. */
    who->groups = realloc(groups, len);
    if (!who->groups)
        who->groups = groups;
    return 0;
}

static void fetch_pidfd(struct principal *who, int fd)
{
#ifdef SO_PEERPIDFD
    int pidfd;

    /* Every errno means "missing": EMFILE here once took a whole bus down. The
     * kernel makes the descriptor close-on-exec. */
    if (sys_getsockopt_int(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd) == 0 && pidfd >= 0)
        who->pidfd = pidfd;
#else
    (void)who;
    (void)fd;
#endif
}

static void fetch_label(struct principal *who, int fd)
{
    void *label;
    size_t len;

    if (fetch(fd, SO_PEERSEC, LABEL_FIRST, LABEL_MAX, &label, &len) < 0)
        return;
    /* Some modules count a final NUL, some do not, and an empty one says
     * nothing. */
    if (*(char *)label == '\0') {
        free(label);
        return;
    }
    who->label = realloc(label, strlen(label) + 1);
    if (!who->label)
        who->label = label;
}

int principal_begin(struct principal *ret, int fd)
{
    struct principal who = PRINCIPAL_INIT;
    int r = fetch_cred(&who, fd);

    if (r == 0)
        *ret = who;
    return r;
}

int principal_complete(struct principal *who, int fd, unsigned wanted)
{
    int r = fetch_groups(who, fd);

    if (r < 0)
        return r;
    if (wanted & (PRINCIPAL_PIDFD | PRINCIPAL_EXECUTABLE))
        fetch_pidfd(who, fd);
    if (wanted & PRINCIPAL_EXECUTABLE)
        who->executable = executable_of(who->pid, who->pidfd);
    if (!(wanted & PRINCIPAL_PIDFD))
        who->pidfd = sys_close(who->pidfd);
    if (wanted & PRINCIPAL_LABEL)
        fetch_label(who, fd);
    return 0;
}

int principal_from_socket(struct principal *ret, int fd, unsigned wanted)
{
    struct principal who = PRINCIPAL_INIT;
    int r = principal_begin(&who, fd);

    if (r == 0)
        r = principal_complete(&who, fd, wanted);
    if (r == 0)
        *ret = who;
    return r;
}

void principal_deinit(struct principal *who)
{
    sys_close(who->pidfd);
    free(who->groups);
    free(who->label);
    free(who->executable);
    *who = (struct principal)PRINCIPAL_INIT;
}

int principal_in_group(const struct principal *who, gid_t gid)
{
    if (who->gid == gid)
        return 1;
    for (size_t i = 0; i < who->n_groups; i++)
        if (who->groups[i] == gid)
            return 1;
    return 0;
}
