#include "broker/guard/pace.h"

#include <stddef.h>

enum { LOOK_NS = 50 * 1000 * 1000, DEAR_NS_PER_KIB = 100 * 1000 };

/* ---- who is active --------------------------------------------------------- */

void pace_join(struct pace *pace, struct pace_user *user)
{
    *user = (struct pace_user){
        .next = pace->active,
        .is_active = true,
        .seen_ns = user->seen_ns,
        .left_ns = PACE_ROUND_NS,
        .ns_per_kib = DEAR_NS_PER_KIB, /* until it is known */
    };
    pace->active = user;
    pace->n_active++;
}

static void take_off(struct pace *pace, struct pace_user **link)
{
    struct pace_user *user = *link;
    *link = user->next;
    user->next = NULL;
    user->is_active = false;
    pace->n_active--;
}

void pace_leave(struct pace *pace, struct pace_user *user)
{
    struct pace_user **link = &pace->active;
    if (!user->is_active)
        return;
    while (*link != user)
        link = &(*link)->next;
    take_off(pace, link);
}

static void leave_out_silent(struct pace *pace, uint64_t now_ns)
{
    pace->looked_ns = now_ns;
    for (struct pace_user **link = &pace->active; *link;) {
        if (now_ns - (*link)->seen_ns > PACE_ACTIVE_NS)
            take_off(pace, link);
        else
            link = &(*link)->next;
    }
}

/* ---- a round ---------------------------------------------------------------- */

static int64_t share_of(const struct pace *pace)
{
    return PACE_ROUND_NS / (int64_t)pace->n_active;
}

/* What its input costs it is known when what came of it is written. Dearer is believed at
 * once, cheaper by and by. */
static void learn(struct pace_user *user)
{
    if (user->n_bytes == 0)
        return;
    uint64_t ns = user->spent_ns * 1024 / user->n_bytes + 1;
    uint64_t mixed = ((uint64_t)user->ns_per_kib * 3 + ns) / 4;
    uint64_t cost = ns > mixed ? ns : mixed;
    user->ns_per_kib = cost < UINT32_MAX ? (uint32_t)cost : UINT32_MAX;
}

/* Each round that has passed gives a share; none is saved up. */
static void begin_round(const struct pace *pace, struct pace_user *user, uint64_t round)
{
    int64_t share = share_of(pace);
    uint64_t n_rounds = round - user->round;
    uint64_t owed = user->left_ns < share ? (uint64_t)(share - user->left_ns) : 0;
    learn(user);
    if (owed / (uint64_t)share < n_rounds)
        user->left_ns = share;
    else
        user->left_ns += share * (int64_t)n_rounds;
    if (user->n_turns > 0)
        user->n_turns_before = user->n_turns;
    user->n_turns = 0;
    user->round = round;
    user->spent_ns = user->n_bytes = user->n_delivered = 0;
}

uint32_t pace_turn(struct pace *pace, struct pace_user *user, uint64_t round, uint64_t now_ns)
{
    if (now_ns - pace->looked_ns > LOOK_NS)
        leave_out_silent(pace, now_ns);
    if (user->round != round)
        begin_round(pace, user, round);
    if (user->left_ns <= 0)
        return 0;
    uint32_t n_to_come =
        user->n_turns_before > user->n_turns ? user->n_turns_before - user->n_turns : 1;
    uint64_t part_ns = (uint64_t)user->left_ns / n_to_come;
    uint64_t n_bytes = part_ns * 1024 / user->ns_per_kib;
    user->n_turns++;
    if (n_bytes < PACE_BYTES_MIN)
        return PACE_BYTES_MIN;
    return n_bytes < PACE_BYTES_MAX ? (uint32_t)n_bytes : PACE_BYTES_MAX;
}

void pace_spent(struct pace_user *user, uint64_t n_bytes, uint64_t ns)
{
    user->n_bytes += n_bytes;
    user->n_delivered += n_bytes; /* at least: what it asked may be answered */
    user->spent_ns += ns;
    user->left_ns -= (int64_t)ns;
}

void pace_wrote(struct pace *pace, uint64_t ns)
{
    uint64_t all = 0;
    for (const struct pace_user *user = pace->active; user; user = user->next)
        all += user->n_delivered;
    for (struct pace_user *user = pace->active; user; user = user->next) {
        if (user->n_delivered == 0)
            continue;
        pace_spent(user, 0, (uint64_t)((double)ns * (double)user->n_delivered / (double)all));
        user->n_delivered = 0;
    }
}
