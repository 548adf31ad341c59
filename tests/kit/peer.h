/*
 * A client of the wire: raw_client.h with frames put together and taken apart.
 *
 * A peer is a plain struct that the caller zeroes, opens and closes; its descriptor is `fd`, for what only bytes can
 * do. What is called "expect" fails the running test when something else comes, and says what came.
 *
 *     struct peer peer = { 0 };
 *     peer_open(&peer, broker);
 *     peer_sub(&peer, 1, "lights.*");
 *     peer_publish(&peer, "lights.hall", "on", 2);
 *     assert_int_equal(peer_expect(&peer, OP_SELECT)->control.select.n, 1);
 *     peer_close(&peer);
 */
#ifndef TESTS_KIT_PEER_H
#define TESTS_KIT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/envelope.h"
#include "proto/frame.h"
#include "proto/opcode.h"
#include "proto/status.h"
#include "tests/kit/broker_proc.h"
#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"

/** A frame that came: `payload` of MESSAGE, REQUEST and REPLY, `control` of all others. */
struct got {
    uint8_t op;
    struct frame payload;
    struct envelope control;
    const uint8_t *bytes; /* with the length prefix */
    size_t len;
};

struct peer {
    int fd;
    uint64_t id;      /* of WELCOME */
    uint64_t n_pings;
    uint8_t *in;      /* in[at .. len) has not been taken yet */
    size_t at;
    size_t len;
    size_t cap;
    struct got got;
};

/** Connects, says nothing. */
void peer_connect(struct peer *peer, const struct broker_proc *broker);
/** Connects and greets. */
void peer_open(struct peer *peer, const struct broker_proc *broker);
/** HELLO without waiting for the answer; @p name may be NULL. */
void peer_hello(struct peer *peer, const char *name);
/** Takes WELCOME. */
void peer_welcomed(struct peer *peer);
/** Closes; idempotent. */
void peer_close(struct peer *peer);
/** Half-closes. */
void peer_shut(struct peer *peer);

/* -- sending ----------------------------------------------------------------- */

void peer_send(struct peer *peer, const struct envelope *envelope);
/** Any of the three with a payload; lengths come from headers_len and payload_len. */
void peer_send_payload(struct peer *peer, const struct frame *frame);
void peer_publish(struct peer *peer, const char *subject, const void *payload, size_t len);
void peer_request(struct peer *peer, uint64_t reference, const char *subject,
                  enum request_mode mode, uint64_t timeout_ms);
void peer_reply(struct peer *peer, uint64_t token, uint64_t status, bool more, const char *payload);
void peer_cancel(struct peer *peer, uint64_t reference);
/** SUB with defaults, and its OK. */
void peer_sub(struct peer *peer, uint64_t sid, const char *pattern);
/** SERVE and its OK; @p max_open 0: the default. */
void peer_serve(struct peer *peer, uint64_t sid, const char *pattern, uint64_t max_open);
void peer_unserve(struct peer *peer, uint64_t sid);

/* -- receiving --------------------------------------------------------------- */

/**
 * The next frame; good until the next one is taken.
 * @return NULL at the end of the stream, or when nothing came for @p timeout_ms
 */
const struct got *peer_next(struct peer *peer, int timeout_ms);
/** The next frame, which must be a @p op. */
const struct got *peer_expect(struct peer *peer, uint8_t op);
/** The next frame that is neither SELECT nor PEER must be a @p op. */
const struct got *peer_expect_past_select(struct peer *peer, uint8_t op);
/** A REQUEST at the server, SELECT stepped over: its token. */
uint64_t peer_expect_request(struct peer *peer);
/** A REPLY with this reference, status and text; @p payload NULL: any. */
void peer_expect_reply(struct peer *peer, uint64_t reference, uint64_t status, const char *payload);
/** The END of this request. */
const struct got *peer_expect_end(struct peer *peer, uint64_t reference, enum status status);
void peer_expect_cancel(struct peer *peer, uint64_t token, enum status status);
/** ERROR to a frame of this opcode and reference. */
void peer_expect_error(struct peer *peer, uint8_t op, uint64_t ref, enum status status);
/** Steps over what else comes to a GOODBYE of this status, and the end of the stream behind it. */
void peer_expect_goodbye(struct peer *peer, enum status status);
/** PING, and PONG as the next frame: nothing else was waiting. */
void peer_ping(struct peer *peer);
/** Nothing comes for @p ms, the end of the stream included. */
void peer_expect_silence(struct peer *peer, int ms);

/* -- the broker about itself --------------------------------------------------- */

/** A number of $SYS.stats; no request may be open whose answer could come between. */
uint64_t peer_stat(struct peer *peer, const char *name);

#endif
