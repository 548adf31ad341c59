/* The inbox: frames of all sizes come out as they went in, and large ones are
 * read into the same memory again and again.
 */
#include "client/lib/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/runner.h"

enum { LARGE = 3 << 20 };

struct box {
    struct inbox in;
    int fd[2];
    uint8_t *out; /* what is still to be written */
    size_t n_out;
    uint8_t n_said, n_taken; /* frames; each is filled with its number */
};

static void box_open(struct box *box)
{
    int size = 1 << 20;

    memset(box, 0, sizeof *box);
    box->in.limit = INBOX_LIMIT;
    box->out = malloc(4 * (size_t)LARGE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, box->fd), 0);
    setsockopt(box->fd[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static void box_close(struct box *box)
{
    inbox_deinit(&box->in);
    free(box->out);
    close(box->fd[0]);
    close(box->fd[1]);
}

static void say(struct box *box, size_t len)
{
    uint8_t *p = box->out + box->n_out;

    store_be32(p, (uint32_t)len);
    memset(p + FRAME_PREFIX, box->n_said++, len);
    box->n_out += FRAME_PREFIX + len;
}

/* Hands the kernel at most so much. */
static void feed(struct box *box, size_t most)
{
    size_t len = box->n_out < most ? box->n_out : most;
    ssize_t n = len > 0 ? send(box->fd[0], box->out, len, MSG_NOSIGNAL) : 0;

    if (n > 0) {
        box->n_out -= (size_t)n;
        memmove(box->out, box->out + n, box->n_out);
    }
}

/* Takes the whole frames that are there, as dispatch.c does. */
static void take_all(struct box *box)
{
    struct block *block;
    size_t size;

    while ((block = inbox_first(&box->in)) && (size = block_frame(block, box->in.head)) > 0) {
        const uint8_t *body = block->bytes + box->in.head + FRAME_PREFIX;

        assert_true(size != SIZE_MAX);
        inbox_pin(&box->in);
        for (size_t i = 0; i < size - FRAME_PREFIX; i += 997)
            assert_int_equal(body[i], box->n_taken);
        assert_int_equal(body[size - FRAME_PREFIX - 1], box->n_taken);
        box->n_taken++;
        box->in.head += size;
    }
    inbox_unpin(&box->in);
}

static void run(struct box *box, size_t most)
{
    do {
        ssize_t n;

        feed(box, most);
        n = inbox_read(&box->in, box->fd[1]);
        assert_true(n > 0 || n == -EAGAIN);
        take_all(box);
    } while (box->n_taken != box->n_said);
}

static void frames_of_all_sizes_come_whole(void **state)
{
    struct box box;
    uint32_t seed = 1;

    (void)state;
    box_open(&box);
    for (int i = 0; i < 60; i++) {
        static const size_t sizes[] = { 10, 300, 5000, 70000, 262140, 262145, 900000, LARGE - 4 };

        for (int k = 0; k < 3; k++) {
            seed = seed * 1103515245u + 12345u;
            say(&box, 1 + (seed >> 8) % sizes[(seed >> 4) % KIT_LENGTH(sizes)]);
        }
        run(&box, seed & 0x10000 ? 100000 : 2 << 20);
    }
    box_close(&box);
}

/* So that a stream of them costs no page faults, and the kernel's copy alone. */
static void large_frames_meet_the_same_memory(void **state)
{
    static const size_t sizes[] = { 300000, 1 << 20, LARGE - 4 };

    (void)state;
    for (size_t i = 0; i < KIT_LENGTH(sizes); i++) {
        const struct block *block = NULL;
        struct box box;

        box_open(&box);
        for (int k = 0; k < 10; k++) {
            say(&box, 7); /* as a SELECT ahead */
            say(&box, sizes[i]);
            run(&box, SIZE_MAX);
            assert_true(k < 2 || box.in.first == block);
            block = box.in.first;
        }
        assert_true(block->cap >= sizes[i]);
        box_close(&box);
    }
}

static void a_large_block_goes_when_only_small_frames_come(void **state)
{
    struct box box;

    (void)state;
    box_open(&box);
    say(&box, LARGE - 4);
    run(&box, SIZE_MAX);
    assert_true(box.in.first->cap >= LARGE);
    for (int i = 0; i < 100; i++) {
        say(&box, 100);
        run(&box, SIZE_MAX);
    }
    assert_int_equal(box.in.first->cap, INBOX_READ);
    assert_ptr_equal(box.in.first, box.in.last);
    box_close(&box);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(frames_of_all_sizes_come_whole),
        kit_test(large_frames_meet_the_same_memory),
        kit_test(a_large_block_goes_when_only_small_frames_come),
    };

    return kit_run("client inbox", tests, KIT_LENGTH(tests));
}
