#include "broker/guard/pace.h"

#include <assert.h>
#include <stddef.h>

enum { LOOK_NS = 50 * 1000 * 1000 };

/* ---- who is active --------------------------------------------------------- */

void pace_join(struct pace *pace, struct pace_user *user)
{
    user->is_active = true;
    user->n_delivered = 0;
    user->next = pace->active;
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
    assert(!user->last);
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
        if (!(*link)->last && now_ns - (*link)->seen_ns > PACE_ACTIVE_NS)
            take_off(pace, link);
        else
            link = &(*link)->next;
    }
}

/* ---- the line --------------------------------------------------------------- */

/* Who comes after a silence is next, but not for long: it counts as having had a little less than
 * who is there. */
static void catch_up(const struct pace *pace, struct pace_user *user)
{
    uint64_t least = pace->least_ns > PACE_SHARED_NS ? pace->least_ns - PACE_SHARED_NS : 0;
    uint64_t most = pace->least_ns + PACE_AHEAD_NS;
    if (user->had_ns < least)
        user->had_ns = least;
    if (user->had_ns > most)
        user->had_ns = most;
}

void pace_wait(struct pace *pace, struct pace_user *user, struct pace_turn *turn)
{
    struct pace_turn *last = user->last;
    if (turn->next)
        return;
    if (!last)
        catch_up(pace, user);
    turn->next = last ? last->next : turn;
    if (last)
        last->next = turn;
    user->last = turn;
    pace->n_waiting++;
}

static bool is_in_turn(const struct pace *pace, const struct pace_user *user)
{
    return user->last && (!user->is_greedy || !pace->has_begun || user == pace->greedy);
}

static struct pace_user *find_least(const struct pace *pace)
{
    struct pace_user *least = NULL;
    for (struct pace_user *user = pace->active; user; user = user->next) {
        if (is_in_turn(pace, user) && (!least || user->had_ns < least->had_ns))
            least = user;
    }
    return least;
}

static struct pace_turn *take_first(struct pace_user *user)
{
    struct pace_turn *last = user->last;
    struct pace_turn *turn = last->next;
    if (turn == last)
        user->last = NULL;
    else
        last->next = turn->next;
    turn->next = NULL;
    return turn;
}

struct pace_turn *pace_next(struct pace *pace, uint64_t now_ns)
{
    if (pace->n_waiting == 0)
        return NULL;
    if (now_ns - pace->looked_ns > LOOK_NS)
        leave_out_silent(pace, now_ns);
    struct pace_user *user = find_least(pace);
    if (!user)
        return NULL;
    if (user->had_ns > pace->least_ns)
        pace->least_ns = user->had_ns;
    if (user->is_greedy)
        pace->greedy = user;
    pace->has_begun = true;
    pace->n_waiting--;
    return take_first(user);
}

/* ---- a round -------------------------------------------------------------------- */

void pace_begin(struct pace *pace)
{
    pace->has_begun = false;
    pace->greedy = NULL;
}

void pace_end(struct pace *pace)
{
    for (struct pace_user *user = pace->active; user; user = user->next)
        user->is_greedy = user->last && (user->is_greedy || !pace->greedy);
}

/* ---- what is written ---------------------------------------------------------- */

void pace_wrote(struct pace *pace, uint64_t ns)
{
    uint64_t all = 0;
    for (const struct pace_user *user = pace->active; user; user = user->next)
        all += user->n_delivered;
    for (struct pace_user *user = pace->active; all > 0 && user; user = user->next) {
        pace_spent(user, (uint64_t)((double)ns * (double)user->n_delivered / (double)all));
        user->n_delivered = 0;
    }
}
