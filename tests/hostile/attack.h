/*
 * The attacker: one process with 64 connections of one uid, all of which follow one strategy.
 *
 * The process is forked from whoever stages the attack (contest.h), takes on the attacker's uid, connects, and goes on
 * until it is told to stop or killed. A connection that the broker cuts is replaced at once. What a strategy does is a
 * handful of callbacks (struct strategy); the loop, the connecting and the sending are here.
 */
#ifndef TESTS_HOSTILE_ATTACK_H
#define TESTS_HOSTILE_ATTACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/hostile/link.h"

enum { ATTACK_FOES = 64 };

struct attack;

/** One connection of the attacker. */
struct foe {
    struct link link;
    struct attack *attack;
    unsigned i; /* which of the 64 */
    /* The strategy's, zeroed with each new connection: */
    uint64_t step;  /* how far it is */
    uint64_t token; /* of the request that it answers */
    int64_t due_ns; /* it sends nothing before */
    bool idle;      /* it has nothing to send until foe_wake() */
    bool deaf;      /* it reads nothing */
    bool done;      /* to be closed, and replaced */
};

struct strategy {
    const char *name;
    const char *what; /* half a sentence: "publishes as fast as it can" */
    /** It is connected: puts what is sent first, HELLO as a rule. */
    void (*begin)(struct foe *foe);
    /** All is sent: puts more, or names a time, or nothing (and is idle then). NULL: there is no more. */
    void (*more)(struct foe *foe);
    /** A frame came. NULL: they are thrown away unseen. */
    void (*take)(struct foe *foe, const struct link_frame *frame);
    /** Once, before anything is connected. May be NULL. */
    void (*prepare)(struct attack *attack);
    /** In each pass. May be NULL. */
    void (*pass)(struct attack *attack);
};

/** What the attacker tells, and is told: in memory shared with whoever staged it. */
struct attack_report {
    atomic_bool stop;  /* told */
    atomic_bool is_up; /* all connections have been made once */
    atomic_uint_fast64_t n_opened;
    atomic_uint_fast64_t n_cut; /* by the broker */
    atomic_uint_fast64_t bytes_out;
    atomic_uint_fast64_t bytes_in;
};

struct attack {
    const struct strategy *strategy;
    const char *path;
    struct attack_report *report;
    int64_t now_ns;
    unsigned first; /* foes[first .. end) are this process's */
    unsigned end;
    int other;       /* the strategy's: a process that it has to do with */
    int64_t turn_ns; /* the strategy's: when it did something last */
    struct foe foes[ATTACK_FOES];
};

/** The strategies, ended by NULL: the twelve, and behind them others that are no less hostile. */
extern const struct strategy *const strategies[];
enum { N_STRATEGIES = 12 };
/** By its name; NULL: there is none. */
const struct strategy *strategy_find(const char *name);

/** Attacks the broker at @p path until it is told to stop. */
void attack_run(const struct strategy *strategy, const char *path, struct attack_report *report);
/** The same for a part of the foes. */
void attack_run_some(struct attack *attack);

/** It has something to send after all. */
static inline void foe_wake(struct foe *foe)
{
    foe->idle = false;
}

/** It sends nothing for so long. */
static inline void foe_rest(struct foe *foe, int ms)
{
    foe->due_ns = foe->attack->now_ns + (int64_t)ms * 1000000;
}

#endif
