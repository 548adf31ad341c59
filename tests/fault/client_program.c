/*
 * A program that uses libbrokerclient while the library's allocations and system calls fail, each in turn. It runs
 * under interpose.so, writes its own plan, and is its own test: what the library tells is held against what happens
 * (cast.h), and after each play every block and every descriptor has been given back.
 *
 * usage: client_program URL memory|calls|unseen STEP [PLAY [FIRST]]
 *
 * STEP is as in sweep.h; PLAY and FIRST play one again. Exit 0: all was well, 77: nothing could be made to fail; 1: a
 * sentence on stderr says what was not, and where.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fault/plays.h"

struct fault_plan *plan;

enum { WAITS_MAX = 20000, PLAY_S = 60, EXIT_USAGE = 64, EXIT_SKIPPED = 77 };

/* What is asked of it. */
static const char *url;
static unsigned step;
static const char *only;    /* NULL: all plays */
static uint64_t only_first; /* 0: all places */

static unsigned long n_tried, n_failed;

struct failing {
    const char *text;
    uint32_t call; /* enum fault_call */
    uint64_t first;
    uint64_t n;
    int error;
    uint32_t short_len;
};

static void map_plan(void)
{
    const char *path = getenv(FAULT_ENV);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    plan = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || plan == MAP_FAILED) {
        fprintf(stderr, "this program runs under interpose.so, with %s\n", FAULT_ENV);
        exit(EXIT_USAGE);
    }
    close(fd);
}

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

static void begin(const struct failing *failing)
{
    plan->call = CALL_none;
    plan->n_seen = plan->n_failed = 0;
    plan->first = failing->first;
    plan->n = failing->n;
    plan->error = failing->error;
    plan->short_len = failing->short_len;
    plan->failed = CALL_none;
    plan->call = failing->call;
}

static const char *text_of(const struct failing *failing)
{
    static char text[120];

    snprintf(text, sizeof text, "%s number %llu (of %llu): %s", failing->text,
             (unsigned long long)failing->first, (unsigned long long)failing->n,
             failing->error == -1 ? "short" : strerrorname_np(failing->error));
    return text;
}

static void expect_unseen(const struct cast *cast)
{
    unsigned n_noticed = cast->has_left ? 0 : cast->n_lost_a + cast->n_lost_b;

    if (!cast->a || !cast->b || n_noticed > 0 || cast->n_lost > 0)
        wrong("somebody noticed");
}

static void perform(const struct play *play, const struct failing *failing, bool unseen)
{
    static struct cast cast;
    uint64_t n_waits = plan->n_calls[CALL_poll];

    begin(failing);
    own_end();
    cast_begin(&cast, url);
    play->run(&cast);
    plan->call = CALL_none;
    if (plan->n_calls[CALL_poll] - n_waits > WAITS_MAX)
        wrong("the library spins");
    cast_check(&cast);
    if (unseen)
        expect_unseen(&cast);
    cast_end(&cast);
    own_begin();
}

/* Returns how many calls that it is about were seen. */
static uint64_t run(const struct play *play, const struct failing *failing, bool unseen)
{
    int n_fds = count_fds();
    int64_t n_blocks = plan->n_blocks;

    alarm(PLAY_S); /* one that hangs is found */
    wrong_about(play->name, text_of(failing));
    perform(play, failing, unseen);
    if (plan->n_blocks != n_blocks)
        wrong("%lld blocks leak", (long long)(plan->n_blocks - n_blocks));
    if (count_fds() != n_fds)
        wrong("%d descriptors leak", count_fds() - n_fds);
    n_tried += plan->n_failed > 0;
    n_failed += plan->n_failed;
    return plan->n_seen;
}

static uint64_t first_of(int play)
{
    return only_first ? only_first : 1 + (uint64_t)play % step;
}

static void sweep(int i, const char *text, uint32_t call, int error, const uint64_t *how_many,
                  int n)
{
    struct failing failing = { text, call, UINT64_MAX, 1, error, 0 };

    run(&plays[i], &failing, false);
    uint64_t n_seen = run(&plays[i], &failing, true); /* nothing fails: it is as quiet as can be */
    printf("%s: %s: %llu\n", plays[i].name, text, (unsigned long long)n_seen);
    for (failing.first = first_of(i); failing.first <= n_seen; failing.first += step) {
        for (int k = 0; k < n; k++) {
            failing.n = how_many[k];
            run(&plays[i], &failing, false);
        }
        if (only_first)
            return;
    }
}

static void sweep_memory(int i)
{
    static const uint64_t how_many[] = { 1, 3, UINT64_MAX };

    sweep(i, "memory", CALL_memory, ENOMEM, how_many, 3);
}

static void sweep_calls(int i)
{
    static const int errors[] = { EIO, ECONNRESET };
    static const uint64_t how_many[] = { 1, 10 };

    for (size_t k = 0; k < sizeof errors / sizeof errors[0]; k++)
        sweep(i, "every call", CALL_every, errors[k], how_many, 2);
}

static void sweep_unseen(int i)
{
    static const struct failing unseen[] = {
        { "recvmsg", CALL_recvmsg, 1, 2000, FAULT_SHORT, 1 },
        { "sendmsg", CALL_sendmsg, 1, 2000, FAULT_SHORT, 1 },
        { "recvmsg", CALL_recvmsg, 1, 2000, FAULT_SHORT, 19 },
        { "sendmsg", CALL_sendmsg, 1, 2000, FAULT_SHORT, 19 },
        { "recvmsg", CALL_recvmsg, 1, 20, EINTR, 0 },
        { "sendmsg", CALL_sendmsg, 1, 20, EINTR, 0 },
        { "recvmsg", CALL_recvmsg, 1, 20, EAGAIN, 0 },
        { "sendmsg", CALL_sendmsg, 1, 20, EAGAIN, 0 },
        { "poll", CALL_poll, 1, 20, EINTR, 0 },
        { "setsockopt", CALL_setsockopt, 1, 20, EPERM, 0 },
    };

    for (size_t k = 0; k < sizeof unseen / sizeof unseen[0]; k++)
        run(&plays[i], &unseen[k], true);
}

static void (*sweep_of(const char *name))(int play)
{
    if (strcmp(name, "memory") == 0)
        return sweep_memory;
    return strcmp(name, "calls") == 0 ? sweep_calls : sweep_unseen;
}

int main(int argc, char **argv)
{
    map_plan();
    own_begin();
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 4 || strtoul(argv[3], NULL, 10) == 0) {
        fputs("usage: client_program URL memory|calls|unseen STEP [PLAY [FIRST]]\n", stderr);
        return EXIT_USAGE;
    }
    url = argv[1];
    step = (unsigned)strtoul(argv[3], NULL, 10);
    only = argc > 4 ? argv[4] : NULL;
    only_first = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
    void (*sweep_one)(int play) = sweep_of(argv[2]);
    for (int i = 0; i < n_plays; i++) {
        if (!only || strcmp(only, plays[i].name) == 0)
            sweep_one(i);
    }
    printf("%lu faults, %lu calls failed: 0 crashes, 0 leaks, 0 stuck\n", n_tried, n_failed);
    return plan->n_calls[CALL_memory] > 0 ? 0 : EXIT_SKIPPED;
}
