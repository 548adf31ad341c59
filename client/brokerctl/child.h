/* One run of serve's command: bytes into its stdin, bytes out of its stdout.
 *
 * Both are pumped at once from the poll loop of whoever owns the child, so
 * neither a large request nor a large reply can lock it up. A child has its own
 * process group, so that killing it takes along what a shell started. It is
 * done when the process itself is: what it left behind in the background keeps
 * nobody waiting. Embedded: CHILD_INIT, child_deinit (kills and reaps). The
 * owner ignores SIGPIPE.
 */
#pragma once

#include "client/brokerctl/text.h"

#include <poll.h>
#include <sys/types.h>

enum { CHILD_FDS = 3 };

struct child {
    pid_t pid; /* 0: none */
    int pid_fd;
    int in, out; /* ours: written to, read from; -1 when closed */
    struct text input;
    size_t n_written;
    struct text output;
    size_t max_output;
    bool too_large;       /* it said more than max_output; it is being killed */
    bool done;            /* reaped; wait_status and output are final */
    int wait_status;
    uint64_t kill_at_ms;  /* SIGKILL then; 0: nobody has asked it to end */
};

#define CHILD_INIT { .pid_fd = -1, .in = -1, .out = -1, .input = TEXT_INIT, .output = TEXT_INIT }

/* Runs argv with `input` (its bytes are taken over) and the environment. 0, or a negative errno:
 * -ENOENT when there is no such command. */
int child_start(struct child *child, char *const *argv, char *const *env, struct text *input,
                size_t max_output);
void child_deinit(struct child *child);
/* What to wait for; entries that do not matter now have fd -1. */
void child_fds(const struct child *child, struct pollfd fds[CHILD_FDS]);
void child_handle(struct child *child, const struct pollfd fds[CHILD_FDS], uint64_t now_ms);
/* SIGTERM, and SIGKILL two seconds later. */
void child_end(struct child *child, uint64_t now_ms);
/* The exit code as a shell gives it: 128 + the signal that killed it. */
int child_exit_code(const struct child *child);
/* Whether execvp would find the command. 0 or a negative errno. */
int child_find(const char *command);
