#include "tests/hostile/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_MAX = 256 << 10 };

/* -- coming and going ------------------------------------------------------------------------ */

int link_open(struct link *link, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    link_close(link);
    link->fd = fd;
    return 0;
}

void link_close(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    link->out_at = link->out_len = link->own_len = 0;
    link->in_at = link->in_len = 0;
}

void link_deinit(struct link *link)
{
    link_close(link);
    free(link->own);
    free(link->in);
    *link = (struct link)LINK_INIT;
}

/* -- to the broker --------------------------------------------------------------------------- */

/* Room for @p len bytes at the end of a buffer; without memory there is no test. */
static void reserve(uint8_t **p, size_t *cap, size_t used, size_t len)
{
    if (*cap - used >= len)
        return;
    *cap = (used + len) * 2;
    *p = realloc(*p, *cap);
    if (!*p)
        abort();
}

static uint8_t *room(struct link *link, size_t len)
{
    if (link_is_sent(link))
        link->out_at = link->out_len = link->own_len = 0;
    reserve(&link->own, &link->own_cap, link->own_len, len);
    return link->own + link->own_len;
}

static void put_written(struct link *link, size_t len)
{
    link->own_len += len;
    link->out = link->own;
    link->out_len = link->own_len;
}

void link_put_bytes(struct link *link, const void *bytes, size_t len)
{
    uint8_t *to = room(link, len);

    if (len > 0)
        memcpy(to, bytes, len);
    put_written(link, len);
}

void link_put(struct link *link, const struct envelope *envelope)
{
    put_written(link,
                envelope_write(room(link, ENVELOPE_MAX_WRITTEN), ENVELOPE_MAX_WRITTEN, envelope));
}

void link_put_frame(struct link *link, const struct frame *frame)
{
    put_written(link, frame_write_head(room(link, FRAME_MAX_HEAD), frame));
    link_put_bytes(link, frame->payload, frame->payload_len);
}

void link_put_hello(struct link *link)
{
    struct envelope hello = { .op = OP_HELLO };

    hello.hello.magic = (struct piece){ HELLO_MAGIC, strlen(HELLO_MAGIC) };
    hello.hello.version = PROTO_VERSION;
    hello.hello.options = (struct piece){ "\x80", 1 };
    link_put(link, &hello);
}

void link_put_sub(struct link *link, uint64_t sid, const char *pattern)
{
    struct envelope sub = { .op = OP_SUB, .sub = { .ref = sid, .sid = sid } };

    sub.sub.pattern = (struct piece){ pattern, strlen(pattern) };
    link_put(link, &sub);
}

void link_put_unsub(struct link *link, uint64_t sid)
{
    link_put(link, &(struct envelope){ .op = OP_UNSUB, .unsub = { .ref = sid, .sid = sid } });
}

void link_put_serve(struct link *link, uint64_t sid, const char *pattern)
{
    struct envelope serve = { .op = OP_SERVE, .serve = { .ref = sid, .sid = sid } };

    serve.serve.pattern = (struct piece){ pattern, strlen(pattern) };
    serve.serve.max_open = 65536;
    link_put(link, &serve);
}

void link_put_message(struct link *link, const char *subject, const void *payload, size_t len)
{
    link_put_frame(link, &(struct frame){ .op = OP_MESSAGE,
                                          .subject = subject,
                                          .subject_len = strlen(subject),
                                          .payload = payload,
                                          .payload_len = len });
}

void link_lend(struct link *link, const void *bytes, size_t len)
{
    link->out = bytes;
    link->out_at = link->own_len = 0;
    link->out_len = len;
}

ptrdiff_t link_push(struct link *link, size_t most)
{
    size_t len = link->out_len - link->out_at;
    ssize_t n = send(link->fd, link->out + link->out_at, len < most ? len : most,
                     MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    link->out_at += (size_t)n;
    return n;
}

/* -- from the broker ------------------------------------------------------------------------- */

static ptrdiff_t receive(struct link *link, void *to, size_t max)
{
    ssize_t n = recv(link->fd, to, max, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    return n > 0 ? n : -ENODATA;
}

ptrdiff_t link_fill(struct link *link)
{
    if (link->in_at > 0)
        memmove(link->in, link->in + link->in_at, link->in_len - link->in_at);
    link->in_len -= link->in_at;
    link->in_at = 0;
    reserve(&link->in, &link->in_cap, link->in_len, READ_MAX);
    ptrdiff_t n = receive(link, link->in + link->in_len, READ_MAX);
    if (n > 0)
        link->in_len += (size_t)n;
    return n;
}

ptrdiff_t link_drain(struct link *link)
{
    static uint8_t scrap[READ_MAX];

    return receive(link, scrap, sizeof scrap);
}

bool link_take(struct link *link, struct link_frame *ret)
{
    const uint8_t *bytes = link->in + link->in_at;
    size_t there = link->in_len - link->in_at;

    if (there < FRAME_PREFIX || there - FRAME_PREFIX < load_be32(bytes))
        return false;
    ret->body = bytes + FRAME_PREFIX;
    ret->len = load_be32(bytes);
    ret->op = envelope_opcode(ret->body, ret->len);
    link->in_at += FRAME_PREFIX + ret->len;
    return true;
}
