/* Requests and surveys: who may ask, who is asked, whom the answer reaches; and what becomes of
 * those that are open when the policy changes.
 */
#pragma once

#include "tests/unit/paths_messages.h"

enum { ASK_MS = 100000, OPEN_CALLS = 12 };

/* One that was sent to these. */
struct asked {
    int p; /* who asks */
    uint64_t ref;
    size_t subject;
    bool survey;
    struct {
        int p;
        uint64_t token;
        uint32_t sid;
        char pattern[32];
    } servers[N_PLAYERS];
    size_t n;
};

/* Which of its services may be asked about the subject, a bit each. */
static uint32_t services_for(int p, size_t subject)
{
    uint32_t sids = 0;
    for (size_t i = 0; players[p].cli && i < players[p].n_regs; i++) {
        const struct reg *reg = &players[p].regs[i];
        if (reg->is_service && matches(reg->pattern, subject) && may(p, VERB_SERVE, subject))
            sids |= 1u << reg->sid;
    }
    return sids;
}

static struct seen *take_request(int p)
{
    for (size_t i = 0; i < players[p].n_seen; i++) {
        struct seen *seen = &players[p].seen[i];
        if (!seen->taken && seen->op == OP_REQUEST) {
            seen->taken = true;
            return seen;
        }
    }
    return NULL;
}

static void note_server(struct asked *asked, int p, const struct seen *request)
{
    asked->servers[asked->n].p = p;
    asked->servers[asked->n].token = request->number;
    asked->servers[asked->n].sid = (uint32_t)__builtin_ctz(request->sids);
    strcpy(asked->servers[asked->n].pattern, find_reg(p, asked->servers[asked->n].sid)->pattern);
    asked->n++;
}

/* Everybody who may be asked, or one of them; nobody else. Returns how many could be. */
static unsigned find_servers(struct asked *asked, bool allowed)
{
    unsigned n_may = 0;
    for (int p = 0; p < N_PLAYERS; p++) {
        uint32_t sids = allowed ? services_for(p, asked->subject) : 0;
        const struct seen *request = players[p].cli ? take_request(p) : NULL;
        if (request && (!(request->sids & sids) || (request->sids & (request->sids - 1)) ||
                        request->last != players[asked->p].cli->id))
            disagree(p, "player %d is asked \"%s\" for %x, may %x", p, world[asked->subject],
                     request->sids, sids);
        if (request)
            note_server(asked, p, request);
        n_may += sids != 0;
        n_cases += players[p].cli != NULL;
    }
    if (asked->n != (asked->survey ? n_may : n_may > 0))
        disagree(asked->p, "\"%s\" asked %zu of %u", world[asked->subject], asked->n, n_may);
    return n_may;
}

static void expect_end(const struct asked *asked, enum status status, const char *rule)
{
    const struct seen *end = take(asked->p, OP_END, asked->ref);
    if (!end || end->status != status || (rule && !names_rule(asked->p, end->what, rule)))
        disagree(asked->p, "player %d, \"%s\": %d (%s), not %d by %s", asked->p,
                 world[asked->subject], end ? (int)end->status : -1, end ? end->what : "",
                 (int)status, rule ? rule : "-");
    n_denied += status == STATUS_DENIED;
}

/* The broker answers itself, to those who may. */
static void check_sys(const struct asked *asked)
{
    const char *subject = world[asked->subject];
    bool admin = strcmp(subject, "$SYS.policy.explain") == 0;
    bool served = admin || strcmp(subject, "$SYS.clients") == 0 ||
                  strcmp(subject, "$SYS.client") == 0 || strcmp(subject, "$SYS.subjects") == 0;
    if (!served) {
        expect_end(asked, STATUS_NO_SERVER, NULL);
    } else if (admin && !may(asked->p, VERB_ADMIN, 0)) {
        expect_end(asked, STATUS_DENIED, answer_of(asked->p, VERB_ADMIN, 0)->id);
    } else {
        if (!take(asked->p, OP_REPLY, asked->ref))
            disagree(asked->p, "player %d: no answer of \"%s\"", asked->p, subject);
        if (asked->survey)
            expect_end(asked, STATUS_OK, NULL);
    }
}

/* Returns whether it is open. */
static bool send_request(struct asked *asked)
{
    *asked = (struct asked){ .p = some_player(), .ref = next_number++, .survey = chance(40) };
    asked->subject = chance(10) ? services_at + random_below(&seed, N_SYS) : some_subject();
    cli_ask(players[asked->p].cli, asked->ref, world[asked->subject],
            asked->survey ? REQUEST_ALL : REQUEST_ONE, ASK_MS);
    listen_all(1u << asked->p);
    bool allowed = may(asked->p, VERB_REQUEST, asked->subject);
    unsigned n_may = find_servers(asked, allowed && !is_sys(world[asked->subject]));
    if (!allowed)
        expect_end(asked, STATUS_DENIED, answer_of(asked->p, VERB_REQUEST, asked->subject)->id);
    else if (is_sys(world[asked->subject]))
        check_sys(asked);
    else if (n_may == 0)
        expect_end(asked, STATUS_NO_SERVER, NULL);
    return asked->n > 0;
}

/* By somebody who was not asked: it is told so, and nobody hears it. */
static void intrude(const struct asked *asked)
{
    int p = some_player();
    for (size_t i = 0; i < asked->n; i++) {
        if (asked->servers[i].p == p)
            return;
    }
    cli_answer(players[p].cli, asked->servers[0].token, false, 0);
    listen_all(1u << p);
    const struct seen *error = take(p, OP_ERROR, asked->servers[0].token);
    assert_non_null(error);
    assert_int_equal(error->status, STATUS_NO_CALL);
    n_cases++;
}

/* Whether it is here, and may answer. */
static bool is_alive(const struct asked *asked, size_t i)
{
    int p = asked->servers[i].p;
    return players[p].cli && may(p, VERB_SERVE, asked->subject);
}

/* Those who still can answer do; it arrives at who asked, and it ends. */
static void answer_all(const struct asked *asked)
{
    unsigned n = 0, speakers = 0;
    for (size_t i = 0; i < asked->n; i++) {
        if (!is_alive(asked, i))
            continue;
        speakers |= 1u << asked->servers[i].p;
        cli_answer(players[asked->servers[i].p].cli, asked->servers[i].token, false, 0);
        n++;
    }
    listen_all(speakers);
    for (unsigned i = 0; i < n; i++) {
        if (!take(asked->p, OP_REPLY, asked->ref))
            disagree(asked->p, "player %d: no answer of \"%s\"", asked->p, world[asked->subject]);
        n_arrived++;
    }
    if (!asked->survey)
        return;
    const struct seen *end = take(asked->p, OP_END, asked->ref);
    assert_non_null(end);
    assert_int_equal(end->asked, asked->n);
    assert_int_equal(end->answered, n);
    assert_int_equal(end->gone, asked->n - n);
}

static void step_ask(void)
{
    struct asked asked;
    if (!send_request(&asked))
        return;
    if (chance(30))
        intrude(&asked);
    answer_all(&asked);
}

/* ---- when the policy changes ---------------------------------------------------------- */

static struct asked open_call[OPEN_CALLS];
static size_t n_open_calls;

static void open_calls(void)
{
    n_open_calls = 0;
    for (int i = 0; is_anybody_there() && i < OPEN_CALLS; i++)
        n_open_calls += send_request(&open_call[n_open_calls]);
    forget_all();
}

static void forget_cancels(const struct asked *asked)
{
    for (size_t i = 0; i < asked->n; i++)
        take(asked->servers[i].p, OP_CANCEL, asked->servers[i].token);
}

/* Of two reasons to end it either may have been found first. */
static void check_open_call(const struct asked *asked)
{
    bool denied = !may(asked->p, VERB_REQUEST, asked->subject);
    size_t n_alive = 0;
    for (size_t i = 0; i < asked->n; i++)
        n_alive += is_alive(asked, i);
    const struct seen *end = take(asked->p, OP_END, asked->ref);
    bool must_end = denied || n_alive == 0;
    n_cases++;
    if (must_end != (end != NULL))
        disagree(asked->p, "player %d: \"%s\" %s", asked->p, world[asked->subject],
                 end ? "has ended" : "is still open");
    if (end && n_alive > 0)
        assert_int_equal(end->status, STATUS_DENIED);
    if (end && !denied && asked->survey)
        assert_int_equal(end->gone, asked->n);
    n_denied += end != NULL;
    forget_cancels(asked);
    if (!end)
        answer_all(asked);
}

static void check_open_calls(void)
{
    for (size_t i = 0; i < n_open_calls; i++) {
        if (players[open_call[i].p].cli)
            check_open_call(&open_call[i]);
        else
            forget_cancels(&open_call[i]);
    }
}
