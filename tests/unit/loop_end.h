/* What the tests of the loop share: socket pairs in it, and both backends.
 *
 * A test is a `static void name(void)`; BOTH(name) makes test_name of it, which
 * runs it with each backend on a new loop.
 */
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include "broker/loop/loop.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct loop *loop;

/* One end of a socket pair in the loop; the other is ours. */
struct end {
    struct loop_fd entry;
    struct timer timer;
    int peer;
    int calls;
    unsigned seen;
};

static inline struct end *end_of(struct loop_fd *entry)
{
    return (struct end *)((char *)entry - offsetof(struct end, entry));
}

static inline void count(struct loop_fd *entry, unsigned events)
{
    struct end *end = end_of(entry);

    end->calls++;
    end->seen |= events;
}

static inline void open_end(struct end *end, unsigned events, loop_fd_fn fn)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    *end = (struct end){ .peer = pair[1] };
    assert_int_equal(loop_add(loop, &end->entry, pair[0], events, fn), 0);
}

static inline void close_end(struct end *end)
{
    int fd = end->entry.fd;

    loop_del(loop, &end->entry);
    loop_del(loop, &end->entry); /* idempotent */
    close(fd);
    if (end->peer >= 0)
        close(end->peer);
}

static inline void poke(const struct end *end)
{
    assert_int_equal(write(end->peer, "x", 1), 1);
}

static inline void drain(const struct end *end)
{
    char bytes[64];

    assert_true(read(end->entry.fd, bytes, sizeof(bytes)) > 0);
}

static inline void run(void)
{
    assert_int_equal(loop_run_once(loop, 0), 0);
}

static inline void with_both(void (*test)(void))
{
    static const char *const backends[] = { "poll", "epoll" };

    for (size_t i = 0; i < COUNT_OF(backends); i++) {
        assert_int_equal(loop_new(&loop, backends[i]), 0);
        assert_string_equal(loop_backend_name(loop), backends[i]);
        test();
        loop = loop_free(loop);
    }
}

#define BOTH(test)                        \
    static void test_##test(void **state) \
    {                                     \
        (void)state;                      \
        with_both(test);                  \
    }
