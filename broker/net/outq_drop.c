/* Losing messages of one lane, and saying so where they stood. */
#include <errno.h>
#include <stdlib.h>

#include "broker/net/outq.h"
#include "broker/net/outq_internal.h"

static struct entry *gap_new(struct outq *outq, struct lane *lane, enum gap reason, uint64_t n,
                             struct entry *before)
{
    struct entry *gap = entry_new(outq->pool);
    if (!gap)
        return NULL;
    *gap = (struct entry){ .to = audience_ref(&lane->solo), .n = n, .reason = (uint8_t)reason };
    link_before(outq, gap, before);
    return gap;
}

static void lose(struct lane *lane, enum gap reason, uint64_t n)
{
    lane->n_lost += n;
    lane->last_loss = (uint8_t)reason;
}

int outq_gap(struct outq *outq, struct lane *lane, enum gap reason, uint64_t n)
{
    if (outq_age(outq) < 0)
        return -ENOMEM;
    struct entry *last = lane->n_messages == 0 && !lane->tail_gap ? lane->front_gap
                                                                  : lane->tail_gap;
    /* Whatever the reason: two that take turns would else make a gap of each message. */
    if (last) {
        last->n += n;
    } else {
        struct entry *gap = gap_new(outq, lane, reason, n, NULL);
        if (!gap)
            return -ENOMEM;
        lane->tail_gap = gap;
        if (lane->n_messages == 0) /* the next message stands behind it, and may be lost as well */
            lane->front_gap = gap;
    }
    lose(lane, reason, n);
    return 0;
}

/* The oldest entry with messages of the lane. The search starts where the last one
 * ended, so a row of drops passes each entry once. */
static struct entry *next_of(const struct lane *lane, struct entry *entry)
{
    if (lane->n_messages == 0) /* of others there may be very many */
        return NULL;
    while (entry && !(entry->block && entry->to && audience_has(entry->to, lane)))
        entry = entry->next;
    return entry;
}

/* An entry that is not the lane's own goes without a word to it: `oldest` is always its own. */
static struct entry *find_oldest(struct outq *outq, struct lane *lane)
{
    if (lane->n_messages == 0)
        return NULL;
    lane->oldest = next_of(lane, lane->oldest ? lane->oldest : outq->head);
    return lane->oldest;
}

/* Cuts an entry behind its first n messages (of `len` bytes); the second half
 * is a new entry. NULL: no memory. */
static struct entry *split(struct outq *outq, struct entry *entry, uint64_t n, uint32_t len)
{
    struct entry *rest = entry_new(outq->pool);
    if (!rest)
        return NULL;
    *rest = (struct entry){
        .block = block_ref(entry->block),
        .to = audience_ref(entry->to),
        .card = entry->card ? card_ref(entry->card) : NULL,
        .off = entry->off + len,
        .len = entry->len - len,
        .n = entry->n - n,
    };
    entry->len = len;
    entry->n = n;
    link_before(outq, rest, entry->next);
    if (outq->settled == entry)
        outq->settled = rest;
    return rest;
}

/* Bytes of the first n messages. */
static uint32_t span(const struct entry *entry, uint64_t n)
{
    if (n == entry->n)
        return entry->len;
    uint32_t len = 0;
    while (n-- > 0)
        len += message_len(entry, entry->off + len);
    return len;
}

static void entry_tell_lane(struct entry *entry, const struct lane *lane)
{
    struct entry_hook **link = &entry->hooks;
    while (*link && (*link)->lane != lane)
        link = &(*link)->next;
    struct entry_hook *hook = *link;
    if (hook) {
        *link = hook->next;
        hook->left(hook, false);
    }
}

/* Takes the lane off the whole entry; the entry goes if nobody else wants it. */
static int take_off(struct outq *outq, struct lane *lane, struct entry *entry)
{
    if (entry->to->n == 1) {
        outq_remove(outq, entry);
        return 0;
    }
    struct audience *rest = audience_without(entry->to, lane);
    if (!rest)
        return -ENOMEM;
    entry_tell_lane(entry, lane);
    discharge(&lane->solo, entry->n, entry->len);
    forget(lane, entry);
    audience_unref(entry->to);
    entry->to = rest;
    return 0;
}

/* A gap of the lane in front of the entry, with no message of the lane
 * between, takes one more; other lanes' entries may stand between, and gaps of other reasons. */
static struct entry *gap_in_front(const struct lane *lane, const struct entry *entry,
                                  enum gap reason)
{
    if (lane->front_gap && lane->front_gap->reason == reason && lane->oldest == entry)
        return lane->front_gap;
    for (struct entry *e = entry->prev; e; e = e->prev) {
        if (!e->to || !audience_has(e->to, lane))
            continue;
        if (e->block || e->reason == reason)
            return e->block ? NULL : e;
    }
    return NULL;
}

/* The lane has nothing more between `gap` and `entry`: a gap of the same reason that comes
 * next is one with it. */
static void join_next(struct outq *outq, struct lane *lane, struct entry *gap,
                      struct entry *entry)
{
    if (lane->n_messages == 0 && !lane->tail_gap)
        return; /* of others there may be very many */
    while (entry && !(entry->to && audience_has(entry->to, lane)))
        entry = entry->next;
    if (!entry || entry->block || entry->reason != gap->reason)
        return;
    bool was_tail = lane->tail_gap == entry;
    gap->n += entry->n;
    unlink_entry(outq, entry);
    if (was_tail)
        lane->tail_gap = gap;
}

/* The gap first, since it is what may fail: nothing is lost without a word. */
static int drop_entry(struct outq *outq, struct lane *lane, struct entry *entry, enum gap reason)
{
    struct entry *gap = lane->front_gap;
    if (!gap || gap->reason != reason)
        gap = gap_in_front(lane, entry, reason);
    bool joins = gap;
    if (!joins)
        gap = gap_new(outq, lane, reason, 0, entry);
    if (!gap)
        return -ENOMEM;
    uint64_t n = entry->n;
    struct entry *next = entry->next;
    int r = take_off(outq, lane, entry);
    if (r < 0) {
        if (!joins)
            unlink_entry(outq, gap);
        return r;
    }
    gap->n += n;
    join_next(outq, lane, gap, next);
    lane->front_gap = gap;
    lose(lane, reason, n);
    return 0;
}

/* The oldest entry of the lane that has not begun to leave; NULL: none, or no memory. */
static struct entry *find_droppable(struct outq *outq, struct lane *lane)
{
    struct entry *entry = find_oldest(outq, lane);
    if (!entry || entry != outq->head || outq->head_sent == 0)
        return entry;
    /* its first message is half gone, and has to go on */
    if (entry->n > 1 && !split(outq, entry, 1, span(entry, 1)))
        return NULL;
    return next_of(lane, entry->next);
}

static uint64_t drop_first(struct outq *outq, struct lane *lane, struct entry *entry, uint64_t n,
                           enum gap reason)
{
    if (n < entry->n && !split(outq, entry, n, span(entry, n)))
        return 0;
    n = entry->n;
    bool was_oldest = lane->oldest == entry;
    struct entry *prev = entry->prev; /* stays; what is behind the entry may become one with the gap */
    if (drop_entry(outq, lane, entry, reason) < 0)
        return 0;
    if (was_oldest)
        lane->oldest = next_of(lane, prev ? prev->next : outq->head);
    return n;
}

uint64_t outq_drop_oldest(struct outq *outq, struct lane *lane, uint64_t n, enum gap reason)
{
    struct entry *entry = outq_age(outq) < 0 ? NULL : find_droppable(outq, lane);
    return entry ? drop_first(outq, lane, entry, n, reason) : 0;
}

/* How many of the entry's first messages must go so that `len` bytes fit. */
static uint64_t surplus(const struct lane *lane, const struct entry *entry, uint32_t len)
{
    uint64_t n = 0;
    uint64_t bytes = lane->n_bytes;
    uint32_t off = entry->off;
    while (n < entry->n && lane->n_messages - n > 0 &&
           (lane->n_messages - n >= lane->max_messages || bytes + len > lane->max_bytes)) {
        uint32_t one = message_len(entry, off);
        off += one;
        bytes -= one;
        n++;
    }
    return n ? n : 1;
}

bool outq_make_room(struct outq *outq, struct lane *lane, uint32_t len, enum gap reason)
{
    if (outq_age(outq) < 0)
        return false;
    while (!lane_fits(lane, len)) {
        struct entry *entry = find_droppable(outq, lane);
        if (!entry || drop_first(outq, lane, entry, surplus(lane, entry, len), reason) == 0)
            return false;
    }
    return true;
}

int outq_replace(struct outq *outq, struct lane *lane, struct entry *entry, enum gap reason)
{
    struct entry *gap = gap_in_front(lane, entry, reason);
    struct entry *fresh = gap ? NULL : gap_new(outq, lane, reason, 0, entry);
    if (!gap && !fresh)
        return -ENOMEM;
    struct entry *next = entry->next;
    bool was_oldest = lane->oldest == entry;
    int r = take_off(outq, lane, entry);
    if (r < 0) {
        if (fresh)
            unlink_entry(outq, fresh);
        return r;
    }
    gap = gap ? gap : fresh;
    gap->n++;
    if (was_oldest)
        lane->front_gap = gap;
    join_next(outq, lane, gap, next);
    lose(lane, reason, 1);
    return 0;
}
