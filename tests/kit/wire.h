/*
 * A peer that speaks frames: a connection that has said HELLO, over raw_client.h.
 *
 * Nothing happens behind its back: it answers nothing, keeps no subscriptions and reads only when told. Sending
 * goes through `out`, at once unless corked; receiving through `in`, frame by frame. What is called "expect", and
 * every wait, fails the running test when it does not come about within RAW_DEADLINE_MS.
 *
 *     struct wire *w = wire_open(broker_proc_socket(b));
 *     wire_sub(w, &(struct wire_sub){.sid = 1, .pattern = "a.*"});
 *     wire_publish(w, "a.b", "on", 2);
 *     wire_expect_text(w, "a.b", "on");
 *     wire_close(w);
 *
 * Frames point into `in` and are good until the next call that reads.
 */
#ifndef TESTS_KIT_WIRE_H
#define TESTS_KIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/envelope.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/opcode.h"
#include "proto/status.h"

struct wire_buffer {
    uint8_t *p;
    size_t at; /* of what is left */
    size_t used;
    size_t cap;
};

struct wire {
    int fd;
    uint64_t id; /* from WELCOME */
    bool corked;
    bool eof;
    size_t read_max; /* bytes of one read; 0: many */
    uint64_t ref;    /* the last that wire_sub, wire_unsub and wire_barrier used */
    struct wire_buffer in;
    struct wire_buffer out;
    uint64_t sids[MAX_SIDS]; /* what the last SELECT named */
    size_t n_sids;
};

/** A frame of either kind; `op` says which member is filled. */
struct wire_frame {
    int op;
    size_t len; /* prefix included */
    const uint8_t *bytes;
    struct frame frame;       /* MESSAGE, REQUEST, REPLY */
    struct envelope envelope; /* all others */
};

struct wire_sub {
    uint32_t sid;
    const char *pattern;
    const char *group; /* NULL: none */
    enum policy policy;
    uint64_t queue_bytes;
    uint64_t queue_messages;
    uint64_t after;
    bool credentials;
};

/* -- a connection ---------------------------------------------------------------------------- */

/** Connects to the socket, says HELLO and takes WELCOME. Never NULL. */
struct wire *wire_open(const char *path);
/** Closes it without a word. Takes NULL and returns NULL. */
struct wire *wire_close(struct wire *wire);

/* -- to the broker --------------------------------------------------------------------------- */

/** Bytes as they are. */
void wire_bytes(struct wire *wire, const void *bytes, size_t len);
void wire_send(struct wire *wire, const struct envelope *envelope);
/** A MESSAGE with every field of the caller's choice; headers and payload are copied. */
void wire_message(struct wire *wire, const struct frame *frame);
void wire_publish(struct wire *wire, const char *subject, const void *payload, size_t len);
void wire_ping(struct wire *wire, uint64_t ref);
void wire_confirm(struct wire *wire, uint64_t ref);

/** From now on frames gather until wire_flush(). */
void wire_cork(struct wire *wire);
/** Sends what has gathered, all of it, and uncorks. */
void wire_flush(struct wire *wire);
/** Sends what the kernel takes now. Returns the bytes that are left. */
size_t wire_push(struct wire *wire);

/** Subscribes, and expects OK as the next frame but SELECT. */
void wire_sub(struct wire *wire, const struct wire_sub *sub);
/** The same without waiting; the ref is wire->ref. */
void wire_sub_send(struct wire *wire, const struct wire_sub *sub);
void wire_unsub_send(struct wire *wire, uint32_t sid);
/** PING, and expects its PONG as the next frame but SELECT: all that was sent is routed. */
void wire_barrier(struct wire *wire);

/* -- from the broker ------------------------------------------------------------------------- */

/** The next frame that has come whole; reads what is there. false: there is none. */
bool wire_take(struct wire *wire, struct wire_frame *ret);
/** The next frame. 1; 0 at the end of the stream; -ETIMEDOUT or another -errno. */
int wire_wait(struct wire *wire, struct wire_frame *ret, int timeout_ms);
/** The next frame; fails the test if none comes. */
void wire_next(struct wire *wire, struct wire_frame *ret);
/** The next frame that is no SELECT: wire->sids has what it said. */
void wire_next_but_select(struct wire *wire, struct wire_frame *ret);

/** Waits until one of @p wires can be read, or written if it has something to send. false after @p timeout_ms. */
bool wire_poll(struct wire *const *wires, size_t n, int timeout_ms);

/** The next frame but SELECT, of this opcode. */
void wire_expect(struct wire *wire, enum opcode op, struct wire_frame *ret);
void wire_expect_text(struct wire *wire, const char *subject, const char *payload);
void wire_expect_gap(struct wire *wire, uint64_t sid, uint64_t count, enum gap reason);
void wire_expect_ok(struct wire *wire, uint64_t ref);
void wire_expect_pong(struct wire *wire, uint64_t ref);
void wire_expect_error(struct wire *wire, enum opcode op, uint64_t ref, enum status status);
void wire_expect_refused(struct wire *wire, uint64_t first, uint64_t last, enum status status);
void wire_expect_confirmed(struct wire *wire, uint64_t ref, uint64_t last, uint64_t matched,
                           uint64_t refused);
void wire_expect_ended(struct wire *wire, uint64_t sid);
/** GOODBYE with that status, and then the end of the stream. */
void wire_expect_goodbye(struct wire *wire, enum status status);
/** Whether the last SELECT named @p sid. */
bool wire_selects(const struct wire *wire, uint64_t sid);
/** What the last SELECT named is exactly these, in any order. */
#define wire_expect_sids(wire, ...)                          \
    wire_check_sids(wire, (const uint64_t[]){ __VA_ARGS__ }, \
                    sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))
void wire_check_sids(const struct wire *wire, const uint64_t *sids, size_t n);
/** Nothing but SELECT has been sent to it: by a barrier of its own. */
void wire_expect_nothing(struct wire *wire);

/* -- set pieces ------------------------------------------------------------------------------ */

/** The broker's counter of that name, by a request on a connection of its own. */
uint64_t wire_stat(const char *path, const char *name);
/** What $SYS.client says of client @p id: the first number of that name. */
uint64_t wire_client_number(const char *path, uint64_t id, const char *name);

/**
 * Makes the broker's socket to @p reader stand full, by messages of @p writer that @p reader does not read: from
 * now on all that is sent to it is queued in the broker. wire_unblock() reads them.
 */
void wire_block(struct wire *reader, struct wire *writer);
void wire_unblock(struct wire *reader);

#endif
