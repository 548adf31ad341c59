/*
 * A connection that fails nothing: what a process that is no test itself speaks to the broker with.
 *
 * raw_client.h and wire.h fail the running test when something goes wrong. The processes here are forked from the test,
 * and whatever goes wrong is a result: a cut is what an attacker expects and what a victim must never see. Nothing
 * blocks. Bytes to send are either gathered in the link's own buffer or lent by the caller.
 */
#ifndef TESTS_HOSTILE_LINK_H
#define TESTS_HOSTILE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/envelope.h"
#include "proto/frame.h"

struct link {
    int fd; /* below 0: closed */
    /* to the broker: the caller's bytes, or those in `own` */
    const uint8_t *out;
    size_t out_at;
    size_t out_len;
    uint8_t *own;
    size_t own_len;
    size_t own_cap;
    /* from the broker: in[in_at .. in_len) has not been taken yet */
    uint8_t *in;
    size_t in_at;
    size_t in_len;
    size_t in_cap;
};

#define LINK_INIT \
    {             \
        .fd = -1  \
    }

/** A frame in the link's input, good until the next link_fill(): `op` says which kind it is, -1 none that is known. */
struct link_frame {
    int op;
    const uint8_t *body; /* behind the prefix */
    size_t len;
};

/** Connects, without waiting. 0; -EAGAIN: the backlog is full; another -errno of socket(2) or connect(2). */
int link_open(struct link *link, const char *path);
/** Closes, forgets what was to be sent and taken, keeps the buffers. Idempotent. */
void link_close(struct link *link);
/** And gives the buffers back. */
void link_deinit(struct link *link);

/* -- to the broker --------------------------------------------------------------------------- */

/** Whether all that was put has been sent. */
static inline bool link_is_sent(const struct link *link)
{
    return link->out_at == link->out_len;
}

/** Puts a frame behind what is to be sent; nothing lent may be on its way. */
void link_put(struct link *link, const struct envelope *envelope);
/** The same for MESSAGE, REQUEST and REPLY, payload included. */
void link_put_frame(struct link *link, const struct frame *frame);
void link_put_bytes(struct link *link, const void *bytes, size_t len);
void link_put_hello(struct link *link);
void link_put_sub(struct link *link, uint64_t sid, const char *pattern);
void link_put_unsub(struct link *link, uint64_t sid);
/** SERVE, for as many requests at a time as there may be. */
void link_put_serve(struct link *link, uint64_t sid, const char *pattern);
void link_put_message(struct link *link, const char *subject, const void *payload, size_t len);
/** To send bytes that stay where they are until then, instead of copying them; all else must be sent. */
void link_lend(struct link *link, const void *bytes, size_t len);

/**
 * Sends what the kernel takes, of @p most bytes.
 * @return the bytes sent, 0 if there is no room; -errno (-EPIPE, -ECONNRESET) when the broker has cut it off
 */
ptrdiff_t link_push(struct link *link, size_t most);

/* -- from the broker ------------------------------------------------------------------------- */

/**
 * Reads what is there, once.
 * @return the bytes read, 0 if there are none; -ENODATA at the end of the stream; another -errno
 */
ptrdiff_t link_fill(struct link *link);
/** The same, and throws it away. */
ptrdiff_t link_drain(struct link *link);
/** The next whole frame, if there is one. */
bool link_take(struct link *link, struct link_frame *ret);

#endif
