/* Latencies, counted in buckets: percentiles of any number of them in fixed memory.
 *
 * Log-linear, as HDR histograms are: up to 255 ns a bucket is one nanosecond,
 * beyond it each power of two has 128 buckets, so that a bucket is at most
 * 0.8 % wide. The last power of two ends at 2^40 ns, 18 minutes; what is longer
 * counts as that. Least, greatest and sum are kept exactly.
 *
 * Plain memory without pointers: all zero is an empty one, it may lie in memory
 * that processes share, and it is copied by assignment. One writer at a time.
 * Idea: http://hdrhistogram.org/
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_BITS = 7, /* 2^7 buckets a power of two */
    HISTOGRAM_MAX_BITS = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_MAX_BITS - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS,
};

struct histogram {
    uint64_t n;
    uint64_t sum_ns;
    uint64_t min_ns; /* of an empty one 0, as max_ns */
    uint64_t max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Adds one. */
void histogram_add(struct histogram *histogram, uint64_t ns);
/* Adds all of `other`. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);
/* What `share` (0 to 1) of them do not exceed, at least, and at most 0.8 % more
 * than the least value of which that is true. 1 is the greatest; of an empty one 0. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);
/* The mean; of an empty one 0. */
double histogram_mean(const struct histogram *histogram);
