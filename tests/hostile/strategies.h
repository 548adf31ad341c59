/*
 * The strategies, by what they abuse: strategies_*.c.
 *
 * Twelve are those that the broker is measured against (strategies.c has their order); the rest are what else came to
 * mind. Every one publishes and subscribes below a subject of its own, "foe.", but for `eavesdrop`.
 */
#ifndef TESTS_HOSTILE_STRATEGIES_H
#define TESTS_HOSTILE_STRATEGIES_H

#include "tests/hostile/attack.h"

/* strategies_publish.c */
extern const struct strategy strategy_flood;
extern const struct strategy strategy_never_read;
extern const struct strategy strategy_huge_frames;
extern const struct strategy strategy_stop_continue;
extern const struct strategy strategy_eavesdrop;
/* strategies_wire.c */
extern const struct strategy strategy_half_frames;
extern const struct strategy strategy_error_flood;
extern const struct strategy strategy_churn;
extern const struct strategy strategy_slow_hello;
/* strategies_sub.c */
extern const struct strategy strategy_subscription_bomb;
extern const struct strategy strategy_wildcard_bomb;
extern const struct strategy strategy_pile;
/* strategies_call.c */
extern const struct strategy strategy_request_flood;
extern const struct strategy strategy_reply_flood;
extern const struct strategy strategy_collide;

/** Bytes that many connections send: lent to each, made once by @p fill. */
struct volley {
    struct link made;
    void (*fill)(struct link *link);
};
void volley_lend(struct volley *volley, struct foe *foe);

#endif
