/* Pace: how much of a round each user gets, while more than one wants some.
 *
 * Driven by the connections: each says when it has something to handle, asks how
 * much, and says what that took. Time is what is shared, not bytes: a frame may cost
 * twenty nanoseconds or twenty microseconds, and who sends the dear ones is to have fewer.
 * A user whose share of the round is used up is not read from until a later one; what it
 * used beyond, its next rounds pay. Within a user's share its connections have equal parts.
 *
 * Nobody waits for nothing: a round in which only debtors have something to say is over at once, and
 * pays them a share all the same. A user who is alone is not measured at all.
 * Costs nothing to those who are idle; nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_ROUND_NS = 100 * 1000,       /* of all users together: what one who comes may have to wait */
    PACE_ACTIVE_NS = 1000 * 1000 * 1000, /* a user who was heard of so long ago wants some still */
    PACE_BYTES_MIN = 4 << 10,         /* a turn, however dear */
    PACE_BYTES_MAX = 256 << 10,
};

/* One user's: embedded in its account. */
struct pace_user {
    struct pace_user *next; /* of those who are active */
    bool is_active;
    uint64_t seen_ns;       /* when it last had something to handle */
    uint64_t round;         /* what follows is of that one */
    int64_t left_ns;        /* below zero: it has used some of later rounds */
    uint64_t spent_ns;
    uint64_t n_bytes;       /* read */
    uint64_t n_delivered;   /* bytes that are to be written on its behalf, each receiver counted */
    uint32_t n_turns;
    uint32_t n_turns_before; /* in the last round that it had any */
    uint32_t ns_per_kib;     /* what its input has cost of late */
};

/* Zeroed: nobody is active. */
struct pace {
    struct pace_user *active;
    uint32_t n_active;
    uint64_t looked_ns; /* when those who had fallen silent were last left out */
};

void pace_join(struct pace *pace, struct pace_user *user);
/* The user is no more. Idempotent. */
void pace_leave(struct pace *pace, struct pace_user *user);

/* The user has something to handle. */
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

/* How many bytes one connection of the user may read and handle now; 0: none in this round. */
uint32_t pace_turn(struct pace *pace, struct pace_user *user, uint64_t round, uint64_t now_ns);
/* That took so long. */
void pace_spent(struct pace_user *user, uint64_t n_bytes, uint64_t ns);
/* So many bytes of its messages are to be written in this round. */
static inline void pace_delivered(struct pace_user *user, uint64_t n_bytes)
{
    user->n_delivered += n_bytes;
}
/* Writing all that took so long: each pays for what it had delivered. */
void pace_wrote(struct pace *pace, uint64_t ns);
