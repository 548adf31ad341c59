#include "tests/fault/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kit/runner.h"

/* -- all of it ------------------------------------------------------------------------------- */

enum { DEADLINE_S = 1500 }; /* that of the whole program is shorter where it matters */

/* A sanitizer that is part of the program has a malloc that nobody comes before. */
static bool can_interpose(struct rig *rig)
{
    rig_start(rig); /* and what one leaves behind in which nothing failed is known from then on */
    bool can = rig->fault.plan->n_calls[CALL_memory] > 0;
    rig_stop(rig);
    return can;
}

void sweep_run(void (*sweep)(struct rig *rig, unsigned step), unsigned step)
{
    struct rig rig;

    kit_deadline(DEADLINE_S);
    rig_init(&rig);
    bool can = can_interpose(&rig);
    if (can)
        sweep(&rig, step);
    rig_deinit(&rig);
    if (!can)
        kit_skip("nothing can stand between this brokerd and its malloc");
}

/* -- what is left out ------------------------------------------------------------------------ */

bool sweep_takes(const struct scenario *scenario)
{
    const char *only = getenv("FAULT_ONLY");

    return !only || strcmp(only, scenario->name) == 0;
}

/* Where a sweep begins and how it goes on: with a step, each scenario at another offset. */
uint64_t sweep_first(unsigned step, const struct scenario *scenario)
{
    const char *first = getenv("FAULT_FIRST");

    if (first)
        return strtoull(first, NULL, 10);
    return 1 + (uint64_t)(scenario - scenarios) % step;
}

uint64_t sweep_next(uint64_t first, unsigned step)
{
    return getenv("FAULT_FIRST") ? FAULT_ALL : first + step;
}

/* -- memory ---------------------------------------------------------------------------------- */

static void fail_memory_at(struct rig *rig, const struct scenario *scenario, uint64_t first)
{
    static const uint64_t how_many[] = { 1, 3, FAULT_ALL };

    for (size_t i = 0; i < KIT_LENGTH(how_many); i++)
        rig_try(rig, scenario, &(struct wish){ CALL_memory, first, how_many[i], ENOMEM, 0 }, NULL);
}

static void fail_memory_of(struct rig *rig, const struct scenario *scenario, unsigned step)
{
    if (!sweep_takes(scenario))
        return;
    rig_count(rig, scenario, CALL_memory, NULL); /* what is pooled from now on is not counted */
    uint64_t n = rig_count(rig, scenario, CALL_memory, NULL);
    print_message("  %s: %llu allocations\n", scenario->name, (unsigned long long)n);
    for (uint64_t first = sweep_first(step, scenario); first <= n; first = sweep_next(first, step))
        fail_memory_at(rig, scenario, first);
}

void sweep_memory(struct rig *rig, unsigned step)
{
    rig_start(rig);
    for (size_t i = 0; i < n_scenarios; i++)
        fail_memory_of(rig, &scenarios[i], step);
    rig_stop(rig);
}

void sweep_sys_memory(struct rig *rig, unsigned step)
{
    rig_start(rig);
    for (size_t i = 0; i < n_scenarios; i++) {
        if (strcmp(scenarios[i].name, "sys") == 0)
            fail_memory_of(rig, &scenarios[i], step);
    }
    rig_stop(rig);
}

/* All that a new broker allocates until the scenario is over. */
static uint64_t count_fresh(struct rig *rig, const struct scenario *scenario, enum fault_call call)
{
    rig_try_fresh(rig, scenario, &(struct wish){ call, FAULT_ALL, 1, ENOMEM, 0 });
    return fault_seen(&rig->fault);
}

/* What happens before there are clients is the same for all: the first scenario has it, too. */
static void fail_fresh_memory_of(struct rig *rig, const struct scenario *scenario, unsigned step)
{
    uint64_t n = count_fresh(rig, scenario, CALL_memory);
    uint64_t before = scenario == scenarios ? 0 : rig->n_at_start;

    print_message("  %s: %llu allocations, %llu before it\n", scenario->name,
                  (unsigned long long)(n - rig->n_at_start), (unsigned long long)rig->n_at_start);
    for (uint64_t first = before + sweep_first(step, scenario); first <= n;
         first = sweep_next(first, step)) {
        rig_try_fresh(rig, scenario, &(struct wish){ CALL_memory, first, 1, ENOMEM, 0 });
        rig_try_fresh(rig, scenario, &(struct wish){ CALL_memory, first, FAULT_ALL, ENOMEM, 0 });
    }
}

void sweep_fresh_memory(struct rig *rig, unsigned step)
{
    for (size_t i = 0; i < n_scenarios; i++) {
        if (sweep_takes(&scenarios[i]))
            fail_fresh_memory_of(rig, &scenarios[i], step);
    }
}

/* -- a broker's start and end ------------------------------------------------------------------- */

static void play_nothing(struct stage *stage)
{
    stage_actor(stage, "the first client");
    stage_settle(stage);
}

static void play_something(struct stage *stage)
{
    struct actor *from = stage_actor(stage, "publisher"), *to = stage_actor(stage, "receiver");

    actor_sub(to, 1, &(struct wanted){ .pattern = "a", .streams = 1 });
    stage_actor(stage, "another");
    stage_settle(stage);
    to->deaf = true;
    for (int i = 0; i < 20; i++)
        actor_publish(from, 0, "a", 60000);
    actor_ping(from);
    stage_settle(stage);
}

static const struct scenario start = { "start", play_nothing, false };
static const struct scenario end = { "end", play_something, true };

static void sweep_start_of(struct rig *rig, enum fault_call call, int error, unsigned step)
{
    uint64_t n = count_fresh(rig, &start, call);

    uint64_t many = error == ENOMEM ? FAULT_ALL : 5;

    print_message("  %s: %llu\n", fault_call_name(call), (unsigned long long)n);
    for (uint64_t first = 1; first <= n; first += step) {
        rig_try_fresh(rig, &start, &(struct wish){ call, first, 1, error, 0 });
        rig_try_fresh(rig, &start, &(struct wish){ call, first, many, error, 0 });
    }
}

void sweep_start(struct rig *rig, unsigned step)
{
    static const int errors[] = { EINTR, ENOMEM, EMFILE, EACCES, EIO };

    sweep_start_of(rig, CALL_memory, ENOMEM, step);
    for (size_t i = 0; i < KIT_LENGTH(errors); i++)
        sweep_start_of(rig, CALL_every, errors[i], step);
}

static void sweep_end_of(struct rig *rig, enum fault_call call, int error, unsigned step)
{
    rig_try_end(rig, &end, &(struct wish){ call, FAULT_ALL, 1, error, 0 });
    uint64_t n = fault_seen(&rig->fault);

    print_message("  %s: %llu\n", fault_call_name(call), (unsigned long long)n);
    for (uint64_t first = 1; first <= n; first += step)
        rig_try_end(rig, &end, &(struct wish){ call, first, 1, error, 0 });
}

void sweep_end(struct rig *rig, unsigned step)
{
    sweep_end_of(rig, CALL_memory, ENOMEM, step);
    sweep_end_of(rig, CALL_every, ENOMEM, step);
    sweep_end_of(rig, CALL_every, EINTR, step);
}
