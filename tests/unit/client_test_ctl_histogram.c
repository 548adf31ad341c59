/* The histogram of brokerctl bench beside the samples themselves, sorted: its
 * percentiles are at most 1 % above the exact ones, and never below them.
 */
#include "client/brokerctl/histogram.h"
#include "tests/unit/unit.h"

enum { N_SAMPLES = 100000 };

static const double shares[] = { 0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1 };
static struct histogram histogram, other;

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* The least sample that `share` of them do not exceed. */
static uint64_t exact(const uint64_t *sorted, size_t n, double share)
{
    size_t i = 0;

    while ((double)(i + 1) < share * (double)n)
        i++;
    return sorted[i];
}

static void assert_near(uint64_t got, uint64_t wanted)
{
    assert_true(got >= wanted);
    assert_true((double)got <= (double)wanted * 1.01);
}

/* Sorts the samples, and compares everything. */
static void assert_describes(const struct histogram *h, uint64_t *samples, size_t n)
{
    double sum = 0;

    qsort(samples, n, sizeof *samples, compare);
    for (size_t i = 0; i < n; i++)
        sum += (double)samples[i];
    assert_int_equal(h->n, n);
    assert_int_equal(h->min_ns, samples[0]);
    assert_int_equal(h->max_ns, samples[n - 1]);
    assert_true(histogram_mean(h) >= sum / (double)n * (1 - 1e-9));
    assert_true(histogram_mean(h) <= sum / (double)n * (1 + 1e-9));
    for (size_t i = 0; i < COUNT_OF(shares); i++)
        assert_near(histogram_percentile(h, shares[i]), exact(samples, n, shares[i]));
    assert_int_equal(histogram_percentile(h, 1), samples[n - 1]);
}

static uint64_t *make_samples(size_t n, uint64_t (*sample)(uint64_t *seed))
{
    uint64_t *samples = malloc(n * sizeof *samples), seed = 7;

    assert_non_null(samples);
    histogram = (struct histogram){ 0 };
    for (size_t i = 0; i < n; i++) {
        samples[i] = sample(&seed);
        histogram_add(&histogram, samples[i]);
    }
    return samples;
}

/* ---- distributions ----------------------------------------------------------- */

static uint64_t small(uint64_t *seed)
{
    return random_below(seed, 300);
}

/* Every order of magnitude as often as any other, from nanoseconds to minutes. */
static uint64_t any_scale(uint64_t *seed)
{
    return random_next(seed) >> (24 + random_below(seed, 40));
}

/* What latencies look like: most near 30 us, a tail that reaches a second. */
static uint64_t with_tail(uint64_t *seed)
{
    uint64_t ns = 25000 + random_below(seed, 10000);

    for (unsigned i = 0; i < 5 && random_below(seed, 10) == 0; i++)
        ns *= 8;
    return ns;
}

static uint64_t all_one(uint64_t *seed)
{
    (void)seed;
    return 123456789;
}

static void test_distributions(void **state)
{
    static uint64_t (*const distributions[])(uint64_t * seed) = { small, any_scale, with_tail,
                                                                  all_one };
    static const size_t sizes[] = { 1, 2, 3, 10, 999, N_SAMPLES };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(distributions); i++) {
        for (size_t j = 0; j < COUNT_OF(sizes); j++) {
            uint64_t *samples = make_samples(sizes[j], distributions[i]);

            assert_describes(&histogram, samples, sizes[j]);
            free(samples);
        }
    }
}

static void test_merged(void **state)
{
    uint64_t *samples = malloc(2 * N_SAMPLES * sizeof *samples), *half;

    (void)state;
    assert_non_null(samples);
    half = make_samples(N_SAMPLES, any_scale);
    memcpy(samples, half, N_SAMPLES * sizeof *half);
    free(half);
    other = histogram;
    half = make_samples(N_SAMPLES, with_tail);
    memcpy(samples + N_SAMPLES, half, N_SAMPLES * sizeof *half);
    free(half);
    histogram_merge(&other, &histogram);
    assert_describes(&other, samples, 2 * N_SAMPLES);
    free(samples);
}

static void test_merged_empty(void **state)
{
    (void)state;
    histogram = other = (struct histogram){ 0 };
    histogram_merge(&histogram, &other);
    assert_int_equal(histogram.n, 0);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
    assert_int_equal(histogram_percentile(&histogram, 1), 0);
    assert_true(histogram_mean(&histogram) <= 0);
    histogram_add(&other, 42);
    histogram_merge(&histogram, &other);
    other = (struct histogram){ 0 };
    histogram_merge(&histogram, &other);
    assert_int_equal(histogram.n, 1);
    assert_int_equal(histogram.min_ns, 42);
    assert_int_equal(histogram.max_ns, 42);
}

/* ---- the edges of buckets ------------------------------------------------------ */

/* A single one beside a greater one, so that its bucket and not the greatest value answers. */
static void assert_alone(uint64_t ns)
{
    histogram = (struct histogram){ 0 };
    histogram_add(&histogram, ns);
    histogram_add(&histogram, UINT64_C(1) << HISTOGRAM_MAX_BITS);
    assert_near(histogram_percentile(&histogram, 0.5), ns);
}

static void test_every_edge(void **state)
{
    (void)state;
    for (uint64_t ns = 0; ns < 2000; ns++)
        assert_alone(ns);
    for (unsigned bit = 11; bit < HISTOGRAM_MAX_BITS; bit++) {
        for (uint64_t sub = 0; sub < 128; sub += 9) {
            uint64_t ns = (UINT64_C(1) << bit) + (sub << (bit - HISTOGRAM_BITS));

            assert_alone(ns - 1);
            assert_alone(ns);
            assert_alone(ns + 1);
        }
    }
    assert_alone((UINT64_C(1) << HISTOGRAM_MAX_BITS) - 1);
}

static void test_beyond_the_last(void **state)
{
    (void)state;
    histogram = (struct histogram){ 0 };
    histogram_add(&histogram, UINT64_MAX);
    histogram_add(&histogram, 5);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 5);
    assert_int_equal(histogram_percentile(&histogram, 0.99), UINT64_MAX);
    assert_int_equal(histogram.max_ns, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distributions),   cmocka_unit_test(test_merged),
        cmocka_unit_test(test_merged_empty),    cmocka_unit_test(test_every_edge),
        cmocka_unit_test(test_beyond_the_last),
    };

    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
