/* The system calls that a broker makes once it serves: all others fail with EPERM (seccomp(2)),
 * so that whoever takes it over starts no program, becomes nobody else, looks into no process and
 * writes no file. docs/decisions/0019-hardening.md.
 *
 * A call that is not on the list is a mistake in the list, or an attack; it must not end the broker,
 * since somebody might bring it about. So it fails, as calls do, and its name is said in the log.
 *
 * Driven by the house. About the whole process: not for threads.
 */
#pragma once

/* As the key `seccomp` has them. */
enum syscalls_mode {
    SYSCALLS_AUTO, /* where it can be done; why not is told to the debug log */
    SYSCALLS_YES,  /* or the broker does not start */
    SYSCALLS_NO,
};

/* From now on, and for good. After privileges_fence(), with sockets bound and locks taken. 0, or
 * -errno after saying in the log what failed. */
int syscalls_restrict(enum syscalls_mode mode);

/* Says in the log which calls were refused since it was asked the last time, each once in the life
 * of the broker. Once a round: it costs a comparison if there is none. */
void syscalls_report(void);
