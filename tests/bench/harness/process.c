#include "tests/bench/harness/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t process_cpu_ns(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    /* Of pid 0 it would be the caller's own. */
    if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        return 0;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static FILE *proc_open(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return pid > 0 ? fopen(path, "r") : NULL;
}

struct process_times process_times(pid_t pid)
{
    struct process_times times = { 0 };
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    unsigned long user = 0, system = 0;
    char line[1024] = "";
    FILE *file = proc_open(pid, "stat");

    if (!file)
        return times;
    /* The name in parentheses may hold anything: start behind it. */
    const char *rest = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    fclose(file);
    if (rest && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                       &system) == 2)
        times = (struct process_times){ (double)user / ticks, (double)system / ticks };
    return times;
}

uint64_t process_memory_kb(pid_t pid, const char *name)
{
    const size_t len = strlen(name);
    char line[256];
    uint64_t kb = 0;
    FILE *file = proc_open(pid, "status");

    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            kb = strtoull(line + len + 1, NULL, 10);
    }
    fclose(file);
    return kb;
}
