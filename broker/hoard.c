#include "broker/hoard.h"

#include <malloc.h>
#include <stddef.h>

#include "broker/route/dest.h"

#define MS UINT64_C(1000000)

/* What lies in the heap in small pieces, about: it is granted ahead, in steps, the first of which
 * every connection has for as long as it is here. */
static uint64_t held(const struct session *session)
{
    static const enum quota_kind kinds[] = { QUOTA_REQUESTS, QUOTA_QUEUED_MESSAGES };
    uint64_t sum = dest_bytes(&session->route);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t use = quota_use(&session->quota, kinds[i]);
        uint64_t basic = (uint64_t)session->net.n_conns * limits_basic(kinds[i]);
        sum += use > basic ? (use - basic) * limits_cost(kinds[i]) : 0;
    }
    return sum;
}

static void give_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* Its room is the house's (net_reserve_timers): this cannot fail. */
static void look_again(struct hoard *hoard)
{
    struct loop *loop = hoard->session->loop;
    (void)loop_arm(loop, &hoard->timer, loop_now_ns(loop) + HOARD_REST_MS * MS);
}

/* Where nothing changes nothing is looked at until a round comes. */
static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct hoard *hoard = (struct hoard *)((char *)timer - offsetof(struct hoard, timer));
    (void)now_ns;
    bool is_stale = dest_tidy(&hoard->session->route);
    if (hoard->most < hoard->recent)
        hoard->most = hoard->recent;
    if (hoard->most >= HOARD_MIN && hoard->recent <= hoard->most / 2) {
        give_back();
        hoard->n_trimmed++;
        hoard->most = hoard->recent;
    }
    uint64_t holds = held(hoard->session);
    bool changes = is_stale || holds != hoard->recent;
    hoard->recent = hoard->seen = holds;
    if (changes && hoard->most >= HOARD_MIN)
        look_again(hoard);
}

void hoard_init(struct hoard *hoard, struct session *session)
{
    hoard->session = session;
    hoard->timer.fn = on_timer;
}

void hoard_deinit(struct hoard *hoard)
{
    if (hoard->session && hoard->session->loop)
        loop_disarm(hoard->session->loop, &hoard->timer);
}

void hoard_round(struct hoard *hoard)
{
    uint64_t now = loop_now_ns(hoard->session->loop);
    if (now - hoard->looked_ns < HOARD_LOOK_MS * MS)
        return;
    hoard->looked_ns = now;
    uint64_t holds = held(hoard->session);
    if (holds > hoard->recent)
        hoard->recent = holds;
    bool is_much = hoard->recent >= HOARD_MIN || hoard->most >= HOARD_MIN;
    if (is_much && holds != hoard->seen && !hoard->timer.place)
        look_again(hoard);
}
