#include "client/brokerctl/histogram.h"

enum { PER_POWER = 1 << HISTOGRAM_BITS };

/* The value's leading 8 bits say which bucket, the number of those behind them
 * which power of two. Below 256 there are none behind, and the value is its bucket. */
static size_t bucket_of(uint64_t ns)
{
    unsigned behind;

    if (ns < 2 * PER_POWER)
        return (size_t)ns;
    if (ns >> HISTOGRAM_MAX_BITS)
        return HISTOGRAM_BUCKETS - 1;
    behind = 63U - (unsigned)__builtin_clzll(ns) - HISTOGRAM_BITS;
    return ((size_t)behind << HISTOGRAM_BITS) + (size_t)(ns >> behind);
}

/* The greatest value of a bucket. */
static uint64_t bucket_end(size_t bucket)
{
    unsigned behind;

    if (bucket < 2 * PER_POWER)
        return bucket;
    behind = (unsigned)(bucket >> HISTOGRAM_BITS) - 1;
    return ((uint64_t)(bucket - ((size_t)behind << HISTOGRAM_BITS) + 1) << behind) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    if (histogram->n == 0 || ns < histogram->min_ns)
        histogram->min_ns = ns;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
    histogram->sum_ns += ns;
    histogram->n++;
    histogram->buckets[bucket_of(ns)]++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    if (other->n == 0)
        return;
    if (histogram->n == 0 || other->min_ns < histogram->min_ns)
        histogram->min_ns = other->min_ns;
    if (other->max_ns > histogram->max_ns)
        histogram->max_ns = other->max_ns;
    histogram->sum_ns += other->sum_ns;
    histogram->n += other->n;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += other->buckets[i];
}

/* The first n of share * count that is not less: rounded up, and at least one. */
static uint64_t rank_of(uint64_t n, double share)
{
    double exact = share * (double)n;
    uint64_t rank = (uint64_t)exact;

    if ((double)rank < exact)
        rank++;
    return rank ? rank : 1;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
    uint64_t rank, seen = 0;

    if (share >= 1 || histogram->n == 0)
        return histogram->max_ns;
    rank = rank_of(histogram->n, share > 0 ? share : 0);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank)
            return bucket_end(i) < histogram->max_ns ? bucket_end(i) : histogram->max_ns;
    }
    return histogram->max_ns;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->n ? (double)histogram->sum_ns / (double)histogram->n : 0;
}
