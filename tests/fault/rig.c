#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fault/config.h"
#include "tests/fault/rig_internal.h"
#include "tests/fault/witnesses.h"
#include "tests/kit/runner.h"

enum {
    WAITS_MAX = 30000, /* of a scenario: it has some hundreds */
    QUIET_MS = 10,
    QUIET_WAITS_MAX = 20,    /* in so long, with nothing to do */
    LOOK_FOR_SPIN_EVERY = 8, /* it takes QUIET_MS */
};

/* -- one broker ------------------------------------------------------------------------------ */

void rig_init(struct rig *rig)
{
    const char *loop = getenv("BROKER_TEST_LOOP");

    *rig = (struct rig){ .loop = loop && *loop ? loop : "auto", .n_blocks_left = -1 };
    rig->broker = broker_proc_new();
    snprintf(rig->config, sizeof rig->config, "%s/brokerd.conf", broker_proc_dir(rig->broker));
    config_write(broker_proc_dir(rig->broker), 0);
    fault_open(&rig->fault);
    broker_proc_set_child(rig->broker, fault_in_child, &rig->fault);
    stage_about("", "nothing failed");
}

void rig_deinit(struct rig *rig)
{
    print_message(
        "  %llu faults, %llu calls failed: 0 crashes, 0 leaks, 0 stuck; %llu connections were ended, "
        "%llu of them without a GOODBYE; %llu brokers did not start\n",
        (unsigned long long)rig->n_tried, (unsigned long long)rig->n_failed,
        (unsigned long long)rig->n_ended, (unsigned long long)rig->n_untold,
        (unsigned long long)rig->n_refused_starts);
    rig->broker = broker_proc_free(rig->broker);
    fault_close(&rig->fault);
}

void rig_spawn(struct rig *rig)
{
    broker_proc_spawn(rig->broker,
                      (const char *[]){ "--listen", broker_proc_url(rig->broker), "--loop",
                                        rig->loop, "--config", rig->config, NULL });
}

void rig_meet(struct rig *rig)
{
    witnesses_bring(rig);
    rig->n_fds = broker_proc_n_fds(rig->broker);
}

void rig_start(struct rig *rig)
{
    rig_spawn(rig);
    broker_proc_await(rig->broker, broker_proc_socket(rig->broker));
    rig_meet(rig);
}

void rig_check_log(struct rig *rig)
{
    char *log = broker_proc_log(rig->broker);
    bool clean = !strstr(log, "runtime error:") && !strstr(log, "Sanitizer");

    free(log);
    if (!clean)
        stage_fail(NULL, "a sanitizer complains");
}

void rig_check_memory(struct rig *rig)
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
    witnesses_dismiss(rig);
    int status = broker_proc_stop(rig->broker);
    if (status != 0)
        stage_fail(NULL, "the broker ended with %d", status);
    rig_check_log(rig);
    rig_check_memory(rig);
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

void rig_check_fds(struct rig *rig)
{
    if (!kit_wait_for(broker_proc_n_fds(rig->broker) == rig->n_fds, 5000))
        stage_fail(NULL, "the broker has %d descriptors, not %d", broker_proc_n_fds(rig->broker),
                   rig->n_fds);
}

void rig_end_scenario(struct rig *rig)
{
    stage_check(&rig->stage);
    if (rig->must_tell && rig->stage.n_silent > 0)
        stage_fail(&rig->stage, "a connection was ended without a word");
    rig->n_ended += rig->stage.n_ended;
    rig->n_untold += rig->stage.n_untold;
    stage_deinit(&rig->stage);
}

bool rig_must_tell(const struct scenario *scenario, const struct wish *wish)
{
    return wish->call == CALL_memory && !scenario->is_large;
}

void rig_play(struct rig *rig, const struct scenario *scenario, bool is_exact)
{
    stage_init(&rig->stage, broker_proc_socket(rig->broker), broker_proc_dir(rig->broker),
               broker_proc_pid(rig->broker));
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
    witnesses_renew(rig);
    witnesses_hear(rig);
    fault_begin(&rig->fault, &wish);
    rig_play(rig, scenario, true);
    fault_end(&rig->fault);
    if (ret)
        stage_outcome(&rig->stage, ret);
    rig_end_scenario(rig);
    rig_check_fds(rig);
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
    rig_end_scenario(rig);
    witnesses_hear(rig);
    rig_check_fds(rig);
    if (++rig->turn % LOOK_FOR_SPIN_EVERY == 0)
        check_quiet(rig);
}

uint64_t rig_note(struct rig *rig, uint64_t n_failed)
{
    rig->n_tried += n_failed > 0;
    rig->n_failed += n_failed;
    return n_failed;
}

uint64_t rig_try(struct rig *rig, const struct scenario *scenario, const struct wish *wish,
                 const struct outcome *exact)
{
    stage_about(scenario->name, fault_text(wish));
    witnesses_renew(rig);
    uint64_t n_waits = fault_n_waits(&rig->fault);
    fault_begin(&rig->fault, wish);
    rig_play(rig, scenario, exact);
    if (spares_witnesses(wish))
        witnesses_hear(rig);
    uint64_t n_failed = fault_end(&rig->fault);
    rig->must_tell = rig_must_tell(scenario, wish);
    check_all(rig, n_waits, exact);
    rig->must_tell = false;
    return rig_note(rig, n_failed);
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
    witnesses_renew(rig);
    uint64_t n_waits = fault_n_waits(&rig->fault);
    if (!tracer_attach(&rig->tracer, broker_proc_pid(rig->broker), call, error, when)) {
        *ret_why = rig->tracer.why;
        return false;
    }
    rig_play(rig, scenario, exact);
    unsigned n_failed = tracer_detach(&rig->tracer);
    check_all(rig, n_waits, exact);
    rig_note(rig, n_failed);
    return true;
}
