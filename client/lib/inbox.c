#include "client/lib/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/transport/sys.h"

enum {
    LEAST_READ = 16 << 10, /* less room than this is not worth a system call */
    MOST_KEPT = 2 << 20,   /* a larger block goes when it is not needed any more: */
    KEPT_READS = 64,       /* not in so many reads */
    LARGE_SLACK = 64 << 10, /* for small frames ahead of a large one */
    MAX_FDS = 8,
};

static struct block *block_new(struct inbox *inbox, size_t cap)
{
    struct block *block = inbox->spare;

    if (block && block->cap >= cap) {
        inbox->spare = NULL;
    } else {
        cap = cap < INBOX_READ ? INBOX_READ : cap;
        block = malloc(sizeof *block + cap);
        if (!block)
            return NULL;
        block->cap = cap;
    }
    block->next = NULL;
    block->end = 0;
    block->at = 0;
    return block;
}

static void block_free(struct inbox *inbox, struct block *block)
{
    if (inbox->spare || block->cap > MOST_KEPT)
        free(block);
    else
        inbox->spare = block;
}

void inbox_deinit(struct inbox *inbox)
{
    inbox_unpin(inbox);
    while (inbox->first) {
        struct block *block = inbox->first;

        inbox->first = block->next;
        free(block);
    }
    free(inbox->spare);
    *inbox = (struct inbox){ .limit = inbox->limit };
}

struct block *inbox_first(struct inbox *inbox)
{
    struct block *block = inbox->first;

    while (block && inbox->head == block->end && block->next) {
        inbox->first = block->next;
        inbox->head = 0;
        if (block != inbox->pinned)
            block_free(inbox, block);
        block = inbox->first;
    }
    return block;
}

struct block *inbox_scan_block(const struct inbox *inbox, size_t *ret_at)
{
    uint64_t scanned = inbox_scanned(inbox);
    struct block *block = inbox->first;

    while (block && block->next && scanned >= block->next->at)
        block = block->next;
    if (block)
        *ret_at = (size_t)(scanned - block->at);
    return block;
}

void inbox_pin(struct inbox *inbox)
{
    inbox_unpin(inbox);
    inbox->pinned = inbox->first;
}

void inbox_unpin(struct inbox *inbox)
{
    struct block *block = inbox->pinned;

    inbox->pinned = NULL;
    /* The head only moves on: what is not first any more has left the list. */
    if (block && block != inbox->first)
        block_free(inbox, block);
}

/* A new last block, which takes the `part` bytes of an unfinished frame along. */
static struct block *add_block(struct inbox *inbox, size_t part, size_t cap)
{
    struct block *last = inbox->last, *block;

    block = block_new(inbox, cap > part + LEAST_READ ? cap : part + LEAST_READ);
    if (!block)
        return NULL;
    if (last) {
        last->end -= part;
        memcpy(block->bytes, last->bytes + last->end, part);
        block->at = last->at + last->end;
        block->end = part;
        last->next = block;
    } else {
        inbox->first = block;
        inbox->head = 0;
    }
    inbox->last = block;
    return block;
}

/* Moves an unfinished frame to the front, if nothing else is in the block. */
static void move_to_front(struct inbox *inbox, struct block *block, size_t part)
{
    size_t at = block->end - part;

    inbox->head = 0;
    if (at == 0)
        return;
    memmove(block->bytes, block->bytes + at, part);
    block->at += at;
    block->end = part;
}

static size_t frame_need(const struct block *block, size_t part)
{
    return part < FRAME_PREFIX
               ? 0
               : FRAME_PREFIX + (size_t)load_be32(block->bytes + block->end - part);
}

/* Room for the rest of an unfinished frame, and for a read worth its call. */
static bool has_room(const struct block *block, size_t part, size_t need)
{
    size_t room = block->cap - block->end;
    size_t rest = need > part ? need - part : 0;

    return rest <= room && (room >= LEAST_READ || rest > 0);
}

/* The last block with room for more, or a new one behind it. */
static struct block *block_with_room(struct inbox *inbox, size_t part, size_t need)
{
    struct block *last = inbox->last;
    bool moves = last == inbox->first && last != inbox->pinned && inbox_held(inbox) == 0;

    if (part == 0 && last->cap > MOST_KEPT && inbox->n_small > KEPT_READS)
        return add_block(inbox, 0, INBOX_READ);
    if (moves && (part == 0 || !has_room(last, part, need)))
        move_to_front(inbox, last, part);
    return has_room(last, part, need) ? last : add_block(inbox, part, need + LARGE_SLACK);
}

/* Up to the end of a large frame, and not into the next one, which is expected
 * to be as large. */
static size_t read_size(const struct inbox *inbox, size_t part, size_t need)
{
    size_t room = inbox->last->cap - inbox->last->end;
    size_t size = INBOX_READ;

    if (need > INBOX_READ)
        return need - part;
    if (part == 0 && inbox->n_small <= 1 && inbox->large > INBOX_READ)
        size = inbox->large;
    return size < room ? size : room;
}

static void note_need(struct inbox *inbox, size_t part, size_t need)
{
    if (need > INBOX_READ) {
        inbox->large = need;
        inbox->n_small = 0;
    } else if (part == 0 && inbox->n_small <= KEPT_READS) {
        inbox->n_small++;
    }
}

/* The block to read into, and how much. */
static struct block *make_room(struct inbox *inbox, size_t *ret_size)
{
    uint64_t scanned = inbox_scanned(inbox);
    size_t part = 0, need = 0;
    struct block *block;

    inbox_first(inbox);
    if (inbox->last) {
        part = (size_t)(inbox->last->at + inbox->last->end - scanned);
        need = frame_need(inbox->last, part);
        block = block_with_room(inbox, part, need);
    } else {
        block = add_block(inbox, 0, INBOX_READ);
    }
    if (!block)
        return NULL;
    note_need(inbox, part, need);
    *ret_size = read_size(inbox, part, need);
    return block;
}

/* Nobody may send us descriptors; those that come are not kept. */
static bool close_descriptors(struct msghdr *msg)
{
    bool any = (msg->msg_flags & MSG_CTRUNC) != 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        int fds[MAX_FDS];

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = n < MAX_FDS ? n : MAX_FDS;
        memcpy(fds, CMSG_DATA(c), n * sizeof(int));
        for (size_t i = 0; i < n; i++)
            sys_close(fds[i]);
        any = true;
    }
    return any;
}

ssize_t inbox_read(struct inbox *inbox, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    size_t size = 0;
    struct block *block = make_room(inbox, &size);
    struct iovec iov;
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    if (!block)
        return -ENOMEM;
    iov = (struct iovec){ block->bytes + block->end, size };
    msg.msg_control = &control;
    msg.msg_controllen = sizeof control;
    n = sys_recvmsg(fd, &msg);
    inbox->drained = n < (ssize_t)size;
    if (n > INBOX_READ)
        inbox->n_small = 0; /* make_room does not see what comes in one read */
    if (n < 0)
        return n;
    if (msg.msg_controllen > 0 && close_descriptors(&msg))
        return -EBADMSG;
    block->end += (size_t)n;
    return n;
}

void inbox_cut(struct inbox *inbox)
{
    size_t at = 0;
    struct block *block = inbox_scan_block(inbox, &at);

    if (!block)
        return;
    block->end = at;
    while (block->next) {
        struct block *next = block->next;

        block->next = next->next;
        block_free(inbox, next);
    }
    inbox->last = block;
}
