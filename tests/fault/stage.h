/*
 * The clients of one scenario, and what has to be true of them whatever failed meanwhile.
 *
 * A scenario makes actors, has them do things, and settles: all of them read and write until nobody waits for an
 * answer any more, or the broker has ended the connection of who does. A broker that answers neither way fails the
 * test. In the end stage_check() adds up the books.
 */
#ifndef TESTS_FAULT_STAGE_H
#define TESTS_FAULT_STAGE_H

#include <sys/types.h>

#include "tests/fault/actor.h"

enum { ACTORS_MAX = 32 };

/* What became of it all, without what a moment's chance decides: equal in two runs in which nothing failed. */
struct outcome {
    uint64_t n_of[ACTORS_MAX][OPCODES_MAX];
    uint64_t n_heard[ACTORS_MAX]; /* delivered or lost */
    uint64_t n_refused[ACTORS_MAX];
    int farewell[ACTORS_MAX];
};

struct stage {
    const char *socket;
    const char *config; /* the folder of what the broker is told; config.h */
    pid_t broker;
    struct actor *actors[ACTORS_MAX];
    size_t n_actors;
    bool is_exact; /* nothing fails that clients may notice */
    struct stream streams[STREAMS_MAX];
    unsigned
        n_ended; /* connections that the broker ended, though nothing in the scenario asks for it */
    unsigned n_untold; /* of them: without a GOODBYE */
    unsigned n_silent; /* of them: though it could be said */
};

/** @p config and @p broker are for scenarios that change the one and send signals to the other. No actors yet. */
void stage_init(struct stage *stage, const char *socket, const char *config, pid_t broker);
/** Closes and frees all actors. Idempotent. */
void stage_deinit(struct stage *stage);

/** A new actor, connected; it has said nothing. */
struct actor *stage_connect(struct stage *stage, const char *name);
/** A new actor that has said HELLO; its answer is awaited by stage_settle(). */
struct actor *stage_actor(struct stage *stage, const char *name);
/** The stream of that number, which is @p from's, and nobody else's. */
struct stream *stage_stream(struct stage *stage, struct actor *from, unsigned number);

/** Lets all read and write until all are settled; fails the test after 20 s. */
void stage_settle(struct stage *stage);
/** Lets all read and write for @p ms. */
void stage_run(struct stage *stage, int ms);
/** Until @p actor has got @p n frames of that opcode; but not for long, unless the stage is exact. */
void stage_await(struct stage *stage, const struct actor *actor, uint8_t op, uint64_t n);
/** A PING of each that reads, and settles: all that was sent to them before has come. */
void stage_barrier(struct stage *stage);

/** Adds up the books; fails the test if they do not. Then actors may be closed. */
void stage_check(struct stage *stage);
void stage_outcome(const struct stage *stage, struct outcome *ret);
/** What differs, in static memory; NULL: nothing. */
const char *outcome_difference(const struct outcome *is, const struct outcome *should_be);

/** What the failures below shall name first: the scenario, what was made to fail. Kept, not copied. */
void stage_about(const char *scenario, const char *wish);
/** Fails the test, naming what stage_about() said. */
_Noreturn void stage_fail(const struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
