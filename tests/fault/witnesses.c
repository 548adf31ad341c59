#include "tests/fault/witnesses.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kit/runner.h"

enum { WITNESS_NUMBERS = 1000 }; /* then their books are full */

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

void witnesses_unspare(struct rig *rig)
{
    for (int fd = 0; fd < FAULT_MAX_FD; fd++)
        fault_spare(&rig->fault, fd, false);
}

void witnesses_bring(struct rig *rig)
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

void witnesses_dismiss(struct rig *rig)
{
    stage_deinit(&rig->witnesses);
    witnesses_unspare(rig);
}

void witnesses_hear(struct rig *rig)
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

void witnesses_renew(struct rig *rig)
{
    if (rig->witnesses.streams[0].n_sent < WITNESS_NUMBERS)
        return;
    witnesses_dismiss(rig);
    broker_proc_expect_n_fds(rig->broker, rig->n_fds - 2);
    witnesses_bring(rig);
}
