/* What messages can do: many, unread, huge, and to receivers that stand still. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/strategies.h"

enum { SMALL = 128, VOLLEY = 512, HUGE = MAX_PAYLOAD };

static uint8_t payload[HUGE];

static void fill_small(struct link *link)
{
    for (int i = 0; i < VOLLEY; i++)
        link_put_message(link, "foe.flood", payload, SMALL);
}

static struct volley small = { .fill = fill_small };

static void publish_small(struct foe *foe)
{
    volley_lend(&small, foe);
}

/* -- flood ----------------------------------------------------------------------------------- */

/* One of them reads it all, so that it is also delivered. */
static void flood_begin(struct foe *foe)
{
    link_put_hello(&foe->link);
    if (foe->i == 0)
        link_put_sub(&foe->link, 1, "foe.flood");
}

static void flood_more(struct foe *foe)
{
    if (foe->i > 0)
        publish_small(foe);
}

const struct strategy strategy_flood = {
    .name = "flood",
    .what = "publishes as fast as it can",
    .begin = flood_begin,
    .more = flood_more,
};

/* -- never-read ------------------------------------------------------------------------------ */

/* Every policy but `disconnect`, which would spare the broker, and few with `wait`: those hold the flood itself. */
static void never_read_begin(struct foe *foe)
{
    static const enum policy policies[] = { POLICY_DROP_OLD, POLICY_DROP_NEW, POLICY_LATEST };
    struct envelope sub = { .op = OP_SUB,
                            .sub = { .ref = 1, .sid = 1, .pattern = { "foe.flood", 9 } } };

    sub.sub.policy = foe->i % 16 == 15 ? POLICY_WAIT : policies[foe->i % 3];
    foe->deaf = true;
    link_put_hello(&foe->link);
    link_put(&foe->link, &sub);
}

const struct strategy strategy_never_read = {
    .name = "never-read",
    .what = "subscribes to what it floods itself, and never reads",
    .begin = never_read_begin,
    .more = publish_small,
};

/* -- huge-frames ----------------------------------------------------------------------------- */

/* Half of them publish 16 MiB to themselves; of the others, some send a byte now and then behind a prefix that claims
 * as much, and some stop half-way, hold what the broker has taken of it, and begin again. */
static void huge_begin(struct foe *foe)
{
    char subject[32];

    (void)snprintf(subject, sizeof subject, "foe.huge.%u", foe->i);
    link_put_hello(&foe->link);
    if (foe->i % 2 == 0)
        link_put_sub(&foe->link, 1, subject);
}

static void put_huge_head(struct foe *foe)
{
    uint8_t head[FRAME_MAX_HEAD];
    char subject[32];
    struct frame frame = { .op = OP_MESSAGE, .subject = subject, .payload_len = HUGE };

    (void)snprintf(subject, sizeof subject, "foe.huge.%u", foe->i);
    frame.subject_len = strlen(subject);
    link_put_bytes(&foe->link, head, frame_write_head(head, &frame));
}

static void huge_more(struct foe *foe)
{
    uint64_t step = foe->step++;

    if (foe->i % 2 == 0 && step % 2 == 1) {
        link_lend(&foe->link, payload, HUGE);
    } else if (foe->i % 2 == 0 || step == 0) {
        put_huge_head(foe);
    } else if (foe->i % 4 == 1) {
        link_lend(&foe->link, payload, 1);
        foe_rest(foe, 1);
    } else if (step == 1) {
        link_lend(&foe->link, payload, HUGE / 2);
    } else if (step == 2) {
        foe_rest(foe, 200);
    } else {
        foe->done = true;
    }
}

const struct strategy strategy_huge_frames = {
    .name = "huge-frames",
    .what = "publishes 16 MiB to itself, and claims 16 MiB that never come",
    .begin = huge_begin,
    .more = huge_more,
};

/* -- stop-continue --------------------------------------------------------------------------- */

enum { N_STOPPED = ATTACK_FOES / 2, STOP_NS = 20 * 1000 * 1000 };

/* The upper half of the connections publishes, in a process of its own that stops the one of the lower half, which
 * subscribes, and lets it go on, 25 times a second. */
static void stop_prepare(struct attack *attack)
{
    pid_t parent = getpid();

    attack->end = N_STOPPED;
    attack->other = fork();
    if (attack->other != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    *attack = (struct attack){ .strategy = attack->strategy,
                               .path = attack->path,
                               .report = attack->report };
    attack->other = parent;
    attack->first = N_STOPPED;
    attack->end = ATTACK_FOES;
    for (unsigned i = N_STOPPED; i < ATTACK_FOES; i++)
        attack->foes[i] = (struct foe){ .link = LINK_INIT, .attack = attack, .i = i };
    attack_run_some(attack);
    kill(parent, SIGCONT);
    _exit(0);
}

static void stop_pass(struct attack *attack)
{
    if (attack->first == 0 || attack->now_ns - attack->turn_ns < STOP_NS)
        return;
    attack->turn_ns = attack->now_ns;
    attack->foes[N_STOPPED].token ^= 1; /* which of the two it is */
    kill(attack->other, attack->foes[N_STOPPED].token ? SIGSTOP : SIGCONT);
}

static void stop_begin(struct foe *foe)
{
    link_put_hello(&foe->link);
    if (foe->i < N_STOPPED)
        link_put_sub(&foe->link, 1, "foe.flood");
}

static void stop_more(struct foe *foe)
{
    if (foe->i >= N_STOPPED)
        publish_small(foe);
}

const struct strategy strategy_stop_continue = {
    .name = "stop-continue",
    .what = "is stopped and continued while it is flooded",
    .begin = stop_begin,
    .more = stop_more,
    .prepare = stop_prepare,
    .pass = stop_pass,
};

/* -- eavesdrop ------------------------------------------------------------------------------- */

/* Everybody's messages are its own, and it does not read them: with the right to hold publishers of others, it may
 * hold them for a second of every eleven, and no more. */
static void eavesdrop_begin(struct foe *foe)
{
    foe->deaf = true;
    link_put_hello(&foe->link);
    link_put_sub(&foe->link, 1, ">");
}

const struct strategy strategy_eavesdrop = {
    .name = "eavesdrop",
    .what = "subscribes to everybody's messages, and never reads",
    .begin = eavesdrop_begin,
};
