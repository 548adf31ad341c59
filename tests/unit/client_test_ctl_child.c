/* Running serve's command: big input and output at once, commands that do not
 * read, do not stop, say too much, or leave something behind.
 */
#include "client/brokerctl/child.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { TOO_LONG_MS = 20000 };

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void start(struct child *child, const char *script, size_t n_input, size_t max_output)
{
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
    struct text input = TEXT_INIT;

    for (size_t i = 0; i < n_input; i++)
        text_char(&input, (char)('a' + i % 23));
    *child = (struct child)CHILD_INIT;
    assert_int_equal(child_start(child, argv, environ, &input, max_output), 0);
    assert_null(input.data);
}

static void turn(struct child *child, int timeout_ms)
{
    struct pollfd fds[CHILD_FDS];

    child_fds(child, fds);
    assert_true(poll(fds, CHILD_FDS, timeout_ms) >= 0);
    child_handle(child, fds, now_ms());
}

/* Returns how long it took. */
static uint64_t run(struct child *child)
{
    uint64_t begin = now_ms();

    while (!child->done) {
        assert_true(now_ms() - begin < TOO_LONG_MS);
        turn(child, 100);
    }
    return now_ms() - begin;
}

static void test_echo_of_much(void **state)
{
    enum { MUCH = 5 << 20 };
    struct child child;

    (void)state;
    start(&child, "cat", MUCH, MUCH);
    run(&child);
    assert_int_equal(child_exit_code(&child), 0);
    assert_int_equal(child.output.len, MUCH);
    for (size_t i = 0; i < MUCH; i += 4097)
        assert_int_equal(child.output.data[i], 'a' + i % 23);
    child_deinit(&child);
}

static void test_input_not_read(void **state)
{
    struct child child;

    (void)state;
    start(&child, "exec <&-; echo done; exit 3", 1 << 20, 100);
    run(&child);
    assert_int_equal(child_exit_code(&child), 3);
    assert_int_equal(child.output.len, 5);
    child_deinit(&child);
}

static void test_no_input(void **state)
{
    struct child child;

    (void)state;
    start(&child, "wc -c", 0, 100);
    run(&child);
    assert_memory_equal(child.output.data, "0\n", 2);
    child_deinit(&child);
}

static void test_output_too_large(void **state)
{
    struct child child;

    (void)state;
    start(&child, "yes", 0, 100000);
    run(&child);
    assert_true(child.too_large);
    child_deinit(&child);
}

/* What was left in the background holds the pipe open, and nobody waits for it. */
static void test_left_behind(void **state)
{
    struct child child;

    (void)state;
    start(&child, "echo now; sleep 30 & echo $!", 0, 100);
    assert_true(run(&child) < 5000);
    assert_int_equal(child_exit_code(&child), 0);
    assert_memory_equal(child.output.data, "now\n", 4);
    kill((pid_t)atoi(text_string(&child.output) + 4), SIGKILL);
    child_deinit(&child);
}

static void test_ended(void **state)
{
    struct child child;

    (void)state;
    start(&child, "sleep 30", 0, 100);
    child_end(&child, now_ms());
    assert_true(run(&child) < 1900);
    assert_int_equal(child_exit_code(&child), 128 + SIGTERM);
    child_deinit(&child);
}

static void test_ended_by_force(void **state)
{
    struct child child;

    (void)state;
    start(&child, "trap '' TERM; echo armed; while :; do sleep 1; done", 0, 100);
    while (child.output.len == 0)
        turn(&child, 1000);
    child_end(&child, now_ms() - 1900); /* as if asked 1.9 s ago */
    run(&child);
    assert_int_equal(child_exit_code(&child), 128 + SIGKILL);
    child_deinit(&child);
}

static void test_signals_are_its_own(void **state)
{
    struct child child;

    (void)state;
    start(&child, "kill -PIPE $$; echo survived", 0, 100);
    run(&child);
    assert_int_equal(child_exit_code(&child), 128 + SIGPIPE);
    child_deinit(&child);
}

static void test_deinit_kills(void **state)
{
    struct child child;
    pid_t pid;

    (void)state;
    start(&child, "sleep 30", 0, 100);
    pid = child.pid;
    child_deinit(&child);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void test_no_such_command(void **state)
{
    char *argv[] = { (char *)"/nonexistent/command", NULL };
    struct child child = CHILD_INIT;
    struct text input = TEXT_INIT;

    (void)state;
    assert_int_equal(child_start(&child, argv, environ, &input, 100), -ENOENT);
    child_deinit(&child);
    assert_int_equal(child_find("/nonexistent/command"), -ENOENT);
    assert_int_equal(child_find("no-such-command-anywhere"), -ENOENT);
    assert_int_equal(child_find("sh"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_of_much),   cmocka_unit_test(test_input_not_read),
        cmocka_unit_test(test_no_input),       cmocka_unit_test(test_output_too_large),
        cmocka_unit_test(test_left_behind),    cmocka_unit_test(test_ended),
        cmocka_unit_test(test_ended_by_force), cmocka_unit_test(test_signals_are_its_own),
        cmocka_unit_test(test_deinit_kills),   cmocka_unit_test(test_no_such_command),
    };

    signal(SIGPIPE, SIG_IGN); /* as brokerctl does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
