/* What takes a broker of its own, or a while: its start, its end, and errnos that last. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fault/rig_internal.h"
#include "tests/fault/witnesses.h"
#include "tests/kit/runner.h"

enum { START_MS = 10000, END_MS = 15000 };

/* -- what lasts ------------------------------------------------------------------------------ */

/* Has them ask for something, and does not wait for it. */
static void play_a_beginning(struct stage *stage, struct actor *early)
{
    struct actor *late = stage_actor(stage, "late");

    actor_sub(late, 1, &(struct wanted){ .pattern = "l", .loose = true });
    actor_publish(early, 0, "l", STREAM_HEAD);
    actor_confirm(early);
    stage_actor(stage, "later");
}

void rig_try_long(struct rig *rig, const struct wish *wish, int ms)
{
    static const struct scenario long_one = { "a long time", NULL, false };
    struct stage *stage = &rig->stage;

    stage_about(long_one.name, fault_text(wish));
    stage_init(stage, broker_proc_socket(rig->broker), broker_proc_dir(rig->broker),
               broker_proc_pid(rig->broker));
    struct actor *early = stage_actor(stage, "early");
    actor_sub(early, 1, &(struct wanted){ .pattern = "l", .streams = 1 });
    stage_settle(stage);
    fault_begin(&rig->fault, wish);
    play_a_beginning(stage, early);
    uint64_t n_waits = fault_n_waits(&rig->fault);
    stage_run(stage, ms);
    uint64_t n = fault_n_waits(&rig->fault) - n_waits, n_failed = fault_end(&rig->fault);
    if (n > (uint64_t)ms)
        stage_fail(stage, "the broker spins: %llu rounds in %d ms", (unsigned long long)n, ms);
    stage_settle(stage);
    stage_barrier(stage);
    rig_end_scenario(rig);
    witnesses_hear(rig);
    rig_check_fds(rig);
    rig_note(rig, n_failed);
}

/* -- a start, and an end ----------------------------------------------------------------------- */

/* Whether it has started, and waits for clients; else it has ended, and said why. */
static bool has_started(struct rig *rig, uint64_t n_waits)
{
    bool waits = false;

    if (!kit_wait_for((waits = fault_n_waits(&rig->fault) > n_waits) ||
                          !broker_proc_running(rig->broker),
                      START_MS))
        stage_fail(NULL, "the broker neither starts nor ends");
    rig->n_at_start = fault_seen(&rig->fault);
    if (waits)
        return true;
    int status = broker_proc_wait(rig->broker, 0);
    char *log = broker_proc_log(rig->broker);
    bool could_say = rig->fault.plan->call != CALL_every || rig->fault.plan->n == 1;
    if (status < 1 || status > 125 || (could_say && !*log))
        stage_fail(NULL, "the broker did not start: %d, and said: %s", status, log);
    free(log);
    rig_check_log(rig);
    struct stat st;
    bool could_look =
        rig->fault.plan->failed != CALL_stat; /* what it cannot examine it does not remove */
    if (stat(broker_proc_socket(rig->broker), &st) == 0 && could_look &&
        fault_end(&rig->fault) == 1)
        stage_fail(NULL, "the broker did not start, and left its socket behind");
    rig->n_refused_starts++;
    return false;
}

static void forget_log(struct rig *rig)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/log", broker_proc_dir(rig->broker));
    unlink(path);
}

/* With every call failing for ever, waiting fails too, which a broker may give up on: with EX_OSERR. */
static bool has_given_up(struct rig *rig, const struct wish *wish)
{
    enum { EX_OSERR = 71, ENDS_WITHIN_MS = 2000 };

    if (wish->call != CALL_every || wish->n != FAULT_ALL || rig->stage.n_ended == 0)
        return false;
    int status = broker_proc_wait(rig->broker, ENDS_WITHIN_MS);
    if (status >= 0 && status != EX_OSERR)
        stage_fail(NULL, "the broker ended with %d", status);
    rig->n_refused_starts += status == EX_OSERR;
    return status == EX_OSERR;
}

uint64_t rig_try_fresh(struct rig *rig, const struct scenario *scenario, const struct wish *wish)
{
    stage_about(scenario->name, fault_text(wish));
    forget_log(rig);
    witnesses_unspare(rig);
    fault_begin(&rig->fault, wish);
    uint64_t n_waits = fault_n_waits(&rig->fault);
    rig_spawn(rig);
    if (!has_started(rig, n_waits))
        return rig_note(rig, fault_end(&rig->fault));
    rig_play(rig, scenario, false);
    uint64_t n_failed = rig_note(rig, fault_end(&rig->fault));
    stage_check(&rig->stage);
    bool over = has_given_up(rig, wish);
    rig->must_tell = rig_must_tell(scenario, wish);
    rig_end_scenario(rig);
    rig->must_tell = false;
    if (over)
        return n_failed;
    rig_meet(rig);
    witnesses_hear(rig);
    rig_stop(rig);
    return n_failed;
}

uint64_t rig_try_end(struct rig *rig, const struct scenario *scenario, const struct wish *wish)
{
    stage_about(scenario->name, fault_text(wish));
    forget_log(rig);
    rig_spawn(rig);
    broker_proc_await(rig->broker, broker_proc_socket(rig->broker));
    rig_play(rig, scenario, false);
    fault_begin(&rig->fault, wish);
    kill(broker_proc_pid(rig->broker), SIGTERM);
    for (size_t i = 0; i < rig->stage.n_actors; i++) {
        actor_goodbye(rig->stage.actors[i]); /* so that its end is waited for */
        rig->stage.actors[i]->deaf = false;
    }
    stage_settle(&rig->stage);
    stage_deinit(&rig->stage);
    int status = broker_proc_wait(rig->broker, END_MS);
    if (status != 0)
        stage_fail(NULL, "the broker ended with %d after SIGTERM", status);
    rig_check_log(rig);
    rig_check_memory(rig);
    return rig_note(rig, fault_end(&rig->fault));
}
