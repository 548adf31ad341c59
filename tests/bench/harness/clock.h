/*
 * Time in the processes of the comparison. bench_now_ns() stands in bench.h, for peers use it too.
 */
#pragma once

#include <stdint.h>

/** Sleeps so long; a process that calls it often asks for little timer slack first (clock_be_exact). */
void clock_sleep_us(unsigned us);
/** Makes the kernel wake this process at most 1 µs late, instead of 50. */
void clock_be_exact(void);
