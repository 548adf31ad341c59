/* The processes of a bench: starts them, watches them, ends them.
 *
 * Every publisher, subscriber, requester and server is a process with a
 * connection of its own, as clients are; one that played them all would measure
 * itself. Driven by bench_run.c; it owns the processes and the board that they
 * share with it (role.h).
 *
 * None of them outlives the verb, whatever ends it. They ignore Ctrl-C, which a
 * terminal sends to all: the verb hears it and writes it on the board.
 */
#pragma once

#include "client/brokerctl/role.h"
#include "client/brokerctl/session.h"

#include <sys/types.h>

struct member {
    const struct role_kind *kind;
    unsigned part;
    pid_t pid; /* 0: it has ended */
    bool told; /* what it noted */
};

struct crew {
    const struct bench_plan *plan;
    struct board *board;
    size_t board_size;
    struct member *members; /* in the order of the board's reports */
    size_t n_members;
    /* Told of a member that ended as it should not or noted something: an exit code, a sentence. */
    void (*failed)(int code, const char *text, void *userdata);
    void *userdata;
};

/* Starts the processes of a plan, which stays where it is. They give up their copy of the
 * session's connection. Ends the program when there is no memory for them. */
struct crew *crew_new(const struct bench_plan *plan, struct session *session,
                      void (*failed)(int code, const char *text, void *userdata), void *userdata);
/* Kills what still runs. Takes and returns NULL. */
struct crew *crew_free(struct crew *crew);

void crew_set_phase(struct crew *crew, enum board_phase phase);
enum board_phase crew_phase(const struct crew *crew);
/* Takes note of those that have ended, or are done and noted something. */
void crew_reap(struct crew *crew);
/* Lets them leave in good order, and kills who does not: then no process is left. */
void crew_dismiss(struct crew *crew);

/* Whether all that do this have come to that state, or are gone. */
bool crew_all_are(const struct crew *crew, enum role_does does, enum role_state state);
/* How much they have done: messages sent, messages received, requests answered. */
uint64_t crew_progress(const struct crew *crew, enum role_does does);
