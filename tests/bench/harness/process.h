/*
 * What the kernel says about a process: its processor time and its memory. Of a process that is not there,
 * or of pid 0, everything is 0.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/** Processor time of all threads, to the nanosecond (clock_getcpuclockid(3)). */
int64_t process_cpu_ns(pid_t pid);

struct process_times {
    double user_s; /* in ticks of 10 ms, as /proc/PID/stat has them */
    double system_s;
};
struct process_times process_times(pid_t pid);

/** A line of /proc/PID/status in kB: "VmRSS", "VmHWM". */
uint64_t process_memory_kb(pid_t pid, const char *name);
