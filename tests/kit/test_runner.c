/* The kit's own test: a group that hangs, leaks, crashes or leaves a process behind must be noticed and cleaned up. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/kit/runner.h"

static pid_t *orphan; /* shared with the group's process */

static void passes(void **state)
{
    (void)state;
}

static void fails(void **state)
{
    (void)state;
    assert_int_equal(1, 2);
}

static void hangs(void **state)
{
    (void)state;
    kit_deadline(1);
    for (;;)
        pause();
}

static void leaks(void **state)
{
    (void)state;
    assert_true(dup(0) >= 0);
}

static void aborts(void **state)
{
    (void)state;
    abort();
}

static void is_skipped(void **state)
{
    (void)state;
    kit_skip("there is nothing to do");
}

static void leaves_a_process(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        for (;;)
            pause();
    }
    *orphan = pid;
}

static int n_wrong;

static void check(const char *what, bool holds)
{
    printf("%s: %s\n", holds ? "ok" : "NOT OK", what);
    n_wrong += !holds;
}

/** The result of a group of @p a and, unless NULL, @p b. */
static int run(CMUnitTestFunction a, CMUnitTestFunction b)
{
    const struct CMUnitTest tests[] = {
        {"a", a, kit_begin, kit_end, NULL},
        {"b", b, kit_begin, kit_end, NULL},
    };
    int result = kit_run("group", tests, b ? 2 : 1);

    check("its folder is removed", access(kit_dir(), F_OK) != 0);
    return result;
}

int main(void)
{
    orphan = mmap(NULL, sizeof(*orphan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    check("a test that passes gives 0", run(passes, NULL) == 0);
    check("one of two that fails gives 1", run(passes, fails) == 1);
    check("a test that hangs gives 1", run(hangs, NULL) == 1);
    check("a descriptor left open gives 1", run(leaks, NULL) == 1);
    check("a crash gives 1", run(passes, aborts) == 1);
    check("a test that is skipped gives 77", run(is_skipped, NULL) == 77);
    check("one of two that is skipped gives 0", run(passes, is_skipped) == 0);
    check("a process left behind is no failure", run(leaves_a_process, NULL) == 0);
    check("and it is ended", *orphan > 0 && kill(*orphan, 0) != 0);
    return n_wrong ? 1 : 0;
}
