#include "broker/loop/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { HEAP_FIRST = 64 };

/* A heap of four children a node: half as deep as with two, and the children
 * of a node are neighbours in memory. */
enum { ARITY = 4 };

static void place(struct timer_heap *heap, uint32_t i, struct timer *timer)
{
    heap->slot[i] = timer;
    timer->place = i + 1;
}

static void sift_up(struct timer_heap *heap, uint32_t i, struct timer *timer)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / ARITY;

        if (heap->slot[parent]->when_ns <= timer->when_ns)
            break;
        place(heap, i, heap->slot[parent]);
        i = parent;
    }
    place(heap, i, timer);
}

static uint32_t earliest_child(const struct timer_heap *heap, uint32_t i)
{
    uint32_t child = i * ARITY + 1;
    uint32_t end = child + ARITY < heap->n ? child + ARITY : heap->n;
    uint32_t best = child;

    while (++child < end)
        if (heap->slot[child]->when_ns < heap->slot[best]->when_ns)
            best = child;
    return best;
}

static void sift_down(struct timer_heap *heap, uint32_t i, struct timer *timer)
{
    while (i * ARITY + 1 < heap->n) {
        uint32_t child = earliest_child(heap, i);

        if (timer->when_ns <= heap->slot[child]->when_ns)
            break;
        place(heap, i, heap->slot[child]);
        i = child;
    }
    place(heap, i, timer);
}

static void settle(struct timer_heap *heap, uint32_t i, struct timer *timer)
{
    if (i > 0 && timer->when_ns < heap->slot[(i - 1) / ARITY]->when_ns)
        sift_up(heap, i, timer);
    else
        sift_down(heap, i, timer);
}

int timer_heap_reserve(struct timer_heap *heap, uint32_t n)
{
    uint32_t cap = heap->cap ? heap->cap : HEAP_FIRST;
    struct timer **slot;

    if (n <= heap->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    slot = realloc(heap->slot, cap * sizeof(*slot));
    if (!slot)
        return -ENOMEM;
    heap->slot = slot;
    heap->cap = cap;
    return 0;
}

void timer_heap_deinit(struct timer_heap *heap)
{
    for (uint32_t i = 0; i < heap->n; i++)
        heap->slot[i]->place = 0;
    free(heap->slot);
    *heap = (struct timer_heap){ 0 };
}

int timer_heap_arm(struct timer_heap *heap, struct timer *timer, uint64_t when_ns)
{
    /* What a callback arms for a time already past fires in the next round,
     * after all that were due in this one: or a timer that arms itself for
     * "now" would never let go. */
    if (when_ns <= heap->firing_ns)
        when_ns = heap->firing_ns + 1;
    if (timer->place) {
        timer->when_ns = when_ns;
        settle(heap, timer->place - 1, timer);
        return 0;
    }
    if (timer_heap_reserve(heap, heap->n + 1) < 0)
        return -ENOMEM;
    timer->when_ns = when_ns;
    sift_up(heap, heap->n++, timer);
    return 0;
}

void timer_heap_disarm(struct timer_heap *heap, struct timer *timer)
{
    uint32_t i = timer->place - 1;
    struct timer *last;

    if (!timer->place)
        return;
    assert(heap->slot[i] == timer);
    timer->place = 0;
    last = heap->slot[--heap->n];
    if (last != timer)
        settle(heap, i, last);
}

void timer_heap_fire(struct timer_heap *heap, uint64_t now_ns)
{
    heap->firing_ns = now_ns;
    while (heap->n > 0 && heap->slot[0]->when_ns <= now_ns) {
        struct timer *timer = heap->slot[0];

        timer_heap_disarm(heap, timer);
        timer->fn(timer, now_ns);
    }
    heap->firing_ns = 0;
}

uint64_t timer_heap_next_ns(const struct timer_heap *heap)
{
    return heap->n ? heap->slot[0]->when_ns : UINT64_MAX;
}
