#include "tests/fault/scenarios.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/fault/config.h"
#include "tests/kit/runner.h"

enum { SMALL = 40, MIDDLE = 3000, BIG = 60000 };

static void publish_n(struct actor *from, unsigned stream, const char *subject, size_t len, int n)
{
    for (int i = 0; i < n; i++)
        actor_publish(from, stream, subject, len);
}

/* -- coming and going ------------------------------------------------------------------------ */

static void play_connect(struct stage *stage)
{
    struct actor *polite = stage_actor(stage, "polite"), *rude = stage_actor(stage, "rude");
    struct actor *other = stage_connect(stage, "of another protocol");

    other->may_end = true;
    actor_bytes(other, "GET / HTTP/1.0\r\n\r\n", 18);
    actor_ping(polite);
    stage_settle(stage);
    actor_goodbye(polite);
    actor_close(rude);
    stage_settle(stage);
    stage_actor(stage, "a later one");
    stage_barrier(stage);
}

/* What is cut off in the middle of a frame must cost nobody else anything. */
static void play_half_frames(struct stage *stage)
{
    struct actor *before = stage_connect(stage, "half a HELLO"), *in = stage_actor(stage, "half");
    struct actor *shut = stage_actor(stage, "half-closed"), *to = stage_actor(stage, "receiver");

    actor_sub(to, 1, &(struct wanted){ .pattern = "half.*", .streams = 1 });
    actor_sub(shut, 1, &(struct wanted){ .pattern = "half.*", .loose = true });
    actor_bytes(before,
                "\0\0\0\x18\x95\1\xa7"
                "bro",
                10);
    stage_settle(stage);
    publish_n(in, 0, "half.a", SMALL, 3);
    actor_ping(in);
    stage_settle(stage);
    actor_bytes(in, "\0\0\x20\0\x94\x20\xce", 7);
    actor_bytes(shut, "\0\0\0\x30\x94\x20\xce\0\0", 9);
    actor_write(before);
    actor_write(in);
    actor_write(shut);
    actor_close(before);
    actor_close(in);
    shut->may_end = true;
    (void)shutdown(shut->fd, SHUT_WR);
    stage_barrier(stage);
}

/* -- publish and subscribe ------------------------------------------------------------------- */

static void play_publish(struct stage *stage)
{
    struct actor *from = stage_actor(stage, "publisher"), *exact = stage_actor(stage, "exact");
    struct actor *wild = stage_actor(stage, "wild"), *twice = stage_actor(stage, "twice");

    actor_sub(exact, 1, &(struct wanted){ .pattern = "p.a", .streams = 1 });
    actor_sub(wild, 200, &(struct wanted){ .pattern = "p.*", .streams = 3, .credentials = true });
    actor_sub(twice, 1, &(struct wanted){ .pattern = "p.>", .streams = 3 });
    actor_sub(twice, 2, &(struct wanted){ .pattern = "*.b", .streams = 2 });
    stage_settle(stage);
    publish_n(from, 0, "p.a", SMALL, 5);
    publish_n(from, 1, "p.b", MIDDLE, 5);
    actor_publish(from, 0, "p.a", BIG);
    publish_n(from, 1, "p.b", SMALL, 5);
    actor_confirm(from);
    stage_settle(stage);
    stage_barrier(stage);
    actor_unsub(twice, 1);
    stage_settle(stage);
    publish_n(from, 0, "p.a", SMALL, 2);
    stage_barrier(stage);
    stage_barrier(stage);
}

/* Many subjects, so that tables grow; and subscriptions that end by themselves. */
static void play_many(struct stage *stage)
{
    enum { N = 150 };
    struct actor *from = stage_actor(stage, "publisher"), *to = stage_actor(stage, "receiver");
    char subject[40];

    for (uint32_t i = 0; i < N; i++) {
        snprintf(subject, sizeof(subject), "many.%u.%s", i, i % 3 ? "x" : "*");
        actor_sub(to, 1 + i, &(struct wanted){ .pattern = subject, .streams = 1, .loose = true });
    }
    actor_sub(to, 999, &(struct wanted){ .pattern = "many.>", .after = 20 });
    stage_settle(stage);
    for (uint32_t i = 0; i < N; i += 5) {
        snprintf(subject, sizeof(subject), "many.%u.x", i);
        actor_publish(from, 0, subject, SMALL);
    }
    stage_barrier(stage);
    stage_barrier(stage);
    for (uint32_t i = 0; i < N; i += 2)
        actor_unsub(to, 1 + i);
    stage_settle(stage);
}

static void play_groups(struct stage *stage)
{
    struct actor *from = stage_actor(stage, "publisher"), *both = stage_actor(stage, "both");
    struct actor *a = stage_actor(stage, "a"), *b = stage_actor(stage, "b");

    actor_sub(a, 1,
              &(struct wanted){ .pattern = "g.*", .group = "w", .group_number = 1, .streams = 1 });
    actor_sub(b, 1,
              &(struct wanted){ .pattern = "g.*", .group = "w", .group_number = 1, .streams = 1 });
    actor_sub(both, 1,
              &(struct wanted){ .pattern = "g.*", .group = "w", .group_number = 1, .streams = 1 });
    actor_sub(both, 2,
              &(struct wanted){ .pattern = "g.>", .group = "v", .group_number = 2, .streams = 1 });
    actor_sub(both, 3, &(struct wanted){ .pattern = "g.x", .streams = 1 });
    stage_settle(stage);
    publish_n(from, 0, "g.x", SMALL, 20);
    actor_confirm(from);
    stage_settle(stage);
    publish_n(from, 0, "g.x", MIDDLE, 20);
    stage_barrier(stage);
    stage_barrier(stage);
}

static void play_refusals(struct stage *stage)
{
    struct actor *wrong = stage_actor(stage, "wrong"), *to = stage_actor(stage, "receiver");

    actor_sub(to, 1, &(struct wanted){ .pattern = "r", .streams = 1 });
    actor_sub(to, 2, &(struct wanted){ .pattern = "a..b" });
    actor_unsub(to, 3);
    actor_serve(to, 4, "$SYS.x", 0, ANSWERS);
    stage_settle(stage);
    actor_publish_bad(wrong, "a..b");
    actor_publish_bad(wrong, "a..b");
    actor_publish_bad(wrong, "$SYS.info");
    publish_n(wrong, 0, "r", SMALL, 2);
    actor_publish_bad(wrong, "*.b");
    actor_confirm(wrong);
    (void)actor_request(wrong, "a b", false, 8000);
    stage_settle(stage);
    stage_barrier(stage);
}

/* More than is allowed, of this and that. */
static void play_quota(struct stage *stage)
{
    struct actor *greedy = stage_actor(stage, "greedy"), *other = stage_actor(stage, "another");

    for (uint32_t i = 1; i <= CONFIG_SUBSCRIPTIONS + 10; i++)
        actor_sub(greedy, i, &(struct wanted){ .pattern = "o.*", .streams = 1, .loose = true });
    actor_sub(other, 1, &(struct wanted){ .pattern = "o.a", .streams = 1 });
    stage_settle(stage);
    publish_n(other, 0, "o.a", SMALL, 3);
    actor_publish_bad(other, "forbidden.uid");
    (void)actor_request(other, "nobody.here", false, 8000);
    stage_barrier(stage);
    stage_barrier(stage);
}

/* -- who does not read ----------------------------------------------------------------------- */

/* One that stands still for each policy, and goes on. */
static void play_policies(struct stage *stage)
{
    static const enum policy policies[] = { POLICY_DROP_OLD, POLICY_DROP_NEW, POLICY_LATEST,
                                            POLICY_DISCONNECT };
    enum { N = KIT_LENGTH(policies), N_MESSAGES = 40 };
    struct actor *from = stage_actor(stage, "publisher"), *to[N];

    for (size_t i = 0; i < N; i++) {
        to[i] = stage_actor(stage, policy_text(policies[i]));
        actor_sub(to[i], 1,
                  &(struct wanted){
                      .pattern = "s.>", .policy = policies[i], .messages = 5, .streams = 3 });
    }
    stage_settle(stage);
    to[N - 1]->may_end = true;
    for (size_t i = 0; i < N; i++)
        to[i]->deaf = true;
    publish_n(from, 0, "s.a", BIG, N_MESSAGES);
    publish_n(from, 1, "s.b", SMALL, N_MESSAGES);
    actor_ping(from);
    stage_settle(stage);
    for (size_t i = 0; i < N; i++)
        to[i]->deaf = false;
    stage_barrier(stage);
}

/* One that publishers wait for: it stands still for a moment, and nothing is lost. */
static void play_wait(struct stage *stage)
{
    enum { N_MESSAGES = 40 };
    struct actor *from = stage_actor(stage, "publisher"), *to = stage_actor(stage, "slow");
    struct actor *quick = stage_actor(stage, "quick");

    actor_sub(to, 1, &(struct wanted){ .pattern = "w.*", .messages = 5, .streams = 1 });
    actor_sub(quick, 1, &(struct wanted){ .pattern = "w.a", .streams = 1 });
    stage_settle(stage);
    to->deaf = true;
    publish_n(from, 0, "w.a", BIG, N_MESSAGES);
    actor_ping(from);
    stage_run(stage, 5);
    to->deaf = false;
    stage_settle(stage);
    stage_barrier(stage);
}

/* -- signals --------------------------------------------------------------------------------- */

/* Whoever is here goes on while the broker is told something else, in both ways. */
static void play_reload(struct stage *stage)
{
    static int version;
    struct actor *from = stage_actor(stage, "publisher"), *to = stage_actor(stage, "receiver");

    actor_sub(to, 1, &(struct wanted){ .pattern = "h", .streams = 1 });
    stage_settle(stage);
    config_write(stage->config, version ^= 1);
    kill(stage->broker, SIGHUP);
    publish_n(from, 0, "h", SMALL, 2);
    stage_barrier(stage);
    config_write(stage->config, version ^= 1);
    actor_ask(from, "$SYS.reload", "", 0);
    publish_n(from, 0, "h", SMALL, 2);
    stage_barrier(stage);
    stage_barrier(stage);
}

/* clang-format off: a line each */
const struct scenario scenarios[] = {
    { "connect", play_connect, false },
    { "half frames", play_half_frames, false },
    { "publish", play_publish, false },
    { "many", play_many, false },
    { "groups", play_groups, false },
    { "refusals", play_refusals, false },
    { "quota", play_quota, false },
    { "policies", play_policies, true },
    { "wait", play_wait, true },
    { "requests", play_requests, false },
    { "call ends", play_call_ends, false },
    { "surveys", play_surveys, false },
    { "sys", play_sys, false },
    { "sys for administrators", play_sys_admin, false },
    { "reload", play_reload, false },
};
/* clang-format on */
const size_t n_scenarios = KIT_LENGTH(scenarios);

/* -- each call, twenty times --------------------------------------------------------------------- */

enum { N_CLIENTS = 7, N_STRANGERS = 20, N_SLEEPERS = 20 };

void play_everything(struct stage *stage)
{
    struct actor *from[N_CLIENTS];

    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        from[i] = stage_actor(stage, "one of many");
        actor_sub(from[i], 1,
                  &(struct wanted){ .pattern = "e.*", .streams = (1u << N_CLIENTS) - 1 });
        actor_serve(from[i], 2, "f", 0, ANSWERS);
        stage_settle(stage);
    }
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < N_CLIENTS; i++) {
            actor_publish(from[i], i, "e.a", SMALL);
            (void)actor_request(from[i], "f", i == 0, 8000);
            stage_settle(stage);
        }
    }
    for (uint32_t i = 0; i < N_STRANGERS; i++) {
        struct actor *stranger = stage_connect(stage, "stranger");
        stranger->may_end = true;
        actor_bytes(stranger, "\0\0\0\1\x90", 5);
        actor_ping(stranger);
        stage_settle(stage);
    }
    stage_barrier(stage);
}

void play_sleepers(struct stage *stage)
{
    struct actor *from = stage_actor(stage, "publisher"), *to[N_SLEEPERS];

    for (int i = 0; i < N_SLEEPERS; i++) {
        to[i] = stage_actor(stage, "sleeper");
        actor_sub(to[i], 1,
                  &(struct wanted){ .pattern = "z", .policy = POLICY_DROP_OLD, .streams = 1 });
    }
    stage_settle(stage);
    for (int i = 0; i < N_SLEEPERS; i++)
        to[i]->deaf = true;
    publish_n(from, 0, "z", BIG, 10);
    actor_ping(from);
    stage_settle(stage);
    for (int i = 0; i < N_SLEEPERS; i++)
        to[i]->deaf = false;
    stage_barrier(stage);
}
