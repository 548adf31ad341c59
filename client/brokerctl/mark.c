#include "client/brokerctl/mark.h"

#include <string.h>

static bool belongs(struct tally *tally, const struct mark *mark)
{
    if (mark->kind < MARK_PLAIN || mark->kind > MARK_END)
        return false;
    if (!tally->has_run) {
        tally->has_run = true;
        tally->run = mark->run;
    }
    return mark->run == tally->run;
}

/* Numbers are compared in 32 bits: nobody is 2^31 messages behind. `after` is
 * what its publisher's next one has. */
static void take_number(struct tally *tally, const struct mark *mark, uint32_t after)
{
    uint32_t *next = &tally->publishers[mark->publisher].next;
    int32_t ahead;

    if (!tally->publishers[mark->publisher].seen) {
        tally->publishers[mark->publisher].seen = true;
        *next = tally->from_start ? 0 : mark->number;
    }
    ahead = (int32_t)(mark->number - *next);
    if (ahead < 0) {
        tally->misplaced++;
        return;
    }
    tally->missing += (uint64_t)ahead;
    *next = after;
}

static void take_end(struct tally *tally, const struct mark *mark)
{
    tally->n_wanted = mark->at_ns;
    if (tally->publishers[mark->publisher].ended)
        return;
    tally->publishers[mark->publisher].ended = true;
    tally->n_ended++;
}

bool tally_take(struct tally *tally, const void *payload, size_t len, struct mark *ret)
{
    if (len >= MARK_SIZE)
        memcpy(ret, payload, MARK_SIZE);
    if (len < MARK_SIZE || !belongs(tally, ret)) {
        tally->foreign++;
        return false;
    }
    take_number(tally, ret, ret->kind == MARK_END ? ret->number : ret->number + 1);
    if (ret->kind == MARK_END)
        take_end(tally, ret);
    else
        tally->received++;
    return true;
}

bool tally_ended(const struct tally *tally)
{
    return tally->n_wanted > 0 && tally->n_ended >= tally->n_wanted;
}
