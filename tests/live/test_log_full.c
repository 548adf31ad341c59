/* A log that takes nothing costs lines, and nobody's time: a full disk, and a pipe that nobody reads. FAULTS: "Resources". */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"

enum { N_NOISY = 3000 }; /* lines of some 60 bytes: more than log and pipe hold together */

static void to_descriptor(void *fd)
{
    dup2(*(int *)fd, STDERR_FILENO);
}

/* Each is one line of the log. */
static void make_noise(struct broker_proc *broker)
{
    for (int i = 0; i < N_NOISY; i++) {
        struct peer peer;
        peer_connect(&peer, broker);
        raw_send(peer.fd, "\0\0\0\0", 4);
        peer_expect_goodbye(&peer, STATUS_BAD_MAGIC);
        peer_close(&peer);
    }
}

static void serve_with_log(int fd)
{
    struct broker_proc *broker = broker_proc_new();
    struct health health;

    broker_proc_set_child(broker, to_descriptor, &fd);
    broker_proc_start(broker, NULL);
    health_begin(&health, broker);
    make_noise(broker);
    health_check_all(&health, 2 << 20);
    int64_t cpu_ns = broker_proc_cpu_ns(broker);
    raw_expect_silence(health.witness.fd, 400);
    assert_in_range(broker_proc_cpu_ns(broker) - cpu_ns, 0,
                    20000000); /* 5 %: it does not try for ever */
    health_end(&health);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

static void a_full_disk(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    if (fd < 0)
        kit_skip("there is no /dev/full here");
    serve_with_log(fd);
    close(fd);
}

static void a_pipe_that_nobody_reads(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    serve_with_log(fds[1]);
    close(fds[0]);
    close(fds[1]);
}

static void a_pipe_that_nobody_has(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    serve_with_log(fds[1]);
    close(fds[1]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_full_disk),
        kit_test(a_pipe_that_nobody_reads),
        kit_test(a_pipe_that_nobody_has),
    };
    return kit_run("log full", tests, KIT_LENGTH(tests));
}
