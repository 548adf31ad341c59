/* The event loop's contract: descriptors, timers, and the round.
 *
 * One round is one pass: wait, read, handle, write. The backends (backend.h)
 * only wait and report; everything else is here and the same for both. Driven by
 * the house (broker/broker.c), used by every layer above.
 *
 * A `struct loop_fd` and a `struct timer` are embedded in what they serve and
 * stay where they are while registered. Any of them may be removed, and its
 * memory freed, inside any callback, also while its own event is being
 * dispatched: the backends never touch an entry again after loop_del().
 * Level-triggered. LOOP_HUP is reported whether asked for or not; an entry
 * that asks for nothing must therefore be taken out of the set (loop_mod with
 * LOOP_NONE), or a peer that hangs up would make the loop spin; to hear of the
 * hang-up alone, ask for LOOP_HUP.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/loop/timer.h"

enum {
    LOOP_NONE = 0u, /* keep the entry, leave the poll set */
    LOOP_IN = 1u << 0,
    LOOP_OUT = 1u << 1,
    LOOP_HUP = 1u << 2, /* hang-up or error: always reported while anything is asked for */
};

struct loop;
struct loop_fd;

typedef void (*loop_fd_fn)(struct loop_fd *entry, unsigned events);
typedef void (*loop_hook_fn)(void *userdata);

struct loop_fd {
    int fd;
    uint32_t events : 3; /* what is asked for now */
    uint32_t slot : 29;  /* the backend's own index, up to LOOP_MAX_SLOT; 0 = not registered */
    loop_fd_fn fn;
};

enum {
    LOOP_MAX_READY = 128, /* entries served in one round, in turn over rounds */
    LOOP_ALL = LOOP_IN | LOOP_OUT | LOOP_HUP,
    LOOP_MAX_SLOT = (1 << 29) - 1, /* more than there can be descriptors */
};

/* Makes a loop. `backend` is "poll", "epoll" or "auto" (epoll where there is
 * one). 0; -EINVAL for another name; -ENOMEM; or what epoll_create1(2) said. */
int loop_new(struct loop **ret, const char *backend);
/* Entries must be gone; timers that are still armed are disarmed. NULL. */
struct loop *loop_free(struct loop *loop);
/* "poll" or "epoll". */
const char *loop_backend_name(const struct loop *loop);

/* Registers `fd` for `events`, calling `fn`, which may get events that are over
 * by the time it runs: it reads, and is told -EAGAIN. 0, -ENOMEM, -ENOSPC
 * (fs.epoll.max_user_watches), or -EPERM (epoll: a plain file). */
int loop_add(struct loop *loop, struct loop_fd *entry, int fd, unsigned events, loop_fd_fn fn);
/* Changes what is asked for; no system call if nothing changes. 0, or what
 * loop_add says when an entry comes back from LOOP_NONE; it then stays there. */
int loop_mod(struct loop *loop, struct loop_fd *entry, unsigned events);
/* Idempotent; the descriptor stays open, the caller closes it afterwards. */
void loop_del(struct loop *loop, struct loop_fd *entry);

/* CLOCK_MONOTONIC in nanoseconds, read once after each wait (and at the start),
 * so it is as old as the round is: a timer may be late by the length of one. */
uint64_t loop_now_ns(const struct loop *loop);
/* The same clock, read now: how long something has taken. */
uint64_t loop_clock_ns(void);
/* Processor time that this thread has used. A system call. */
uint64_t loop_cpu_ns(void);
/* The number of the current round, from 1. */
uint64_t loop_round(const struct loop *loop);

/* Timers are one-shot; arming an armed one moves it. `when_ns` is absolute.
 * O(log n). They fire after the descriptors of a round, so that an answer that
 * has come beats its deadline. 0, or -ENOMEM if the heap must grow: call
 * loop_reserve_timers with the number there can be, where failing is easy, and
 * arming cannot fail. */
int loop_reserve_timers(struct loop *loop, uint32_t n);
int loop_arm(struct loop *loop, struct timer *timer, uint64_t when_ns);
void loop_disarm(struct loop *loop, struct timer *timer);

/* Called once after the handlers of each round, before the next wait: this is
 * where output is written. One hook. */
void loop_set_hook(struct loop *loop, loop_hook_fn hook, void *userdata);
/* There is more to do: the next wait does not sleep. */
void loop_again(struct loop *loop);

/* Runs rounds until loop_stop(). 0, or the -errno of waits that failed for a second on end. */
int loop_run(struct loop *loop);
/* One round that waits at most max_wait_ms (-1: for ever). 0 or -errno. A
 * signal that is caught (EINTR) makes a round with nothing in it. */
int loop_run_once(struct loop *loop, int max_wait_ms);
/* Lets loop_run return after this round, hook included; before loop_run, at
 * once. */
void loop_stop(struct loop *loop);
