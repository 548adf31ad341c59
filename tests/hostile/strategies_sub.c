/* What subscriptions can do: many of them, overlapping ones, and many of the same. */
#include <stdio.h>
#include <string.h>

#include "tests/hostile/strategies.h"

enum { AT_A_TIME = 200 };

/* -- subscription-bomb ----------------------------------------------------------------------- */

enum { N_EXACT = 20000 };

/* All are dropped by UNSUB, but for every third connection, which leaves that to the broker. */
static void bomb_more(struct foe *foe)
{
    char subject[64];

    if (foe->step >= N_EXACT && foe->i % 3 == 0) {
        foe->done = true;
        return;
    }
    for (int i = 0; i < AT_A_TIME; i++, foe->step++) {
        unsigned n = (unsigned)(foe->step % N_EXACT);
        if (foe->step % (2 * N_EXACT) >= N_EXACT) {
            link_put_unsub(&foe->link, n + 1);
            continue;
        }
        (void)snprintf(subject, sizeof subject, "foe.bomb.%u.%u", foe->i, n);
        link_put_sub(&foe->link, n + 1, subject);
    }
}

static void say_hello(struct foe *foe)
{
    link_put_hello(&foe->link);
}

const struct strategy strategy_subscription_bomb = {
    .name = "subscription-bomb",
    .what = "subscribes to 20,000 subjects a connection, drops them all, and again",
    .begin = say_hello,
    .more = bomb_more,
};

/* -- wildcard-bomb --------------------------------------------------------------------------- */

enum { N_PATTERNS = 1000, N_FEW = 120, N_FREE = 13 };

/* "foe.*.a.*.…": which tokens are stars says @p bits; it ends with '>', or with one that never matches. */
static void make_pattern(char *to, unsigned bits)
{
    to += sprintf(to, "foe");
    for (unsigned i = 0; i < N_FREE; i++)
        to += sprintf(to, bits >> i & 1 ? ".*" : ".a");
    (void)sprintf(to, bits % 5 == 4 ? ".never.*" : ".>");
}

/* Each of its subjects is new, so that no cache knows its receivers. */
static void put_fresh_subject(struct foe *foe)
{
    char subject[MAX_SUBJECT];
    char *to = subject + sprintf(subject, "foe");

    for (unsigned i = 0; i < N_FREE; i++)
        to += sprintf(to, ".a");
    (void)sprintf(to, ".n%u-%u", foe->i, (unsigned)foe->step);
    link_put_message(&foe->link, subject, NULL, 0);
}

/* Most have no more patterns than may match one subject, so as not to be cut off for it. */
static void wildcard_more(struct foe *foe)
{
    const uint64_t n_patterns = foe->i % 4 == 0 ? N_PATTERNS : N_FEW;
    char pattern[MAX_SUBJECT];

    for (int i = 0; i < AT_A_TIME; i++, foe->step++) {
        if (foe->step >= n_patterns) {
            put_fresh_subject(foe);
            continue;
        }
        make_pattern(pattern, (unsigned)(foe->step * 2654435761U) % (1U << N_FREE));
        link_put_sub(&foe->link, foe->step + 1, pattern);
    }
}

const struct strategy strategy_wildcard_bomb = {
    .name = "wildcard-bomb",
    .what =
        "subscribes to overlapping patterns, up to 1,000 a connection, and publishes what they match",
    .begin = say_hello,
    .more = wildcard_more,
};

/* -- pile ------------------------------------------------------------------------------------ */

enum { N_SAME = 5000 };

/* A message names 64 of a connection's subscriptions at most; the others are told of a gap each. */
static void pile_more(struct foe *foe)
{
    for (int i = 0; i < AT_A_TIME; i++, foe->step++) {
        if (foe->step < N_SAME)
            link_put_sub(&foe->link, foe->step + 1, "foe.pile");
        else
            link_put_message(&foe->link, "foe.pile", NULL, 0);
    }
}

const struct strategy strategy_pile = {
    .name = "pile",
    .what = "subscribes 5,000 times a connection to one subject, and publishes to it",
    .begin = say_hello,
    .more = pile_more,
};
