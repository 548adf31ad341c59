/* One-shot timers in an intrusive heap.
 *
 * A timer is embedded in what it times; a zeroed one is disarmed. Firing
 * disarms first, so a callback may arm its timer again, disarm any other, or
 * free the memory its own timer lives in. Timers of the same nanosecond fire in
 * no particular order. Pure: nothing here reads a clock.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct timer;
typedef void (*timer_fn)(struct timer *timer, uint64_t now_ns);

struct timer {
    uint64_t when_ns;   /* CLOCK_MONOTONIC */
    timer_fn fn;
    uint32_t place;     /* 1 + index in the heap; 0 = disarmed */
};

struct timer_heap {
    struct timer **slot;
    uint32_t n;
    uint32_t cap;
    uint64_t firing_ns; /* the time being fired; 0 outside timer_heap_fire */
};

/* A zeroed heap is an empty one. Makes room for `n` timers in all, so that
 * arming them cannot fail. 0 or -ENOMEM. */
int timer_heap_reserve(struct timer_heap *heap, uint32_t n);
/* Idempotent. Disarms what is still armed, without firing. */
void timer_heap_deinit(struct timer_heap *heap);
/* Arms, or moves an armed one; timer->fn must be set. 0 or -ENOMEM (only when
 * the heap has to grow; an armed timer stays as it was). */
int timer_heap_arm(struct timer_heap *heap, struct timer *timer, uint64_t when_ns);
/* Idempotent. */
void timer_heap_disarm(struct timer_heap *heap, struct timer *timer);
/* Fires what is due at now_ns, earliest first, and was armed before the call
 * began: what a callback arms for a time already past is due just after
 * now_ns. Not to be called from a callback. */
void timer_heap_fire(struct timer_heap *heap, uint64_t now_ns);
/* When the first one is due; UINT64_MAX if none is armed. */
uint64_t timer_heap_next_ns(const struct timer_heap *heap);
