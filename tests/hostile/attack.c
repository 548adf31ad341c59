#include "tests/hostile/attack.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kit/runner.h"

enum { PASS_MS = 20, FULL_MS = 1 };

const struct strategy *strategy_find(const char *name)
{
    for (size_t i = 0; strategies[i]; i++) {
        if (strcmp(strategies[i]->name, name) == 0)
            return strategies[i];
    }
    return NULL;
}

/* -- coming and going ------------------------------------------------------------------------ */

static void retire(struct foe *foe)
{
    link_close(&foe->link);
    *foe = (struct foe){ .link = foe->link, .attack = foe->attack, .i = foe->i };
}

static void cut(struct foe *foe)
{
    foe->attack->report->n_cut++;
    retire(foe);
}

static bool open_one(struct foe *foe)
{
    const struct attack *attack = foe->attack;

    if (link_open(&foe->link, attack->path) < 0)
        return false;
    attack->report->n_opened++;
    attack->strategy->begin(foe);
    return true;
}

/** Whether all are open. */
static bool open_all(struct attack *attack)
{
    bool all = true;

    for (unsigned i = attack->first; i < attack->end; i++) {
        if (attack->foes[i].link.fd < 0)
            all &= open_one(&attack->foes[i]);
    }
    return all;
}

/* -- a pass ---------------------------------------------------------------------------------- */

static bool wants_to_send(const struct foe *foe)
{
    if (!link_is_sent(&foe->link))
        return true;
    return foe->attack->strategy->more && !foe->idle && foe->due_ns <= foe->attack->now_ns;
}

static void take_frames(struct foe *foe)
{
    struct link_frame frame;

    while (!foe->done && link_take(&foe->link, &frame))
        foe->attack->strategy->take(foe, &frame);
}

static void receive(struct foe *foe)
{
    bool looks = foe->attack->strategy->take;
    ptrdiff_t n = looks ? link_fill(&foe->link) : link_drain(&foe->link);

    if (n < 0) {
        cut(foe);
        return;
    }
    foe->attack->report->bytes_in += (uint64_t)n;
    if (looks)
        take_frames(foe);
}

static void ask_for_more(struct foe *foe)
{
    foe->attack->strategy->more(foe);
    foe->idle = link_is_sent(&foe->link) && foe->due_ns <= foe->attack->now_ns;
}

static void transmit(struct foe *foe)
{
    if (link_is_sent(&foe->link))
        ask_for_more(foe);
    if (link_is_sent(&foe->link))
        return;
    ptrdiff_t n = link_push(&foe->link, SIZE_MAX);
    if (n < 0)
        cut(foe);
    else
        foe->attack->report->bytes_out += (uint64_t)n;
}

static void serve_foe(struct foe *foe, short events)
{
    if (events & (POLLERR | POLLNVAL) || (foe->deaf && events & POLLHUP)) {
        cut(foe);
        return;
    }
    if (events & (POLLIN | POLLHUP))
        receive(foe);
    if (foe->link.fd >= 0 && events & POLLOUT && wants_to_send(foe))
        transmit(foe);
    if (foe->done)
        retire(foe);
}

static void await(struct attack *attack, struct pollfd *fds, bool all_open)
{
    for (unsigned i = attack->first; i < attack->end; i++) {
        const struct foe *foe = &attack->foes[i];
        short events = (short)((foe->deaf ? 0 : POLLIN) | (wants_to_send(foe) ? POLLOUT : 0));
        fds[i] = (struct pollfd){ .fd = foe->link.fd, .events = events };
    }
    (void)poll(fds + attack->first, attack->end - attack->first, all_open ? PASS_MS : FULL_MS);
}

void attack_run_some(struct attack *attack)
{
    struct pollfd fds[ATTACK_FOES];

    while (!attack->report->stop) {
        attack->now_ns = kit_now_ns();
        if (attack->strategy->pass)
            attack->strategy->pass(attack);
        bool all_open = open_all(attack);
        if (all_open)
            attack->report->is_up = true;
        await(attack, fds, all_open);
        attack->now_ns = kit_now_ns();
        for (unsigned i = attack->first; i < attack->end; i++) {
            if (fds[i].fd >= 0 && fds[i].revents)
                serve_foe(&attack->foes[i], fds[i].revents);
        }
    }
}

void attack_run(const struct strategy *strategy, const char *path, struct attack_report *report)
{
    static struct attack attack;

    attack = (struct attack){ .strategy = strategy, .path = path, .report = report };
    attack.end = ATTACK_FOES;
    for (unsigned i = 0; i < ATTACK_FOES; i++)
        attack.foes[i] = (struct foe){ .link = LINK_INIT, .attack = &attack, .i = i };
    if (strategy->prepare)
        strategy->prepare(&attack);
    attack_run_some(&attack);
    for (unsigned i = 0; i < ATTACK_FOES; i++)
        link_deinit(&attack.foes[i].link);
}
