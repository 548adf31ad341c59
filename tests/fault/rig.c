#include "tests/fault/rig.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"

enum {
    WITNESS_NUMBERS = 1000, /* then they are new ones */
    WAITS_MAX = 30000,      /* of a scenario: it has some hundreds */
    QUIET_MS = 10,
    QUIET_WAITS_MAX = 20,    /* in so long, with nothing to do */
    LOOK_FOR_SPIN_EVERY = 8, /* it takes QUIET_MS */
    START_MS = 10000,
    END_MS = 15000,
};

/* -- descriptors of the broker ------------------------------------------------------------------ */

static void list_fds(const struct rig *rig, bool there[FAULT_MAX_FD])
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)broker_proc_pid(rig->broker));
    DIR *dir = opendir(path);
    memset(there, 0, FAULT_MAX_FD);
    if (!dir)
        fail_msg("cannot read %s", path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        long fd = strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && fd < FAULT_MAX_FD)
            there[fd] = true;
    }
    closedir(dir);
}

/* -- witnesses ------------------------------------------------------------------------------- */

static struct actor *speaker(struct rig *rig)
{
    return rig->witnesses.actors[0];
}

static void spare_nobody(struct rig *rig)
{
    for (int fd = 0; fd < FAULT_MAX_FD; fd++)
        fault_spare(&rig->fault, fd, false);
}

static void bring_witnesses(struct rig *rig)
{
    bool before[FAULT_MAX_FD], after[FAULT_MAX_FD];
    struct stage *stage = &rig->witnesses;

    list_fds(rig, before);
    stage_init(stage, broker_proc_socket(rig->broker), broker_proc_pid(rig->broker));
    struct actor *from = stage_actor(stage, "the speaker"),
                 *to = stage_actor(stage, "the listener");
    actor_sub(to, 1, &(struct wanted){ .pattern = "witness.of.all", .streams = 1 });
    actor_serve(to, 2, "witness.of.all", 0, ANSWERS);
    stage_settle(stage);
    (void)from;
    list_fds(rig, after);
    for (int fd = 0; fd < FAULT_MAX_FD; fd++)
        fault_spare(&rig->fault, fd, after[fd] && !before[fd]);
}

static void dismiss_witnesses(struct rig *rig)
{
    stage_deinit(&rig->witnesses);
    spare_nobody(rig);
}

/* Nothing has happened to them, and they are served now. */
static void hear_witnesses(struct rig *rig)
{
    struct stage *stage = &rig->witnesses;

    if (!broker_proc_running(rig->broker))
        stage_fail(&rig->stage, "the broker has died (%d)", broker_proc_wait(rig->broker, 0));
    actor_publish(speaker(rig), 0, "witness.of.all", STREAM_HEAD);
    (void)actor_request(speaker(rig), "witness.of.all", false, 8000);
    stage_settle(stage);
    stage_barrier(stage);
    stage_check(stage);
    struct outcome is;
    stage_outcome(stage, &is);
    if (stage->n_ended > 0 || is.n_of[0][OP_END] > 0 || is.n_refused[0] > 0 ||
        is.n_heard[1] != stage->streams[0].n_sent || stage->actors[1]->tally[0].n_lost > 0)
        stage_fail(stage, "a witness came to harm: %llu of %u messages heard",
                   (unsigned long long)is.n_heard[1], stage->streams[0].n_sent);
}

/* Their books are not endless. */
static void renew_witnesses(struct rig *rig)
{
    if (rig->witnesses.streams[0].n_sent < WITNESS_NUMBERS)
        return;
    dismiss_witnesses(rig);
    broker_proc_expect_n_fds(rig->broker, rig->n_fds - 2);
    bring_witnesses(rig);
}

/* -- one broker ------------------------------------------------------------------------------ */

void rig_init(struct rig *rig)
{
    const char *loop = getenv("BROKER_TEST_LOOP");

    *rig = (struct rig){ .loop = loop && *loop ? loop : "auto", .n_blocks_left = -1 };
    rig->broker = broker_proc_new();
    fault_open(&rig->fault);
    broker_proc_set_child(rig->broker, fault_in_child, &rig->fault);
    stage_about("", "nothing failed");
}

void rig_deinit(struct rig *rig)
{
    print_message(
        "  %llu times something failed, %llu calls in all; %llu connections were ended for it, "
        "%llu of them without a GOODBYE; %llu brokers did not start\n",
        (unsigned long long)rig->n_tried, (unsigned long long)rig->n_failed,
        (unsigned long long)rig->n_ended, (unsigned long long)rig->n_untold,
        (unsigned long long)rig->n_refused_starts);
    rig->broker = broker_proc_free(rig->broker);
    fault_close(&rig->fault);
}

static void spawn(struct rig *rig)
{
    broker_proc_spawn(rig->broker, (const char *[]){ "--listen", broker_proc_url(rig->broker),
                                                     "--loop", rig->loop, NULL });
}

static void rig_meet(struct rig *rig)
{
    bring_witnesses(rig);
    rig->n_fds = broker_proc_n_fds(rig->broker);
}

void rig_start(struct rig *rig)
{
    spawn(rig);
    broker_proc_await(rig->broker, broker_proc_socket(rig->broker));
    rig_meet(rig);
}

static void check_log(struct rig *rig)
{
    char *log = broker_proc_log(rig->broker);
    bool clean = !strstr(log, "runtime error:") && !strstr(log, "Sanitizer");

    free(log);
    if (!clean)
        stage_fail(NULL, "a sanitizer complains");
}

/* It has ended: everything was given back. */
static void check_memory(struct rig *rig)
{
    const struct fault_plan *plan = rig->fault.plan;

    if (!plan->left_main)
        stage_fail(NULL, "the broker did not come to the end of main()");
    if (rig->n_blocks_left >= 0 && plan->n_blocks > rig->n_blocks_left)
        stage_fail(NULL,
                   "the broker leaks: %lld blocks are left, %lld of one in which nothing failed",
                   (long long)plan->n_blocks, (long long)rig->n_blocks_left);
    if (rig->n_blocks_left < 0)
        rig->n_blocks_left = plan->n_blocks;
}

void rig_stop(struct rig *rig)
{
    dismiss_witnesses(rig);
    int status = broker_proc_stop(rig->broker);
    if (status != 0)
        stage_fail(NULL, "the broker ended with %d", status);
    check_log(rig);
    check_memory(rig);
}

/* -- after a fault --------------------------------------------------------------------------- */

static void check_quiet(struct rig *rig)
{
    uint64_t before = fault_n_waits(&rig->fault);

    usleep(QUIET_MS * 1000);
    uint64_t n = fault_n_waits(&rig->fault) - before;
    if (n > QUIET_WAITS_MAX)
        stage_fail(NULL, "the broker spins: %llu rounds in %d ms with nothing to do",
                   (unsigned long long)n, QUIET_MS);
}

static void check_fds(struct rig *rig)
{
    if (!kit_wait_for(broker_proc_n_fds(rig->broker) == rig->n_fds, 5000))
        stage_fail(NULL, "the broker has %d descriptors, not %d", broker_proc_n_fds(rig->broker),
                   rig->n_fds);
}

static void end_scenario(struct rig *rig)
{
    stage_check(&rig->stage);
    if (rig->must_tell && rig->stage.n_untold > 0)
        stage_fail(&rig->stage, "a connection was ended without a word");
    rig->n_ended += rig->stage.n_ended;
    rig->n_untold += rig->stage.n_untold;
    stage_deinit(&rig->stage);
}

/* Without memory there is still a word; but not in the middle of a frame that a deaf one has not taken. */
static bool must_tell(const struct scenario *scenario, const struct wish *wish)
{
    return wish->call == CALL_memory && !scenario->is_large;
}

static void play(struct rig *rig, const struct scenario *scenario, bool is_exact)
{
    stage_init(&rig->stage, broker_proc_socket(rig->broker), broker_proc_pid(rig->broker));
    rig->stage.is_exact = is_exact;
    scenario->play(&rig->stage);
}

/* Whether the witnesses go on while this fails: if it can be told from whose call it is. */
static bool spares_witnesses(const struct wish *wish)
{
    return wish->call != CALL_memory && wish->call != CALL_accept4 &&
           wish->call != CALL_epoll_wait && wish->call != CALL_poll && wish->call != CALL_every;
}

uint64_t rig_count(struct rig *rig, const struct scenario *scenario, enum fault_call call,
                   struct outcome *ret)
{
    const struct wish wish = { .call = call, .first = FAULT_ALL, .n = 1 };

    stage_about(scenario->name, "nothing failed");
    renew_witnesses(rig);
    hear_witnesses(rig);
    fault_begin(&rig->fault, &wish);
    play(rig, scenario, true);
    fault_end(&rig->fault);
    if (ret)
        stage_outcome(&rig->stage, ret);
    end_scenario(rig);
    check_fds(rig);
    return fault_seen(&rig->fault);
}

static void check_outcome(struct rig *rig, const struct outcome *exact)
{
    struct outcome is;

    stage_outcome(&rig->stage, &is);
    const char *difference = outcome_difference(&is, exact);
    if (difference)
        stage_fail(&rig->stage, "clients have noticed: %s", difference);
}

/* What has to be true when the scenario is over, and nothing fails any more. */
static void check_all(struct rig *rig, uint64_t n_waits, const struct outcome *exact)
{
    if (fault_n_waits(&rig->fault) - n_waits > WAITS_MAX)
        stage_fail(&rig->stage, "the broker spins: more than %d rounds", WAITS_MAX);
    if (exact)
        check_outcome(rig, exact);
    end_scenario(rig);
    hear_witnesses(rig);
    check_fds(rig);
    if (++rig->turn % LOOK_FOR_SPIN_EVERY == 0)
        check_quiet(rig);
}

static uint64_t note(struct rig *rig, uint64_t n_failed)
{
    rig->n_tried += n_failed > 0;
    rig->n_failed += n_failed;
    return n_failed;
}

uint64_t rig_try(struct rig *rig, const struct scenario *scenario, const struct wish *wish,
                 const struct outcome *exact)
{
    stage_about(scenario->name, fault_text(wish));
    renew_witnesses(rig);
    uint64_t n_waits = fault_n_waits(&rig->fault);
    fault_begin(&rig->fault, wish);
    play(rig, scenario, exact);
    if (spares_witnesses(wish))
        hear_witnesses(rig);
    uint64_t n_failed = fault_end(&rig->fault);
    rig->must_tell = must_tell(scenario, wish);
    check_all(rig, n_waits, exact);
    rig->must_tell = false;
    return note(rig, n_failed);
}

/* The system call's own name. */
static const char *call_name(enum fault_call call)
{
    bool is_option = call == CALL_peercred || call == CALL_peergroups || call == CALL_peerpidfd ||
                     call == CALL_peersec;

    return is_option ? "getsockopt" : fault_call_name(call);
}

bool rig_try_traced(struct rig *rig, const struct scenario *scenario, const struct pair *pair,
                    unsigned when, const struct outcome *exact, const char **ret_why)
{
    const char *call = call_name(pair->call), *error = strerrorname_np(pair->error);
    static char text[80];

    snprintf(text, sizeof text, "strace: %s number %u: %s", call, when, error);
    stage_about(scenario->name, text);
    renew_witnesses(rig);
    uint64_t n_waits = fault_n_waits(&rig->fault);
    if (!tracer_attach(&rig->tracer, broker_proc_pid(rig->broker), call, error, when)) {
        *ret_why = rig->tracer.why;
        return false;
    }
    play(rig, scenario, exact);
    unsigned n_failed = tracer_detach(&rig->tracer);
    check_all(rig, n_waits, exact);
    note(rig, n_failed);
    return true;
}

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
    stage_init(stage, broker_proc_socket(rig->broker), broker_proc_pid(rig->broker));
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
    end_scenario(rig);
    hear_witnesses(rig);
    check_fds(rig);
    note(rig, n_failed);
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
    if (waits)
        return true;
    int status = broker_proc_wait(rig->broker, 0);
    char *log = broker_proc_log(rig->broker);
    bool could_say = rig->fault.plan->call != CALL_every || rig->fault.plan->n == 1;
    if (status < 1 || status > 125 || (could_say && !*log))
        stage_fail(NULL, "the broker did not start: %d, and said: %s", status, log);
    free(log);
    check_log(rig);
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
    spare_nobody(rig);
    fault_begin(&rig->fault, wish);
    uint64_t n_waits = fault_n_waits(&rig->fault);
    spawn(rig);
    if (!has_started(rig, n_waits))
        return note(rig, fault_end(&rig->fault));
    play(rig, scenario, false);
    uint64_t n_failed = note(rig, fault_end(&rig->fault));
    stage_check(&rig->stage);
    bool over = has_given_up(rig, wish);
    rig->must_tell = must_tell(scenario, wish);
    end_scenario(rig);
    rig->must_tell = false;
    if (over)
        return n_failed;
    rig_meet(rig);
    hear_witnesses(rig);
    rig_stop(rig);
    return n_failed;
}

uint64_t rig_try_end(struct rig *rig, const struct scenario *scenario, const struct wish *wish)
{
    stage_about(scenario->name, fault_text(wish));
    forget_log(rig);
    spawn(rig);
    broker_proc_await(rig->broker, broker_proc_socket(rig->broker));
    play(rig, scenario, false);
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
    check_log(rig);
    check_memory(rig);
    return note(rig, fault_end(&rig->fault));
}
