#include "tests/bench/figures.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void usage(FILE *to, const char *name, const char *summary, int code)
{
    fprintf(to,
            "Usage: %s [OPTION...]\n\n%s\n\n"
            "  --quick       fewer and shorter rounds\n"
            "  --rounds N    so many rounds, 1 to %d\n"
            "  --help        this text\n\n"
            "BROKERD names the daemon to measure.\n",
            name, summary, MAX_ROUNDS);
    exit(code);
}

void bench_options_read(struct bench_options *options, const struct bench_options *quick, int argc,
                        char *argv[], const char *summary)
{
    static const struct option known[] = { { "quick", no_argument, NULL, 'q' },
                                           { "rounds", required_argument, NULL, 'r' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    long n_rounds = 0;

    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        if (c == 'q')
            *options = *quick;
        else if (c == 'r')
            n_rounds = strtol(optarg, NULL, 10);
        else
            usage(c == 'h' ? stdout : stderr, argv[0], summary, c == 'h' ? 0 : 64);
        if (c == 'r' && (n_rounds < 1 || n_rounds > MAX_ROUNDS))
            usage(stderr, argv[0], summary, 64);
    }
    if (optind < argc)
        usage(stderr, argv[0], summary, 64);
    if (n_rounds)
        options->n_rounds = (unsigned)n_rounds;
}

void series_add(struct series *series, double value)
{
    if (series->n < MAX_ROUNDS)
        series->values[series->n++] = value;
}

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double series_median(const struct series *series)
{
    struct series sorted = *series;

    if (series->n == 0)
        return 0;
    qsort(sorted.values, sorted.n, sizeof(sorted.values[0]), compare_doubles);
    return (sorted.values[(sorted.n - 1) / 2] + sorted.values[sorted.n / 2]) / 2;
}

double series_ratio(const struct series *a, const struct series *b)
{
    struct series ratios = { .n = a->n };

    for (unsigned i = 0; i < a->n; i++)
        ratios.values[i] = a->values[i] / b->values[i];
    return series_median(&ratios);
}

static int compare_samples(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double samples_percentile(uint32_t *samples, uint64_t n, double share)
{
    if (n == 0)
        return 0;
    qsort(samples, n, sizeof(samples[0]), compare_samples);
    return samples[(uint64_t)((double)(n - 1) * share)];
}
