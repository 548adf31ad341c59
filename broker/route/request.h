/* Requests and replies on their way, and how each is told its end.
 *
 * What comes here is a frame in its fixed form that breaks no limit; id, word
 * and token are written in place, and the same bytes go on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/route/calls.h"
#include "proto/frame.h"

struct block;

/* A whole frame at block->data[off .. off+len), and what frame_read said of it. */
struct parcel {
    const struct frame *frame;
    struct block *block;
    uint32_t off;
    uint32_t len;
};

/* A REQUEST of `client`: to the least busy server, or to all. Whatever comes of it, the client
 * is told. */
void request_send(struct route *route, struct client *client, const struct parcel *parcel);
/* A REPLY of `server`. */
void request_reply(struct route *route, struct client *server, const struct parcel *parcel);

/* END for a request that never became a call. `what` may be NULL. */
void request_refuse(struct client *requester, uint64_t reference, enum status status,
                    const char *what);
/* END with the call's counts. */
void request_tell_end(const struct call *call, enum status status, bool left_queue);
/* CANCEL to a server. */
void request_cancel(struct client *server, uint64_t token, enum status status);
