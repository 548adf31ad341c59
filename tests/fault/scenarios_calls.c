/* Scenarios of requests, and of what the broker itself answers. */
#include "tests/fault/scenarios.h"

enum { SOON_MS = 8000, VERY_SOON_MS = 30 };

void play_requests(struct stage *stage)
{
    struct actor *server = stage_actor(stage, "server"), *client = stage_actor(stage, "client");
    struct actor *wordy = stage_actor(stage, "wordy"), *sorry = stage_actor(stage, "sorry");

    actor_serve(server, 1, "q.a", 0, ANSWERS);
    actor_serve(server, 2, "q.b.*", 0, ANSWERS);
    actor_serve(wordy, 1, "parts", 0, ANSWERS_IN_PARTS);
    actor_serve(sorry, 1, "error", 0, ANSWERS_ERROR);
    stage_settle(stage);
    for (int i = 0; i < 5; i++) {
        (void)actor_request(client, "q.a", false, SOON_MS);
        (void)actor_request(client, "q.b.c", false, SOON_MS);
    }
    (void)actor_request(client, "parts", false, SOON_MS);
    (void)actor_request(client, "error", false, SOON_MS);
    (void)actor_request(client, "nobody", false, SOON_MS);
    stage_settle(stage);
    actor_unserve(server, 1);
    stage_settle(stage);
    (void)actor_request(client, "q.a", false, SOON_MS);
    stage_barrier(stage);
}

/* All the ways in which a request ends without an answer. */
void play_call_ends(struct stage *stage)
{
    struct actor *silent = stage_actor(stage, "silent"), *client = stage_actor(stage, "client");
    struct actor *dying = stage_actor(stage, "dying"), *leaving = stage_actor(stage, "leaving");

    actor_serve(silent, 1, "quiet", 4, IS_SILENT);
    actor_serve(silent, 2, "one", 1, IS_SILENT);
    actor_serve(dying, 1, "death", 0, HANGS_UP);
    stage_settle(stage);
    (void)actor_request(client, "quiet", false, VERY_SOON_MS);
    (void)actor_request(client, "one", false, VERY_SOON_MS);
    (void)actor_request(client, "one", false, VERY_SOON_MS); /* BUSY */
    stage_settle(stage);
    uint64_t ref = actor_request(client, "quiet", false, SOON_MS);
    (void)actor_request(leaving, "quiet", false, SOON_MS);
    stage_await(stage, silent, OP_REQUEST, 4);
    actor_cancel(client, ref);
    actor_close(leaving);
    stage_await(stage, silent, OP_CANCEL, 4);
    (void)actor_request(client, "death", false, SOON_MS);
    stage_settle(stage);
    stage_barrier(stage);
}

void play_surveys(struct stage *stage)
{
    static const enum manner manners[] = { ANSWERS, ANSWERS_IN_PARTS, ANSWERS_ERROR, HANGS_UP };
    struct actor *client = stage_actor(stage, "client");

    for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
        struct actor *server = stage_actor(stage, "server");
        actor_serve(server, 1, i % 2 ? "census" : "census.*", 0, manners[i]);
        actor_serve(server, 2, "cens*", 0, manners[i]);
        actor_serve(server, 3, "*", 0, manners[i]);
    }
    stage_settle(stage);
    (void)actor_request(client, "census", true, SOON_MS);
    (void)actor_request(client, "cens.us.nobody", true, SOON_MS);
    stage_settle(stage);
    (void)actor_request(client, "census", true, SOON_MS);
    stage_barrier(stage);
}

void play_sys(struct stage *stage)
{
    static const char body[] = "\x82\xa5"
                               "after\0\xa2id\1";
    struct actor *who = stage_actor(stage, "curious"), *events = stage_actor(stage, "listener");
    static const char *const names[] = { "$SYS.info",   "$SYS.stats",    "$SYS.clients",
                                         "$SYS.client", "$SYS.subjects", "$SYS.nothing" };

    actor_sub(events, 1, &(struct wanted){ .pattern = "$SYS.event.>" });
    actor_sub(who, 1, &(struct wanted){ .pattern = "x.*", .group = "g", .group_number = 1 });
    actor_serve(who, 2, "x.y", 0, IS_SILENT);
    stage_settle(stage);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        actor_ask(who, names[i], "", 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        actor_ask(who, names[i], body, sizeof(body) - 1);
    (void)actor_request(who, "$SYS.info", true, SOON_MS);
    actor_ask(who, "$SYS.client", "\xc1", 1);
    stage_settle(stage);
    stage_actor(stage, "one that comes");
    stage_barrier(stage);
    stage_barrier(stage);
}

void play_sys_admin(struct stage *stage)
{
    static const char question[] = "\x83\xa3uid\xcd\x03\xe8\xa4verb\xa7publish\xa7subject\xa9"
                                   "forbidden";
    struct actor *who = stage_actor(stage, "administrator");

    actor_sub(who, 1, &(struct wanted){ .pattern = "a.>" });
    stage_settle(stage);
    actor_ask(who, "$SYS.config", "", 0);
    actor_ask(who, "$SYS.config",
              "\x81\xa5"
              "after\x14",
              8);
    actor_ask(who, "$SYS.users", "", 0);
    actor_ask(who, "$SYS.policy.explain", question, sizeof(question) - 1);
    actor_ask(who, "$SYS.policy.explain", "", 0);
    stage_barrier(stage);
}
