/* What rig.c and rig_life.c share, and nobody else uses. */
#ifndef TESTS_FAULT_RIG_INTERNAL_H
#define TESTS_FAULT_RIG_INTERNAL_H

#include "tests/fault/rig.h"

/** Starts a broker, and does not wait for it. */
void rig_spawn(struct rig *rig);
/** It has started: its witnesses come, and its descriptors are counted. */
void rig_meet(struct rig *rig);
/** Plays it; the stage is there until rig_end_scenario(). */
void rig_play(struct rig *rig, const struct scenario *scenario, bool is_exact);
/** Adds up the books, and frees the stage. */
void rig_end_scenario(struct rig *rig);
/** Adds to the sums. Returns @p n_failed. */
uint64_t rig_note(struct rig *rig, uint64_t n_failed);

/**
 * Whether who is ended hears why. Without memory there is still a word; but not in the middle of a frame that a deaf
 * one has not taken.
 */
bool rig_must_tell(const struct scenario *scenario, const struct wish *wish);

void rig_check_fds(struct rig *rig);
void rig_check_log(struct rig *rig);
/** It has ended: everything was given back. */
void rig_check_memory(struct rig *rig);

#endif
