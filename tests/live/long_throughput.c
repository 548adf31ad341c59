/* The main job at length: ten million messages in order, a subscriber slower than its publisher, and one that is
 * stopped for three seconds in the middle of a paced stream. Publisher and subscriber are processes of their own. */
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/live/live.h"

#define LEN   128
#define BATCH 512
#define S     INT64_C(1000000000)
#define MS    INT64_C(1000000)

/* What the two processes tell this one. */
struct report {
    volatile uint64_t n_sent;
    volatile uint64_t n_delivered;
    volatile uint64_t n_lost;
    volatile uint64_t n_gaps;
    volatile uint64_t n_of_other_reasons;
    volatile uint64_t first_gap_at; /* the number it stood at */
    volatile int64_t longest_write_ns;
    volatile int64_t all_written_ns;
    char wrong[160];
};

struct job {
    const char *path;
    uint64_t n_messages;
    uint64_t per_s;       /* the publisher's pace; 0: as fast as it can */
    uint64_t takes_per_s; /* the subscriber's; 0: as fast as it can */
    struct report *report;
};

static void pace(int64_t start_ns, uint64_t n, uint64_t per_s)
{
    int64_t ahead_ns = start_ns + (int64_t)(n * (uint64_t)S / per_s) - kit_now_ns();

    if (ahead_ns > 0)
        nanosleep(&(struct timespec){ .tv_sec = ahead_ns / S, .tv_nsec = ahead_ns % S }, NULL);
}

/* -- the publisher --------------------------------------------------------------------------- */

static void write_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            _exit(3);
        p += n;
        len -= (size_t)n;
    }
}

static void run_publisher(const struct job *job)
{
    struct wire *wire = wire_open(job->path);
    static uint8_t batch[BATCH * (FRAME_MAX_HEAD + LEN)];
    size_t stride = 0, head = 0;
    struct frame frame = {
        .op = OP_MESSAGE, .subject = "stream", .subject_len = 6, .payload_len = LEN
    };

    for (size_t i = 0; i < BATCH; i++, stride = head + LEN)
        head = frame_write_head(batch + i * (head + LEN), &frame);
    int64_t start_ns = kit_now_ns();
    for (uint64_t n = 0; n < job->n_messages;) {
        uint64_t left = job->n_messages - n, count = left < BATCH ? left : BATCH;
        for (uint64_t i = 0; i < count; i++)
            store_be64(batch + i * stride + head, n + i);
        if (job->per_s)
            pace(start_ns, n, job->per_s);
        int64_t before_ns = kit_now_ns();
        write_all(wire->fd, batch, count * stride);
        int64_t took_ns = kit_now_ns() - before_ns;
        if (took_ns > job->report->longest_write_ns)
            job->report->longest_write_ns = took_ns;
        n += count;
        job->report->n_sent = n;
    }
    wire_ping(wire, 1);
    struct wire_frame f;
    if (wire_wait(wire, &f, 60000) != 1 || f.op != OP_PONG)
        snprintf(job->report->wrong, sizeof(job->report->wrong), "no PONG for the publisher");
    job->report->all_written_ns = kit_now_ns() - start_ns;
    wire_close(wire);
}

/* -- the subscriber -------------------------------------------------------------------------- */

static bool note(struct report *report, const struct wire_frame *f, uint64_t *next)
{
    if (f->op == OP_MESSAGE) {
        uint64_t number = load_be64(f->frame.payload);
        if (number != *next || f->frame.payload_len != LEN) {
            snprintf(report->wrong, sizeof(report->wrong), "number %llu came, not %llu",
                     (unsigned long long)number, (unsigned long long)*next);
            return false;
        }
        ++*next;
        report->n_delivered++;
    } else if (f->op == OP_GAP) {
        if (report->n_gaps++ == 0)
            report->first_gap_at = *next;
        report->n_of_other_reasons += f->envelope.gap.reason != GAP_STALLED;
        report->n_lost += f->envelope.gap.count;
        *next += f->envelope.gap.count;
    } else if (f->op != OP_SELECT) {
        snprintf(report->wrong, sizeof(report->wrong), "opcode %d came", f->op);
        return false;
    }
    return true;
}

static void run_subscriber(const struct job *job, int ready)
{
    struct wire *wire = wire_open(job->path);
    struct wire_frame f;
    uint64_t next = 0;

    wire_sub(wire, &(struct wire_sub){ .sid = 1, .pattern = "stream" });
    (void)!write(ready, "r", 1);
    int64_t start_ns = 0;
    while (next < job->n_messages) {
        int n = wire_wait(wire, &f, 30000);
        if (n != 1) {
            snprintf(job->report->wrong, sizeof(job->report->wrong), "after %llu: %d",
                     (unsigned long long)next, n);
            break;
        }
        if (!note(job->report, &f, &next))
            break;
        if (start_ns == 0)
            start_ns = kit_now_ns();
        if (job->takes_per_s && next % 1000 == 0)
            pace(start_ns, next, job->takes_per_s);
    }
    wire_close(wire);
}

/* -- both ------------------------------------------------------------------------------------ */

static pid_t start(const struct job *job, void (*run)(const struct job *, int), int fd)
{
    fflush(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        alarm(300);
        run(job, fd);
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static void publisher(const struct job *job, int fd)
{
    (void)fd;
    run_publisher(job);
}

static void expect_end(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/** Runs the job; after @p stop_after_ns, unless it is 0, the subscriber is stopped for 3 s. */
static void run(struct job *job, int64_t stop_after_ns)
{
    int ready[2];
    char byte;

    kit_deadline(400);
    job->report =
        mmap(NULL, sizeof(*job->report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(pipe(ready), 0);
    pid_t subscriber = start(job, run_subscriber, ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    pid_t from = start(job, publisher, -1);
    if (stop_after_ns) {
        nanosleep(&(struct timespec){ .tv_sec = stop_after_ns / S }, NULL);
        kill(subscriber, SIGSTOP);
        nanosleep(&(struct timespec){ .tv_sec = 3 }, NULL);
        kill(subscriber, SIGCONT);
    }
    expect_end(from);
    expect_end(subscriber);
    close(ready[0]);
    close(ready[1]);
    struct report *r = job->report;
    print_message("%llu sent, %llu delivered, %llu lost in %llu gaps, %.2f s\n",
                  (unsigned long long)r->n_sent, (unsigned long long)r->n_delivered,
                  (unsigned long long)r->n_lost, (unsigned long long)r->n_gaps,
                  (double)r->all_written_ns / 1e9);
    if (r->wrong[0])
        fail_msg("%s", r->wrong);
    assert_int_equal(r->n_sent, job->n_messages);
    assert_int_equal(r->n_delivered + r->n_lost, r->n_sent);
}

static void forget(struct job *job)
{
    munmap(job->report, sizeof(*job->report));
}

static void ten_million_in_order_without_a_gap(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct job job = { .path = live.path, .n_messages = KIT_SANITIZED ? 1000000 : 10000000 };

    run(&job, 0);
    assert_int_equal(job.report->n_gaps, 0);
    forget(&job);
    live_end(&live);
}

static void a_subscriber_of_200_000_a_second_slows_the_publisher(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct job job = { .path = live.path, .n_messages = 2000000, .takes_per_s = 200000 };

    run(&job, 0);
    assert_int_equal(job.report->n_gaps, 0);
    /* all but what its queue and both sockets hold at the pace of the reader */
    assert_true(job.report->all_written_ns > 9 * S);
    forget(&job);
    live_end(&live);
}

static void a_subscriber_stopped_for_3_s_in_a_paced_stream(void **state)
{
    (void)state;
    struct live live = live_begin();
    const uint64_t per_s = KIT_SANITIZED ? 200000 : 1000000;
    struct job job = { .path = live.path, .n_messages = 20 * per_s, .per_s = per_s };

    run(&job, 5 * S);
    assert_true(job.report->n_lost > 0);
    assert_int_equal(job.report->n_of_other_reasons, 0);
    assert_in_range(job.report->first_gap_at, 5 * per_s, 9 * per_s);
    print_message("held %llu ms, longest write %lld ms\n",
                  (unsigned long long)wire_stat(live.path, "held-ns") / 1000000,
                  (long long)(job.report->longest_write_ns / MS));
    assert_in_range(wire_stat(live.path, "held-ns"), 0, 1100 * MS);
    forget(&job);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(ten_million_in_order_without_a_gap),
        kit_test(a_subscriber_of_200_000_a_second_slows_the_publisher),
        kit_test(a_subscriber_stopped_for_3_s_in_a_paced_stream),
    };
    return kit_run("long-throughput", tests, KIT_LENGTH(tests));
}
