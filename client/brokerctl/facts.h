/* A map that the broker answered with, as lines of names and values.
 *
 * Spans of time (NAME-ms) and sizes (NAME-bytes) are written for people. A map
 * inside has its names behind its own: "limits.max-payload". Members NAME-list
 * are left out.
 */
#pragma once

#include "client/brokerctl/mp.h"

/* numbers: values stand to the right, as columns of numbers do. */
void facts_print(struct mp map, bool numbers);
