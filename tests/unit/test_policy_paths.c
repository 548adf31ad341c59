/* Every path by which something is done or arrives, against the oracle: users with different rights
 * publish, subscribe (exact, with wildcards, overlapping, in groups, with credentials, latest, so
 * many messages), serve, request, survey, ask the broker and hear its events, and the policy
 * changes under them. After each step it is known of everybody what must have arrived, and nothing
 * else may have.
 *
 * A case is one thing about one of them: that a message reached it or did not, that it was or was
 * not asked, that it may or may not subscribe. BROKER_TEST_CASES says how many; without it, 50,000.
 */
#include "tests/unit/paths_calls.h"

enum { N_CASES = 50000, STEPS_A_POLICY = 60 };

/* ---- another policy ------------------------------------------------------------------ */

/* Also what the broker serves and publishes itself. */
static void extend_world(void)
{
    static const char *const own[] = { "$SYS.clients", "$SYS.client", "$SYS.subjects",
                                       "$SYS.policy.explain" };
    make_world();
    services_at = n_world;
    for (size_t i = 0; i < N_SYS; i++)
        strcpy(world[n_world++], own[i]);
    strcpy(world[n_world++], "$SYS.event.z");
    strcpy(world[n_world++], "$SYS.event.z.z");
    strcpy(world[event_came_at = n_world++], "$SYS.event.came");
    strcpy(world[event_left_at = n_world++], "$SYS.event.left");
    strcpy(world[event_loss_at = n_world++], "$SYS.event.loss");
    assert_true(n_world <= WORLD_MAX);
}

/* So that most of them are there, and something is allowed. */
static void rules_for_most(struct both *b)
{
    static const char *const open[] = { ">", ">, $SYS.>, $s.>", "a.>, $s.>, $SYS.*", "*, *.*" };
    both_rule(b, "here");
    both_set(b, "allow", "connect");
    if (chance(75)) {
        both_rule(b, "open");
        both_set(b, "subject", ONE_OF(open));
        both_set(b, "allow", "all");
    }
}

static void leave(int p)
{
    if (players[p].cli)
        players[p].cli = cli_close(players[p].cli);
    players[p].n_regs = players[p].n_seen = 0;
    players[p].n_messages = 0;
}

/* Told why, and nothing before it but the ends of what it had. */
static void check_kept_out(int p)
{
    bool told = false;
    for (size_t i = 0; i < players[p].n_seen; i++) {
        const struct seen *seen = &players[p].seen[i];
        assert_true(seen->op != OP_MESSAGE && seen->op != OP_REQUEST && seen->op != OP_REPLY);
        told |= seen->op == OP_GOODBYE && seen->status == STATUS_DENIED;
    }
    if (!told)
        disagree(p, "player %d may still be here", p);
    n_denied++;
    leave(p);
}

/* What it may not have any more has ended; nothing else has. */
static void check_ended(int p)
{
    for (size_t i = players[p].n_regs; i-- > 0;) {
        struct reg *reg = &players[p].regs[i];
        bool stays = may_some(p, reg->is_service ? VERB_SERVE : VERB_SUBSCRIBE, reg->pattern);
        bool ended = take_ended(p, reg->sid, STATUS_DENIED);
        n_cases++;
        if (stays == ended)
            disagree(p, "player %d: \"%s\" %s", p, reg->pattern, ended ? "ended" : "stayed");
        if (!stays)
            remove_reg(&players[p], reg);
        n_denied += !stays;
    }
}

/* The newest connection is looked at first. */
static int newest(const bool out[N_PLAYERS])
{
    int found = NOBODY;
    for (int p = 0; p < N_PLAYERS; p++) {
        if (out[p] && (found == NOBODY || players[p].cli->id > players[found].cli->id))
            found = p;
    }
    return found;
}

/* Its user may have used up its share of the time (listen_all). */
static struct cli *come_in(void)
{
    struct cli *cli = cli_connect();
    const struct heard *heard = NULL;
    cli_hello(cli);
    for (int i = 0; i < 1000 && !heard; i++)
        heard = hear(cli);
    assert_non_null(heard);
    assert_int_equal(heard->op, OP_WELCOME);
    cli->id = heard->e.welcome.id;
    return cli;
}

static void knock(int p)
{
    comes = &players[p];
    if (may(p, VERB_CONNECT, 0)) {
        players[p].cli = come_in();
        listen_all(0);
        check_event(event_came_at, CAME(players[p].cli->id), false);
    } else {
        struct cli *cli = cli_connect();
        assert_int_equal(expect(cli, OP_GOODBYE)->e.goodbye.status, STATUS_DENIED);
        cli_close(cli);
    }
    comes = NULL;
    n_cases++;
}

static void swap_policy(void)
{
    struct policy_snapshot *before = both.policy;
    random_policy(&both, rules_for_most);
    assert_int_equal(session_set_policy(&session, both.policy), 0);
    policy_unref(before);
    memset(answers, 0, sizeof answers);
    listen_all(0);
}

static void step_policy(void)
{
    bool out[N_PLAYERS] = { false };
    uint64_t left[N_PLAYERS];
    unsigned n_left = 0;
    open_calls();
    swap_policy();
    for (int p = 0; p < N_PLAYERS; p++)
        out[p] = players[p].cli && !may(p, VERB_CONNECT, 0);
    for (int p; (p = newest(out)) != NOBODY; out[p] = false) {
        left[n_left++] = players[p].cli->id;
        check_kept_out(p);
    }
    listen_all(0);
    for (int p = 0; p < N_PLAYERS; p++) {
        if (players[p].cli)
            check_ended(p);
    }
    for (unsigned i = 0; i < n_left; i++)
        check_event(event_left_at, LEFT(left[i]), i + 1 < n_left);
    check_losses_of_all();
    check_open_calls();
    forget_all();
    for (int p = 0; p < N_PLAYERS; p++) {
        if (!players[p].cli)
            knock(p);
        forget_all();
    }
}

/* ---- all of it --------------------------------------------------------------------------- */

static void make_players(void)
{
    static const uid_t uids[N_PLAYERS] = { 0, 1, 1000, 1000, 1001, 1002 };
    for (int p = 0; p < N_PLAYERS; p++) {
        struct player *player = &players[p];
        *player = (struct player){ .who = PRINCIPAL_INIT };
        player->who.uid = uids[p];
        player->who.gid = (gid_t)random_below(&seed, 4) * 10;
        player->who.groups = player->groups;
        player->who.n_groups = random_below(&seed, 3);
        for (size_t i = 0; i < player->who.n_groups; i++)
            player->groups[i] = (gid_t)random_below(&seed, 4) * 10;
    }
}

static void step(void)
{
    static void (*const steps[])(void) = { step_subscribe, step_subscribe, step_unsubscribe,
                                           step_ask,       step_ask,       step_ask };
    if (chance(50))
        step_publish();
    else
        steps[random_below(&seed, COUNT_OF(steps))]();
    forget_all();
}

static void nothing_arrives_that_may_not(void **state)
{
    const char *wanted = getenv("BROKER_TEST_CASES");
    uint64_t n_wanted = wanted ? strtoull(wanted, NULL, 10) : N_CASES;
    (void)state;
    kit_deadline(wanted ? 3600 : 120);
    extend_world();
    clock_stands = true; /* shares of the time are another test's */
    for (seed = 1; n_cases < n_wanted; seed++) {
        start();
        make_players();
        for (int change = 0; change < 8; change++) {
            step_policy();
            for (int i = 0; is_anybody_there() && i < STEPS_A_POLICY; i++)
                step();
        }
        for (int p = 0; p < N_PLAYERS; p++)
            leave(p);
        stop();
        both.policy = policy_unref(both.policy);
    }
    printf("%zu cases: %zu arrived, %zu were refused\n", (size_t)n_cases, (size_t)n_arrived,
           (size_t)n_denied);
    assert_true(n_arrived > n_cases / 40 && n_denied > n_cases / 40);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { kit_test(nothing_arrives_that_may_not) };
    return kit_run("policy_paths", tests, KIT_LENGTH(tests));
}
