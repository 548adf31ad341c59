#include "tests/fault/plays.h"

#include <stdlib.h>

enum { SMALL = 40, MIDDLE = 3000, BIG = 200000, SOON_MS = 2000, VERY_SOON_MS = 30 };

static void leave(struct cast *cast)
{
    broker *both[2] = { cast->a, cast->b };

    cast_run(cast, 1);
    for (int i = 0; i < 2; i++) {
        if (both[i])
            cast_answer("broker_close", broker_close(both[i], 1000));
    }
    cast->is_closed_a = cast->is_closed_b = cast->has_left = true;
}

static void play_publish(struct cast *cast)
{
    struct broker_confirmation confirmation;

    cast_subscribe(cast, "p.*", true);
    if (cast->b)
        cast_answer("broker_flush", broker_flush(cast->b, SOON_MS));
    for (int i = 0; i < 5; i++)
        cast_publish(cast, "p.a", SMALL);
    cast_run(cast, 1);
    if (cast->a)
        broker_cork(cast->a);
    for (int i = 0; i < 20; i++)
        cast_publish(cast, i % 2 ? "p.a" : "p.b", MIDDLE);
    if (cast->a)
        cast_answer("broker_uncork", broker_uncork(cast->a));
    cast_confirm(cast);
    cast_publish(cast, "p.a", BIG);
    cast_settle(cast);
    if (cast->a)
        cast_answer("broker_confirm", broker_confirm(cast->a, &confirmation, SOON_MS));
}

/* A subscriber that does not look for a while, and a publisher that has to wait. */
static void play_pressure(struct cast *cast)
{
    cast_subscribe(cast, "w", false);
    if (cast->b)
        cast_answer("broker_flush", broker_flush(cast->b, SOON_MS));
    for (int i = 0; i < 20; i++)
        cast_publish(cast, "w", BIG);
    if (cast->b)
        cast_answer("broker_flush", broker_flush(cast->b, SOON_MS)); /* into the inbox */
    for (int i = 0; i < 5; i++)
        cast_publish(cast, "w", BIG);
    cast_settle(cast);
}

static void play_calls(struct cast *cast)
{
    static const char *const subjects[] = { "q.a", "q.parts", "q.error", "q.late", "nobody" };

    cast_serve(cast, "q.*");
    if (cast->b)
        cast_answer("broker_flush", broker_flush(cast->b, SOON_MS));
    for (int i = 0; i < 10; i++)
        (void)cast_ask(cast, subjects[i % 5], i == 5, SOON_MS);
    int asked = cast_ask(cast, "q.a", false, SOON_MS);
    (void)cast_ask(cast, "q.a", false, VERY_SOON_MS);
    cast_cancel(cast, asked);
    cast_settle(cast);
}

/* Blocking calls, which the broker itself answers. */
static void play_blocking(struct cast *cast)
{
    static const char *const subjects[] = { "$SYS.info", "$SYS.stats", "$SYS.client", "nobody" };

    for (int i = 0; cast->a && i < 4; i++) {
        void *payload = NULL;
        size_t len;
        int r =
            broker_call_wait(cast->a, subjects[i], NULL, 0, 0, SOON_MS, &payload, &len, NULL, NULL);
        cast_answer("broker_call_wait", r);
        if (r == 0 && !payload)
            wrong("an answer without a payload");
        free(payload);
    }
    leave(cast);
}

/* Registrations that come and go. */
static void play_registrations(struct cast *cast)
{
    broker_subscription *subs[40] = { 0 };
    char pattern[] = "r.00";

    for (int i = 0; cast->b && i < 40; i++) {
        pattern[2] = (char)('0' + i / 10);
        pattern[3] = (char)('0' + i % 10);
        if (cast_answer("broker_subscribe",
                        broker_subscribe(cast->b, &subs[i], pattern, NULL, NULL, NULL)) < 0)
            subs[i] = NULL;
    }
    cast_serve(cast, "r.x");
    if (cast->b)
        cast_answer("broker_flush", broker_flush(cast->b, SOON_MS));
    for (int i = 0; i < 40; i++)
        broker_subscription_free(subs[i]);
    cast->service = broker_service_free(cast->service);
    if (cast->b)
        cast_answer("broker_flush", broker_flush(cast->b, SOON_MS));
}

static void play_nothing(struct cast *cast)
{
    leave(cast);
}

const struct play plays[] = {
    { "connect", play_nothing },         { "publish", play_publish },
    { "pressure", play_pressure },       { "calls", play_calls },
    { "blocking calls", play_blocking }, { "registrations", play_registrations },
};
const int n_plays = sizeof plays / sizeof plays[0];
