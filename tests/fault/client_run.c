#include "tests/fault/client_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fault/fault.h"
#include "tests/kit/broker_proc.h"
#include "tests/kit/runner.h"

enum { DEADLINE_S = 1500, EXIT_SKIPPED = 77 };

static _Noreturn void exec_program(struct fault *fault, const char *url, const char *what,
                                   unsigned step)
{
    const char *program = getenv("FAULT_CLIENT"), *only = getenv("FAULT_ONLY");
    const char *first = getenv("FAULT_FIRST");
    char every[16];

    if (!program || !*program)
        program = FAULT_CLIENT;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(every, sizeof every, "%u", step);
    fault_in_child(fault);
    execl(program, program, url, what, every, only, only ? first : NULL, (char *)NULL);
    dprintf(STDERR_FILENO, "cannot execute %s: %s\n", program, strerror(errno));
    _exit(127);
}

/* false: nothing could be made to fail. */
static bool has_ended_well(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        fail_msg("the client was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != EXIT_SKIPPED)
        fail_msg("the client ended with %d: see above", WEXITSTATUS(status));
    return WEXITSTATUS(status) == 0;
}

void client_run(const char *what, unsigned step)
{
    struct broker_proc *broker = broker_proc_new();
    struct fault fault;

    kit_deadline(DEADLINE_S);
    fault_open(&fault);
    broker_proc_start(broker, NULL);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        exec_program(&fault, broker_proc_url(broker), what, step);
    bool well = has_ended_well(pid);
    assert_int_equal(broker_proc_stop(broker), 0);
    fault_close(&fault);
    broker_proc_free(broker);
    if (!well)
        kit_skip("nothing can stand between this program and its malloc");
}
