#include "tests/hostile/strategies.h"

const struct strategy *const strategies[] = {
    &strategy_flood,
    &strategy_never_read,
    &strategy_half_frames,
    &strategy_subscription_bomb,
    &strategy_wildcard_bomb,
    &strategy_request_flood,
    &strategy_reply_flood,
    &strategy_error_flood,
    &strategy_churn,
    &strategy_huge_frames,
    &strategy_slow_hello,
    &strategy_stop_continue,
    /* Beyond the twelve. */
    &strategy_pile,
    &strategy_collide,
    &strategy_eavesdrop,
    NULL,
};

void volley_lend(struct volley *volley, struct foe *foe)
{
    if (!volley->made.own) {
        volley->made.fd = -1;
        volley->fill(&volley->made);
    }
    link_lend(&foe->link, volley->made.own, volley->made.own_len);
}
