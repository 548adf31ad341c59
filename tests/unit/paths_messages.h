/* What is published and subscribed to, and who must have heard it. */
#pragma once

#include "tests/unit/paths_kit.h"

enum { BATCH_MAX = 5, N_SYS = 4 };

/* In the world: the broker's events, and the first of N_SYS services. */
static size_t event_came_at, event_left_at, event_loss_at, services_at;
static uint64_t next_number = 1; /* of messages and requests */

static bool is_anybody_there(void)
{
    bool there = false;
    for (int p = 0; p < N_PLAYERS; p++)
        there |= players[p].cli != NULL;
    return there;
}

static int some_player(void)
{
    int p;
    do
        p = (int)random_below(&seed, N_PLAYERS);
    while (!players[p].cli);
    return p;
}

static size_t some_subject(void)
{
    return (size_t)random_below(&seed, chance(60) ? 16 : n_world);
}

/* The broker's own. */
static bool is_sys(const char *subject)
{
    return strcmp(subject, "$SYS") == 0 || strncmp(subject, "$SYS.", 5) == 0;
}

/* "rule ID", to administrators with its place, is that of the oracle. */
static bool names_rule(int p, const char *what, const char *id)
{
    size_t len = strlen(id);
    bool has_place = may(p, VERB_ADMIN, 0) && strncmp(id, "default:", 8) != 0;
    return strncmp(what, "rule ", 5) == 0 && strncmp(what + 5, id, len) == 0 &&
           (has_place ? strncmp(what + 5 + len, " (random:", 9) == 0 : what[5 + len] == '\0');
}

static void remove_reg(struct player *p, struct reg *reg)
{
    *reg = p->regs[--p->n_regs];
}

static struct reg *find_reg(int p, uint64_t sid)
{
    for (size_t i = 0; i < players[p].n_regs; i++) {
        if (players[p].regs[i].sid == sid)
            return &players[p].regs[i];
    }
    return NULL;
}

/* ---- messages --------------------------------------------------------------------- */

struct sent {
    size_t subject;
    uint64_t number;
    uint64_t from; /* 0: the broker */
    bool routed;
    bool again; /* one of the same subject follows: `latest` may have only that */
};

/* How many members of a group could have it, and have it. */
struct tally {
    unsigned n_may, n_have;
};

static bool is_due(int p, const struct reg *reg, const struct sent *sent)
{
    return sent->routed && !reg->is_service && matches(reg->pattern, sent->subject) &&
           may(p, VERB_SUBSCRIBE, sent->subject);
}

static void count_down(int p, uint32_t sids)
{
    struct player *player = &players[p];
    for (size_t i = player->n_regs; i-- > 0;) {
        struct reg *reg = &player->regs[i];
        if (!(sids & 1u << reg->sid) || reg->after == 0 || --reg->after > 0)
            continue;
        assert_true(take_ended(p, reg->sid, STATUS_ENDED));
        remove_reg(player, reg);
    }
}

/* Which sids must be named, and which may be. Returns how many subscriptions are reached. */
static unsigned expect_sids(int p, const struct sent *sent, struct tally tally[2], uint32_t got,
                            uint32_t *ret_must, uint32_t *ret_can)
{
    unsigned n = 0;
    *ret_must = *ret_can = 0;
    for (size_t i = 0; i < players[p].n_regs; i++) {
        struct reg *reg = &players[p].regs[i];
        uint32_t bit = 1u << reg->sid;
        if (!is_due(p, reg, sent))
            continue;
        *ret_can |= bit;
        if (*reg->group) {
            tally[*reg->group - 'g'].n_may++;
            tally[*reg->group - 'g'].n_have += (got & bit) != 0;
            continue;
        }
        n++;
        reg->n_replaced += reg->latest && !(got & bit);
        if (!(reg->latest && sent->again))
            *ret_must |= bit;
    }
    return n;
}

static bool wants_credentials(int p, uint32_t sids)
{
    for (size_t i = 0; i < players[p].n_regs; i++) {
        if (sids & 1u << players[p].regs[i].sid && players[p].regs[i].credentials)
            return true;
    }
    return false;
}

/* Who has it, and who has not. Returns how many subscriptions it reached. */
static unsigned check_message(const struct sent *sent, bool credentials[N_PLAYERS])
{
    struct tally tally[2] = { { 0 } };
    unsigned n_matched = 0;
    for (int p = 0; p < N_PLAYERS; p++) {
        if (!players[p].cli)
            continue;
        const struct seen *seen = take(p, OP_MESSAGE, sent->number);
        uint32_t got = seen ? seen->sids : 0, must, can;
        n_matched += expect_sids(p, sent, tally, got, &must, &can);
        if ((must & ~got) || (got & ~can) || (seen && (!got || seen->last != sent->from)))
            disagree(p, "case %zu: player %d has \"%s\" for %x, must %x, may %x", (size_t)n_cases,
                     p, world[sent->subject], got, must, can);
        credentials[p] |= wants_credentials(p, got);
        count_down(p, got);
        n_cases++;
        n_arrived += seen != NULL;
    }
    for (int g = 0; g < 2; g++) {
        assert_int_equal(tally[g].n_have, tally[g].n_may > 0);
        n_matched += tally[g].n_may > 0;
    }
    return n_matched;
}

/* `again`: another one of its kind follows at once. */
static void check_event(size_t subject, uint64_t number, bool again)
{
    bool credentials[N_PLAYERS];
    struct sent sent = { .subject = subject, .number = number, .routed = true, .again = again };
    check_message(&sent, credentials);
}

static struct seen *take_refusal(int p, uint64_t number)
{
    for (size_t i = 0; i < players[p].n_seen; i++) {
        struct seen *seen = &players[p].seen[i];
        if (seen->op == OP_REFUSED && seen->number <= number && number <= seen->last)
            return seen;
    }
    return NULL;
}

static void check_refusal(int p, const struct sent *sent, uint64_t number)
{
    struct seen *seen = take_refusal(p, number);
    assert_int_equal(seen != NULL, !sent->routed);
    n_cases++;
    if (sent->routed)
        return;
    seen->taken = true;
    n_denied++;
    assert_int_equal(seen->status, is_sys(world[sent->subject]) ? STATUS_RESERVED : STATUS_DENIED);
    if (!is_sys(world[sent->subject]) &&
        !names_rule(p, seen->what, answer_of(p, VERB_PUBLISH, sent->subject)->id))
        disagree(p, "\"%s\" refused by %s", world[sent->subject], seen->what);
}

static size_t send_batch(int p, struct sent batch[BATCH_MAX])
{
    size_t n = 1 + random_below(&seed, BATCH_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t subject = i > 0 && chance(50) ? batch[i - 1].subject : some_subject();
        batch[i] = (struct sent){ .subject = subject,
                                  .number = next_number++,
                                  .from = players[p].cli->id };
        batch[i].routed = !is_sys(world[subject]) && may(p, VERB_PUBLISH, subject);
        for (size_t j = 0; j < i; j++)
            batch[j].again |= batch[j].subject == subject && batch[i].routed;
        cli_publish(players[p].cli, world[subject], batch[i].number, 8);
    }
    return n;
}

/* What came too late is announced, and nothing else is: denied is not loss. */
static void check_gaps(int p)
{
    for (size_t i = 0; i < players[p].n_regs; i++) {
        struct reg *reg = &players[p].regs[i];
        const struct seen *gap;
        while ((gap = take(p, OP_GAP, reg->sid))) {
            assert_int_equal(gap->status, GAP_REPLACED);
            reg->n_replaced -= gap->matched;
        }
        if (!matches(reg->pattern, event_loss_at)) /* of which there is no saying how many */
            assert_int_equal(reg->n_replaced, 0);
        reg->n_replaced = 0;
    }
}

/* How often the broker speaks of losses is its own affair (once a second), who hears it is not. */
static void check_losses(int p)
{
    struct sent sent = { .subject = event_loss_at, .routed = true };
    const struct seen *seen;
    while ((seen = take(p, OP_MESSAGE, LOSS))) {
        struct tally tally[2] = { { 0 } };
        uint32_t must, can;
        expect_sids(p, &sent, tally, seen->sids, &must, &can);
        if ((must & ~seen->sids) || (seen->sids & ~can))
            disagree(p, "player %d heard of a loss for %x, must %x, may %x", p, seen->sids, must,
                     can);
        count_down(p, seen->sids);
    }
}

static void check_losses_of_all(void)
{
    for (int p = 0; p < N_PLAYERS; p++) {
        check_gaps(p);
        check_losses(p);
    }
}

static void step_publish(void)
{
    struct sent batch[BATCH_MAX];
    bool credentials[N_PLAYERS] = { false };
    int p = some_player();
    size_t n = send_batch(p, batch);
    uint64_t n_refused = 0, n_matched = 0;
    cli_ref(players[p].cli, OP_CONFIRM, 1);
    listen_all(1u << p);
    for (size_t i = 0; i < n; i++) {
        check_refusal(p, &batch[i], ++players[p].n_messages);
        n_matched += check_message(&batch[i], credentials);
        n_refused += !batch[i].routed;
    }
    const struct seen *confirmed = take(p, OP_CONFIRMED, players[p].n_messages);
    assert_non_null(confirmed);
    assert_int_equal(confirmed->matched, n_matched);
    assert_int_equal(confirmed->last, n_refused);
    check_losses_of_all();
    for (int i = 0; i < N_PLAYERS; i++)
        assert_true(!players[i].heard_peer || credentials[i]);
}

/* ---- subscriptions and services ----------------------------------------------------- */

static struct reg random_reg(int p)
{
    static const char *const system[] = { "$SYS.event.>", "$SYS.>", "$SYS.event.came",
                                          "$SYS.*.left", "$SYS.event.*" };
    struct reg reg = { .sid = 1, .is_service = chance(30) };
    while (find_reg(p, reg.sid))
        reg.sid++;
    if (chance(30))
        strcpy(reg.pattern, world[random_below(&seed, 16)]);
    else
        random_pattern(reg.pattern);
    if (!reg.is_service && chance(12))
        strcpy(reg.pattern, ONE_OF(system));
    if (reg.is_service)
        return reg;
    reg.credentials = chance(25);
    reg.latest = chance(20);
    if (!reg.latest && chance(35))
        strcpy(reg.group, chance(50) ? "g" : "h");
    reg.after = !reg.latest && chance(20) ? 1 + random_below(&seed, 4) : 0;
    return reg;
}

static void say_reg(int p, const struct reg *reg)
{
    struct envelope e = { .op = reg->is_service ? OP_SERVE : OP_SUB };
    struct piece pattern = { reg->pattern, strlen(reg->pattern) };
    if (reg->is_service) {
        e.serve.ref = e.serve.sid = reg->sid;
        e.serve.pattern = pattern;
        e.serve.max_open = 100;
    } else {
        e.sub.ref = e.sub.sid = reg->sid;
        e.sub.pattern = pattern;
        e.sub.policy = reg->latest ? POLICY_LATEST : POLICY_WAIT;
        e.sub.after = reg->after;
        e.sub.flags = reg->credentials ? SUB_CREDENTIALS : 0;
        if (*reg->group)
            e.sub.group = (struct piece){ reg->group, 1 };
    }
    cli_say(players[p].cli, &e);
}

static void step_subscribe(void)
{
    int p = some_player();
    struct reg reg = random_reg(p);
    enum policy_verb verb = reg.is_service ? VERB_SERVE : VERB_SUBSCRIBE;
    bool reserved = reg.is_service && is_sys(reg.pattern);
    if (players[p].n_regs == REGS_MAX)
        return;
    say_reg(p, &reg);
    listen_all(1u << p);
    n_cases++;
    if (!reserved && may_some(p, verb, reg.pattern)) {
        if (!take(p, OP_OK, reg.sid))
            disagree(p, "player %d: %s \"%s\" is refused", p, policy_verb_name(verb), reg.pattern);
        players[p].regs[players[p].n_regs++] = reg;
        return;
    }
    const struct seen *error = take(p, OP_ERROR, reg.sid);
    if (!error)
        disagree(p, "player %d: %s \"%s\" is let pass", p, policy_verb_name(verb), reg.pattern);
    assert_int_equal(error->status, reserved ? STATUS_RESERVED : STATUS_DENIED);
    assert_true(reserved || strncmp(error->what, "rule ", 5) == 0);
    n_denied++;
}

static void step_unsubscribe(void)
{
    int p = some_player();
    if (players[p].n_regs == 0)
        return;
    struct reg *reg = &players[p].regs[random_below(&seed, players[p].n_regs)];
    uint32_t sid = reg->sid;
    cli_unsub(players[p].cli, sid, reg->is_service ? OP_UNSERVE : OP_UNSUB);
    remove_reg(&players[p], reg);
    listen_all(1u << p);
    assert_non_null(take(p, OP_OK, sid));
}
