/*
 * The stage: a broker of an unprivileged uid, a victim, and beside it an attacker or a burner.
 *
 * A contest has one broker, for one strategy as a rule. Each run of it starts the victim, then what is to disturb it,
 * lets the victim do its work, and ends both. Processes here are forked from the test and gone with it. What a run
 * costs whom comes from the kernel (wait4(2), /proc).
 *
 *     struct contest contest;
 *     contest_begin(&contest, &(struct contest_roles){ .broker = 4711, .attacker = 4711, .victim = 0 });
 *     struct contest_run attacked, burned;
 *     contest_attack(&contest, strategy_find("flood"), &times, &attacked);
 *     contest_burn(&contest, &attacked, &times, &burned);
 *     contest_end(&contest);
 */
#ifndef TESTS_HOSTILE_CONTEST_H
#define TESTS_HOSTILE_CONTEST_H

#include "tests/hostile/attack.h"
#include "tests/hostile/burner.h"
#include "tests/hostile/victim.h"
#include "tests/kit/broker_proc.h"

/** Who is who, by uid. */
struct contest_roles {
    uid_t broker;
    uid_t attacker;
    uid_t victim;
    unsigned max_files; /* descriptors that the broker may have; 0: as many as we */
};

/** How long the victim's parts take. */
struct contest_times {
    int64_t work_ns;
    int64_t bulk_ns;
    unsigned n_seldom; /* some more than a second each */
};

struct contest {
    struct broker_proc *broker;
    struct contest_roles roles;
    struct contest_shared *shared;
    bool is_silent; /* the broker did not answer any more */
    int n_fds;      /* of the broker, without clients */
    int64_t rss;
    /** May be set: called in each run when the victim has gone, and what disturbed it is still there. */
    void (*behind_victim)(struct contest *contest);
};

/** How a broker comes to itself after an attack. */
struct contest_recovery {
    bool silent;     /* it answers nobody */
    int64_t took_ns; /* until a newcomer was answered */
    int64_t
        rss; /* that it has more than at its start; 0 under a sanitizer, where that means nothing */
};

struct contest_run {
    struct victim_report victim;
    int64_t wall_ns;      /* how long the disturber was there */
    int64_t disturber_ns; /* processor time of attacker or burner */
    int64_t broker_ns;    /* of the broker meanwhile */
    uint64_t n_sleeps;    /* of the disturber */
    int n_threads;        /* of the attacker that can run at once */
    uint64_t n_opened;    /* connections of the attacker */
    uint64_t n_cut;       /* of them, by the broker */
    uint64_t bytes_out;   /* of the attacker */
    uint64_t bytes_in;
    int64_t rss_grown; /* of the broker at the end of the run, the attacker still there */
    struct contest_recovery recovery; /* the caller's to fill in */
};

/** Skips the test unless it may take on other uids. */
void contest_begin(struct contest *contest, const struct contest_roles *roles);
/** The broker must end in good order, if it answers at all. */
void contest_end(struct contest *contest);

/** The victim, and an attacker; NULL: nobody disturbs it. */
void contest_attack(struct contest *contest, const struct strategy *strategy,
                    const struct contest_times *times, struct contest_run *ret);
/**
 * The victim, and whatever @p disturb does, in a process of the attacker's uid, with the broker at @p path until
 * @p report says stop. It says is_up when the victim is to begin.
 */
void contest_disturb(struct contest *contest,
                     void (*disturb)(const char *path, struct attack_report *report, void *data),
                     void *data, const struct contest_times *times, struct contest_run *ret);
/** The victim, and a burner of what the attacker of @p like used. */
void contest_burn(struct contest *contest, const struct contest_run *like,
                  const struct contest_times *times, struct contest_run *ret);

/**
 * Waits until the broker answers a newcomer, for 30 s at most, and then for 2 s until it has the descriptors that it
 * began with. If it has not, or does not live, the test fails; whether it answers is for the caller to judge.
 */
struct contest_recovery contest_await_recovery(struct contest *contest);
/** Nothing was lost without a word, nobody was cut off. Else the test fails, and says what happened first. */
void contest_expect_unharmed(const struct contest_run *run);

/** Adds the figures of another round of the same. */
void contest_add(struct contest_run *sum, const struct contest_run *round);

#endif
