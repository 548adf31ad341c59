/*
 * What the benches have in common besides processes: their options, and the arithmetic of their tables.
 */
#ifndef TESTS_BENCH_FIGURES_H
#define TESTS_BENCH_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_ROUNDS 50

struct bench_options {
    bool quick;
    unsigned n_rounds;
    int64_t run_ns; /* how long one run sends */
};

/**
 * Reads `[--quick] [--rounds N] [--help]` into @p options, which holds what is true without --quick. Ends the
 * process after --help and after what it does not understand (64).
 * @param quick  what --quick makes of the options
 */
void bench_options_read(struct bench_options *options, const struct bench_options *quick, int argc,
                        char *argv[], const char *summary);

/* The values of one cell of a table, one a round. */
struct series {
    unsigned n;
    double values[MAX_ROUNDS];
};

void series_add(struct series *series, double value);
/** The median; 0 of an empty series. */
double series_median(const struct series *series);
/**
 * The median of a[i] / b[i]: what the machine's mood does to both of a round goes out of it.
 * Both have the same number of values.
 */
double series_ratio(const struct series *a, const struct series *b);

/** Sorts @p samples and gives the value below which @p share (0–1) of them are; 0 of none. */
double samples_percentile(uint32_t *samples, uint64_t n, double share);

#endif
