/*
 * What the strategies did to the victim, beside what as much load elsewhere did: a line each, and what is wanted.
 */
#ifndef TESTS_HOSTILE_TABLE_H
#define TESTS_HOSTILE_TABLE_H

#include <stdbool.h>

#include "tests/hostile/contest.h"

/** Prints what the columns are. */
void table_head(void);
/**
 * Prints a line, and what is not as wanted.
 * @return whether all is: the broker answers, nobody cut off, nothing lost without a word; the p99 of round trips, and the median of those
 *         after a silence, at most twice the burner's p99 or 1 ms; messages streamed per second at least 60 % of the
 *         burner's. Round trips per second follow from how long they take, and are printed only.
 */
bool table_line(const char *name, const struct contest_run *attacked,
                const struct contest_run *burned);

#endif
