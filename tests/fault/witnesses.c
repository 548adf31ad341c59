#include "tests/fault/witnesses.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/config.h"
#include "tests/kit/runner.h"

enum { WITNESS_NUMBERS = 300 }; /* then their books are full */

enum { HEARD, FORBIDDEN, EITHER }; /* streams of the speaker */

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
    stage_init(stage, broker_proc_socket(rig->broker), NULL, broker_proc_pid(rig->broker));
    stage_actor(stage, "the speaker");
    struct actor *to = stage_actor(stage, "the listener");
    actor_sub(to, 1, &(struct wanted){ .pattern = "witness.of.all", .streams = 1 << HEARD });
    actor_sub(to, 2, &(struct wanted){ .pattern = "forbidden.*", .streams = 1 << FORBIDDEN });
    actor_sub(to, 3, &(struct wanted){ .pattern = "either.*", .streams = 3 << EITHER });
    actor_serve(to, 4, "witness.of.all", 0, ANSWERS);
    stage_settle(stage);
    list_fds(rig, after);
    for (int fd = 0; fd < FAULT_MAX_FD; fd++)
        fault_spare(&rig->fault, fd, after[fd] && !before[fd]);
}

void witnesses_dismiss(struct rig *rig)
{
    stage_deinit(&rig->witnesses);
    witnesses_unspare(rig);
}

/* What is denied is denied, whatever failed; and of a change all came, or nothing. */
static void try_policy(struct actor *from)
{
    static const char *const forbidden[] = CONFIG_FORBIDDEN, *const either[] = CONFIG_EITHER;

    for (size_t i = 0; i < KIT_LENGTH(forbidden); i++)
        actor_publish(from, FORBIDDEN, forbidden[i], STREAM_HEAD);
    for (unsigned i = 0; i < KIT_LENGTH(either); i++)
        actor_publish(from, EITHER + i, either[i], STREAM_HEAD);
}

static void check_policy(const struct stage *stage)
{
    const struct stream *forbidden = &stage->streams[FORBIDDEN];
    const struct stream *a = &stage->streams[EITHER], *b = &stage->streams[EITHER + 1];

    for (uint32_t i = 0; i < forbidden->n_sent; i++) {
        if (!forbidden->refused[i])
            stage_fail(stage, "what is forbidden was let through");
    }
    for (uint32_t i = 0; i < a->n_sent; i++) {
        if (a->refused[i] == b->refused[i])
            stage_fail(stage, "half of a configuration holds: %s of two subjects are denied",
                       a->refused[i] ? "both" : "none");
    }
}

void witnesses_hear(struct rig *rig)
{
    struct stage *stage = &rig->witnesses;

    if (!broker_proc_running(rig->broker))
        stage_fail(&rig->stage, "the broker has died (%d)", broker_proc_wait(rig->broker, 0));
    actor_publish(speaker(rig), HEARD, "witness.of.all", STREAM_HEAD);
    (void)actor_request(speaker(rig), "witness.of.all", false, 8000);
    try_policy(speaker(rig));
    stage_settle(stage);
    stage_barrier(stage);
    stage_check(stage);
    const struct tally *heard = &stage->actors[1]->tally[0];
    if (stage->n_ended > 0 || speaker(rig)->n_of[OP_END] > 0 || heard->n_lost > 0 ||
        heard->n_delivered != stage->streams[HEARD].n_sent)
        stage_fail(stage, "a witness came to harm: %llu of %u messages heard",
                   (unsigned long long)heard->n_delivered, stage->streams[HEARD].n_sent);
    check_policy(stage);
}

void witnesses_renew(struct rig *rig)
{
    if (rig->witnesses.streams[HEARD].n_sent < WITNESS_NUMBERS)
        return;
    witnesses_dismiss(rig);
    broker_proc_expect_n_fds(rig->broker, rig->n_fds - 2);
    witnesses_bring(rig);
}
