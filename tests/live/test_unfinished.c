/*
 * Frames that have begun and do not end: what is held of them is at most 4 x the bytes received + 4 KiB, and it is
 * given back. FAULTS: "Bad input".
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/live/wire_broker.h"
#include "tests/live/wire_send.h"

enum {
    GROWTH = 4,
    SPARE = 4096 + 64,  /* the head of a block, and what malloc(3) adds to it, stand beside */
    SHARED = 256 << 10, /* once: pages of the block that everybody's input is read into */
    KEPT = 8 << 20,     /* what malloc(3) may keep for later when all has gone */
    MAX_HALVES = 8192,
};

/** A connection that stops within a frame. */
struct half {
    uint8_t *bytes; /* not owned: a frame */
    size_t len;
    bool greeted;
    int fd;
};

static struct half halves[MAX_HALVES];
static size_t n_halves;

static void allow_many_descriptors(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void add_half(uint8_t *bytes, size_t len, bool greeted)
{
    assert_in_range(n_halves, 0, MAX_HALVES - 1);
    halves[n_halves++] = (struct half){ bytes, len, greeted, -1 };
}

static void connect_halves(const struct wire_broker *wb, const struct wire_bytes *hello)
{
    for (size_t i = 0; i < n_halves; i++) {
        halves[i].fd = raw_open(broker_proc_socket(wb->proc));
        if (halves[i].greeted)
            raw_send(halves[i].fd, hello->p, hello->len);
    }
}

/** Returns what the broker may hold of them. */
static int64_t send_halves(void)
{
    size_t bound = SHARED;

    for (size_t i = 0; i < n_halves; i++) {
        raw_send(halves[i].fd, halves[i].bytes, halves[i].len);
        wire_await_read(halves[i].fd);
        bound += GROWTH * halves[i].len + SPARE;
    }
    return (int64_t)bound;
}

static void close_halves(void)
{
    for (size_t i = 0; i < n_halves; i++)
        close(halves[i].fd);
    n_halves = 0;
}

static void hold_halves(const char *what, const struct wire_bytes *hello)
{
    size_t n = n_halves;
    struct wire_broker wb;

    wire_broker_begin(&wb);
    connect_halves(&wb, hello);
    wire_broker_ping(&wb);
    int64_t before = wire_broker_memory(&wb);
    int64_t bound = send_halves();
    wire_broker_ping(&wb);
    int64_t grown = wire_broker_memory(&wb) - before;
    print_message("  %zu times %s: %lld KiB held, at most %lld\n", n, what, (long long)grown / 1024,
                  (long long)bound / 1024);
    if (!KIT_SANITIZED)
        assert_true(grown <= bound);
    close_halves();
    broker_proc_expect_n_fds(wb.proc, wb.n_fds);
    wire_broker_ping(&wb);
    if (!KIT_SANITIZED)
        assert_true(wire_broker_memory(&wb) - wb.memory < KEPT);
    wire_broker_end(&wb);
}

static void every_frame_held_at_every_byte(void **state)
{
    struct wire_cases *cases = wire_cases_make("broker", "whole");
    static struct wire_bytes frames[64];
    const struct wire_case *c;
    size_t n = 0;

    (void)state;
    kit_deadline(120);
    allow_many_descriptors();
    for (; (c = wire_cases_next(cases)) != NULL; n++) {
        assert_in_range(n, 0, KIT_LENGTH(frames) - 1);
        size_t len = FRAME_PREFIX + load_be32(c->bytes.p);
        frames[n].p = malloc(len);
        memcpy(frames[n].p, c->bytes.p, len);
        for (size_t cut = 1; cut < len; cut++)
            add_half(frames[n].p, cut, strcmp(c->state, "greeting") != 0);
    }
    hold_halves("part of a frame", &wire_cases_setup(cases, "open")->first);
    wire_cases_close(cases);
    while (n-- > 0)
        free(frames[n].p);
}

/* The largest length there may be, and so much of the frame. */
static void a_claimed_length_costs_nothing(void **state)
{
    static const struct {
        size_t received;
        size_t n;
    } rows[] = { { 5, 400 }, { 100, 400 }, { 4096, 200 }, { 65536, 64 }, { 1 << 20, 12 } };
    static const uint8_t hello[] = "\0\0\0\x0d\x95\1\xa7"
                                   "brokerd\1\0\x80";
    const struct wire_bytes greeting = { (uint8_t *)(uintptr_t)hello, sizeof hello - 1, 0 };
    uint8_t *claim = calloc(1, 1 << 20);

    (void)state;
    kit_deadline(120);
    store_be32(claim, MAX_FRAME);
    claim[4] = 0x94;
    for (size_t i = 0; i < KIT_LENGTH(rows); i++) {
        char what[64];
        for (size_t k = 0; k < rows[i].n; k++)
            add_half(claim, rows[i].received, true);
        snprintf(what, sizeof what, "%zu bytes of a frame of 16 MiB", rows[i].received);
        hold_halves(what, &greeting);
    }
    free(claim);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_frame_held_at_every_byte),
        kit_test(a_claimed_length_costs_nothing),
    };
    /* meson test sets it: all that is allocated would be touched, and all that was given back as well. */
    unsetenv("MALLOC_PERTURB_");
    return kit_run("unfinished input", tests, KIT_LENGTH(tests));
}
