#include "tests/hostile/table.h"

#include <stdio.h>

enum { FLOOR_US = 1000, MIN_PERCENT = 60 };

static double us(const struct histogram *trips, double share)
{
    return (double)histogram_percentile(trips, share) / 1000;
}

static double trips_per_s(const struct contest_run *run)
{
    return (double)run->victim.trips.n * 1e9 / (double)run->victim.work_ns;
}

static double bulk_per_s(const struct contest_run *run)
{
    return (double)run->victim.n_bulk * 1e9 / (double)run->victim.bulk_took_ns;
}

static double percent(double part, double whole)
{
    return whole > 0 ? part * 100 / whole : 100;
}

static double cpu_percent(const struct contest_run *run, int64_t ns)
{
    return percent((double)ns, (double)run->wall_ns);
}

void table_head(void)
{
    puts(
        "cpu and brok: % of a processor that the attacker and the broker used. Round trips in µs, with the\n"
        "attacker and then with a burner; seldom: after a silence, median and max. Trips and streamed\n"
        "messages per second, and in % of the burner's. Lost without a word, in gaps; connections cut. MiB\n"
        "grown, and left afterwards; back: ms until a newcomer was served then.\n");
    printf(
        "%-17s %4s %4s | %5s %6s %7s | %5s %6s %7s | %6s %7s | %6s %4s | %6s %4s | %4s %4s %5s | "
        "%4s %4s %5s\n",
        "strategy", "cpu", "brok", "p50", "p99", "max", "p50", "p99", "max", "seldom", "max",
        "trip/s", "%", "kmsg/s", "%", "lost", "gaps", "cut", "MiB", "left", "back");
}

/* -- what is wanted -------------------------------------------------------------------------- */

static bool is_unharmed(const struct contest_run *run)
{
    return run->victim.n_cut == 0 && run->victim.n_unannounced == 0 && run->victim.n_failed == 0;
}

static bool is_prompt(double attacked_us, const struct histogram *burned)
{
    double limit_us = 2 * us(burned, 0.99);

    return attacked_us <= (limit_us > FLOOR_US ? limit_us : FLOOR_US);
}

static const char *verdict(const struct contest_run *attacked, const struct contest_run *burned)
{
    if (attacked->recovery.silent)
        return "SILENT";
    if (!is_unharmed(attacked))
        return "HARMED";
    if (!is_prompt(us(&attacked->victim.trips, 0.99), &burned->victim.trips))
        return "LATE";
    if (!is_prompt(us(&attacked->victim.seldom, 0.5), &burned->victim.trips))
        return "LATE (seldom)";
    if (percent(bulk_per_s(attacked), bulk_per_s(burned)) < MIN_PERCENT)
        return "SLOW";
    return NULL;
}

/* -- a line ---------------------------------------------------------------------------------- */

static void print_trips(const struct contest_run *run)
{
    const struct histogram *trips = &run->victim.trips;

    printf("| %5.0f %6.0f %7.0f ", us(trips, 0.5), us(trips, 0.99), us(trips, 1));
}

static void print_rates(const struct contest_run *attacked, const struct contest_run *burned)
{
    double trips = trips_per_s(attacked), bulk = bulk_per_s(attacked);

    printf("| %6.0f %4.0f | %6.0f %4.0f ", trips, percent(trips, trips_per_s(burned)), bulk / 1000,
           percent(bulk, bulk_per_s(burned)));
}

static void print_harm(const struct contest_run *attacked)
{
    printf("| %4llu %4llu %5llu | %4lld %4lld %5.0f",
           (unsigned long long)attacked->victim.n_unannounced,
           (unsigned long long)attacked->victim.n_announced, (unsigned long long)attacked->n_cut,
           (long long)attacked->rss_grown >> 20, (long long)attacked->recovery.rss >> 20,
           (double)attacked->recovery.took_ns / 1e6);
}

bool table_line(const char *name, const struct contest_run *attacked,
                const struct contest_run *burned)
{
    const char *bad = verdict(attacked, burned);

    printf("%-17s %4.0f %4.0f ", name, cpu_percent(attacked, attacked->disturber_ns),
           cpu_percent(attacked, attacked->broker_ns));
    print_trips(attacked);
    print_trips(burned);
    printf("| %6.0f %7.0f ", us(&attacked->victim.seldom, 0.5), us(&attacked->victim.seldom, 1));
    print_rates(attacked, burned);
    print_harm(attacked);
    printf("%s%s\n", bad ? "  " : "", bad ? bad : "");
    if (attacked->victim.trouble[0])
        printf("    %s\n", attacked->victim.trouble);
    fflush(stdout);
    return !bad;
}
