/*
 * usage: hostile STRATEGY SOCKET SECONDS
 *
 * Attacks the broker at SOCKET with 64 connections of the uid it is run as, and says what it did. Without arguments it
 * lists the strategies. For looking at a broker under attack by hand; the tests do not need it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/attack.h"

static struct attack_report *report; /* shared: a strategy may fork */

static void stop(int signo)
{
    (void)signo;
    report->stop = true;
}

static int list(void)
{
    puts("usage: hostile STRATEGY SOCKET SECONDS\n");
    for (size_t i = 0; strategies[i]; i++)
        printf("%-17s %s\n", strategies[i]->name, strategies[i]->what);
    return 64;
}

int main(int argc, char **argv)
{
    const struct strategy *strategy = argc == 4 ? strategy_find(argv[1]) : NULL;

    if (!strategy)
        return list();
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED)
        return 1;
    signal(SIGALRM, stop);
    alarm((unsigned)atoi(argv[3]));
    attack_run(strategy, argv[2], report);
    while (wait(NULL) > 0)
        continue;
    printf("%llu connections, %llu cut; %llu bytes sent, %llu received\n",
           (unsigned long long)report->n_opened, (unsigned long long)report->n_cut,
           (unsigned long long)report->bytes_out, (unsigned long long)report->bytes_in);
    return 0;
}
