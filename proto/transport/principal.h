/* Who is at the other end of an AF_UNIX socket, as the kernel says it.
 *
 * Taken once, when a connection is accepted, and never from anything the peer
 * sends. These are the credentials of the process that called connect(2), at
 * that moment (for a client looking at its broker: of who called listen(2)).
 * The socket may have been handed to another process since; that is the
 * contract of unix(7). No decision may rest on the pid: it is for people.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct principal {
    uid_t uid;          /* always known, else there is no principal */
    gid_t gid;
    pid_t pid;          /* 0 = unknown (a peer outside our pid namespace) */
    int pidfd;          /* -1 = none (before Linux 6.5, at the descriptor limit) */
    gid_t *groups;      /* supplementary groups, owned; NULL if there are none */
    size_t n_groups;
    char *label;        /* security label, owned; NULL = the kernel has none */
    char *executable;   /* path of its program, owned, advisory; NULL = not known */
};

#define PRINCIPAL_INIT { .uid = (uid_t)-1, .gid = (gid_t)-1, .pidfd = -1 }

/* What is taken along if the kernel has it. A pidfd costs a descriptor for as
 * long as the principal lives. */
enum {
    PRINCIPAL_PIDFD = 1u << 0,
    PRINCIPAL_LABEL = 1u << 1,
    PRINCIPAL_EXECUTABLE = 1u << 2, /* needs a pidfd, but only for a moment */
    PRINCIPAL_ALL = PRINCIPAL_PIDFD | PRINCIPAL_LABEL | PRINCIPAL_EXECUTABLE,
};

/* Asks the kernel about `fd`. uid, gid and groups are required: on any failure
 * *ret is untouched, the result is -errno, and this connection must be refused
 * (-ENOPROTOOPT: the kernel cannot tell groups, before Linux 4.13; -ENODATA: no
 * peer was ever there; -ENOMEM). The optional parts never fail the call,
 * whatever errno they end in. The caller owns *ret. socket(7), unix(7). */
int principal_from_socket(struct principal *ret, int fd, unsigned wanted);

/* The same in two steps, for who refuses most of those that come: first uid, gid and pid, which
 * are one system call and own nothing (so *ret need not be completed, nor deinited); -errno as
 * above, and *ret is untouched. */
int principal_begin(struct principal *ret, int fd);
/* Then the groups and what is wanted, into what principal_begin has begun. On failure it is as it
 * was. */
int principal_complete(struct principal *who, int fd, unsigned wanted);

/* Idempotent, safe on PRINCIPAL_INIT; closes the pidfd. */
void principal_deinit(struct principal *who);

/* Whether gid is the principal's own group or one of its others. */
int principal_in_group(const struct principal *who, gid_t gid);
