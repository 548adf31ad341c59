/* Pace: whose turn it is.
 *
 * A round is short, so that nobody who comes has to wait for long; what does not fit into it waits
 * for the next. While several users want some of it, each user's connections stand in line, and the
 * next turn is the user's who has had the least. Time is what is shared, not bytes: a
 * frame may cost twenty nanoseconds or twenty microseconds. What is written on behalf of a
 * user is part of what it has had.
 *
 * Who wants little does not even wait until what others want is written: a user whose
 * line was not served to its end is greedy, and a round serves those who are not, or
 * one who is.
 *
 * Nothing is saved up by those who are silent, and nobody waits for nothing: who has had much
 * is served all the same when nobody else has anything to say.
 *
 * Driven by the connections (net/turns.h). Nothing is allocated, no clock is read, and those who
 * are idle cost nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_SHARED_NS = 25 * 1000,          /* a round of several users, before it is written */
    PACE_ALONE_NS = 250 * 1000,          /* a round of one user: somebody may come */
    PACE_ACTIVE_NS = 1000 * 1000 * 1000, /* who was heard of so long ago may come again */
    PACE_AHEAD_NS = 100 * 1000 * 1000,   /* to have had more than others by that is forgotten */
};

/* One connection's place in its user's line; embedded in it. NULL: it is in none. */
struct pace_turn {
    struct pace_turn *next; /* of the last one: the first */
};

/* One user's; embedded in its account. */
struct pace_user {
    struct pace_user *next; /* of those who are active */
    struct pace_turn *last; /* in line; NULL: none of its connections is */
    uint64_t seen_ns;       /* when it last had something to say */
    uint64_t had_ns;
    uint64_t n_routed;    /* bytes, since it was last said what is answered */
    uint64_t n_delivered; /* bytes to be written on its behalf, each receiver counted */
    bool is_active;
    bool is_greedy;
};

/* Zeroed: nobody is active. */
struct pace {
    struct pace_user *active;
    uint32_t n_active;
    uint32_t n_waiting;       /* connections */
    uint64_t least_ns;        /* what the user had had whose turn was the last */
    bool has_begun;           /* somebody has had a turn in this round: */
    struct pace_user *greedy; /* this one, if it is greedy; no other that is */
    uint64_t looked_ns;       /* when those who had fallen silent were last left out */
};

void pace_join(struct pace *pace, struct pace_user *user);
/* The user is no more; none of its connections is in line. Idempotent. */
void pace_leave(struct pace *pace, struct pace_user *user);

/* The user has something to say. */
static inline void pace_seen(struct pace *pace, struct pace_user *user, uint64_t now_ns)
{
    user->seen_ns = now_ns;
    if (!user->is_active)
        pace_join(pace, user);
}

/* Whether anything has to be shared. */
static inline bool pace_is_shared(const struct pace *pace)
{
    return pace->n_active > 1;
}

/* The connection waits for a turn, behind the others of its user, who is active. Idempotent. */
void pace_wait(struct pace *pace, struct pace_user *user, struct pace_turn *turn);
static inline bool pace_waits(const struct pace_turn *turn)
{
    return turn->next;
}
/* A round begins / is over: who waits now has more to say than there was time for. */
void pace_begin(struct pace *pace);
void pace_end(struct pace *pace);
/* Takes the next one out of the line. NULL: nobody waits, or all that do have to wait for another
 * round. */
struct pace_turn *pace_next(struct pace *pace, uint64_t now_ns);

/* Its turn took so long. */
static inline void pace_spent(struct pace_user *user, uint64_t ns)
{
    user->had_ns += ns;
}
/* Of what it said, so many bytes are to be written so many times. */
static inline void pace_routed(struct pace_user *user, uint64_t n_bytes, uint64_t n_times)
{
    user->n_routed += n_bytes;
    user->n_delivered += n_bytes * n_times;
}
/* A turn is over in which so many bytes came. What was not routed is answered, with as many. */
static inline void pace_answered(struct pace_user *user, uint64_t n_bytes)
{
    user->n_delivered += n_bytes > user->n_routed ? n_bytes - user->n_routed : 0;
    user->n_routed = 0;
}
/* Writing all that took so long: each pays its part. */
void pace_wrote(struct pace *pace, uint64_t ns);
