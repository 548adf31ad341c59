/*
 * A client that keeps books while everything around it may fail: what it asked and was not answered yet, what it
 * published and what became of it, what arrived for each of its subscriptions and what was announced as lost.
 *
 * Actors belong to a stage (stage.h), which lets them all read and write. An actor may lose its connection at any
 * time: it then asks nothing any more, and what it is told before that must still be true. What breaks the wire, or
 * is told twice, or was never asked, fails the test.
 */
#ifndef TESTS_FAULT_ACTOR_H
#define TESTS_FAULT_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"
#include "proto/opcode.h"
#include "proto/status.h"

enum {
    STREAMS_MAX = 8,
    NUMBERS_MAX = 2048, /* messages of a stream */
    OPEN_MAX = 1024,
    TALLIES_MAX = 16,
    SELECTED_MAX = 64,
    OPCODES_MAX = 0x40,
    STREAM_HEAD = 8, /* bytes that a message of a stream begins with: its stream, its number */
};

struct stage;

/* Messages of one actor, numbered from 0. */
struct stream {
    struct actor *from;
    uint32_t n_sent;
    bool refused[NUMBERS_MAX];
    bool arrived[NUMBERS_MAX]; /* at anybody */
};

/* What a subscription has heard. */
struct tally {
    uint32_t sid;
    unsigned streams; /* a bit each that it gets all of */
    int group;        /* 0: none; else all of its members together get all */
    bool active;      /* the broker said OK */
    bool loose;       /* it began or ended in the middle: only the order is looked at */
    int32_t last[STREAMS_MAX];
    uint64_t n_delivered;
    uint64_t n_lost;
};

/* What it waits for. */
struct open {
    uint8_t op; /* SUB, UNSUB, SERVE, UNSERVE, PING, CONFIRM, REQUEST, HELLO, GOODBYE */
    bool survey;
    uint64_t ref;
};

/* How it answers a REQUEST. */
enum manner { ANSWERS, ANSWERS_IN_PARTS, ANSWERS_ERROR, IS_SILENT, HANGS_UP };

struct buffer {
    uint8_t *bytes;
    size_t at; /* of what is left */
    size_t len;
    size_t cap;
};

struct actor {
    struct stage *stage;
    const char *name;
    int fd;       /* -1: closed by ourselves */
    bool deaf;    /* it does not read */
    bool over;    /* the broker has ended the stream */
    bool cut;     /* ... within a frame, or by a reset */
    bool torn;    /* ... within a frame: behind its half nothing can be said */
    bool may_end; /* that it is ended belongs to the scenario */
    bool is_shut; /* nothing can be written any more */
    bool leaves;  /* it has said GOODBYE, and half-closes when that is written */
    int farewell; /* status of the GOODBYE it got, or -1 */
    enum manner manner;
    struct buffer in;
    struct buffer out;
    struct open open[OPEN_MAX];
    size_t n_open;
    uint64_t ref;
    struct tally tally[TALLIES_MAX];
    size_t n_tallies;
    uint32_t selected[SELECTED_MAX];
    size_t n_selected;
    uint64_t n_messages;             /* published on this connection */
    uint32_t published[NUMBERS_MAX]; /* stream << 16 | number, by number of the message - 1 */
    uint64_t n_of[OPCODES_MAX];      /* frames that came */
    uint64_t n_refused;
};

/* -- what it does; nothing waits: stage_settle() does ------------------------------------------ */

/** Bytes as they are. */
void actor_bytes(struct actor *actor, const void *bytes, size_t len);
void actor_hello(struct actor *actor);
void actor_goodbye(struct actor *actor);
void actor_ping(struct actor *actor);
void actor_confirm(struct actor *actor);

struct wanted {
    const char *pattern;
    const char *group;
    int group_number;
    enum policy policy;
    uint32_t messages; /* of the queue */
    uint32_t after;
    unsigned streams;
    bool credentials;
    bool loose;
};
void actor_sub(struct actor *actor, uint32_t sid, const struct wanted *wanted);
void actor_unsub(struct actor *actor, uint32_t sid);
void actor_serve(struct actor *actor, uint32_t sid, const char *pattern, uint32_t max_open,
                 enum manner manner);
void actor_unserve(struct actor *actor, uint32_t sid);
/** The next message of the stage's stream @p stream, of @p len bytes (at least STREAM_HEAD). */
void actor_publish(struct actor *actor, unsigned stream, const char *subject, size_t len);
/** A message that belongs to no stream, and may be refused. */
void actor_publish_bad(struct actor *actor, const char *subject);
/** Returns the reference. */
uint64_t actor_request(struct actor *actor, const char *subject, bool survey, uint32_t timeout_ms);
/** The same with a body, for $SYS. */
void actor_ask(struct actor *actor, const char *subject, const void *body, size_t len);
void actor_cancel(struct actor *actor, uint64_t ref);

/* -- what the stage does with it -------------------------------------------------------------- */

/** Writes what the kernel takes. */
void actor_write(struct actor *actor);
/** Reads what is there, and enters it into the books. */
void actor_read(struct actor *actor);
/** Takes the frames of `in` that are whole. actor_read.c */
void actor_take(struct actor *actor);
/** Whether it waits for nothing. */
bool actor_is_settled(const struct actor *actor);
/** Closes its end; idempotent. */
void actor_close(struct actor *actor);
/** Closes and frees. */
void actor_deinit(struct actor *actor);

/* Between actor.c and actor_read.c. */
void actor_reply(struct actor *actor, uint64_t token, uint32_t status, bool more);
bool actor_end_open(struct actor *actor, uint8_t op, uint64_t ref);
struct tally *actor_tally(struct actor *actor, uint32_t sid);

#endif
