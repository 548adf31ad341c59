/* Signals as events: each arrives in the loop, and all is put back at the end. */
#include "broker/loop/signals.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct loop *loop;
static struct signals *signals;
static int stops[8];
static int n_stops;
static int n_reloads;
static bool free_on_stop;

static void on_stop(void *userdata, int signo)
{
    assert_ptr_equal(userdata, &stops);
    assert_true(n_stops < (int)COUNT_OF(stops));
    stops[n_stops++] = signo;
    if (free_on_stop)
        signals = signals_free(signals);
}

static void on_reload(void *userdata)
{
    assert_ptr_equal(userdata, &stops);
    n_reloads++;
}

static const struct signals_handler handler = { .stop = on_stop, .reload = on_reload };

static int setup(void **state)
{
    n_stops = n_reloads = 0;
    free_on_stop = false;
    if (kit_begin(state) < 0 || loop_new(&loop, "auto") < 0)
        return -1;
    return signals_new(&signals, loop, &handler, &stops);
}

static int teardown(void **state)
{
    signals = signals_free(signals);
    loop = loop_free(loop);
    return kit_end(state);
}

static void run(int rounds)
{
    while (rounds-- > 0)
        assert_int_equal(loop_run_once(loop, 0), 0);
}

static void test_each(void **state)
{
    (void)state;
    run(1);
    assert_int_equal(n_stops + n_reloads, 0);
    raise(SIGTERM);
    run(2);
    assert_int_equal(n_stops, 1);
    assert_int_equal(stops[0], SIGTERM);
    raise(SIGINT);
    run(2);
    assert_int_equal(stops[1], SIGINT);
    raise(SIGHUP);
    run(2);
    assert_int_equal(n_reloads, 1);
    assert_int_equal(n_stops, 2);
}

static void test_several_at_once(void **state)
{
    (void)state;
    raise(SIGHUP);
    raise(SIGINT);
    raise(SIGTERM);
    run(4);
    assert_int_equal(n_stops, 2);
    assert_int_equal(n_reloads, 1);
}

static void test_sigpipe_is_ignored(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1); /* and we are still there */
    close(fds[1]);
}

static void test_freed_by_its_callback(void **state)
{
    (void)state;
    free_on_stop = true;
    raise(SIGTERM);
    raise(SIGINT);
    run(3);
    assert_int_equal(n_stops, 1);
    assert_null(signals);
}

static void test_all_is_put_back(void **state)
{
    struct sigaction pipe_action;
    sigset_t mask;

    (void)state;
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    assert_true(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGHUP));
    signals = signals_free(signals);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGTERM) || sigismember(&mask, SIGINT) ||
                 sigismember(&mask, SIGHUP));
    assert_int_equal(sigaction(SIGPIPE, NULL, &pipe_action), 0);
    assert_ptr_equal(pipe_action.sa_handler, SIG_DFL);
    assert_null(signals_free(NULL));
}

/* A Ctrl-C that nobody came to read does not kill at the last moment; one
 * after the end does again. */
static void test_pending_is_dropped(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    raise(SIGINT);
    raise(SIGTERM);
    signals = signals_free(signals);
    pid = fork();
    if (pid == 0) {
        raise(SIGTERM);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_each),
        TEST(test_several_at_once),
        TEST(test_sigpipe_is_ignored),
        TEST(test_freed_by_its_callback),
        TEST(test_all_is_put_back),
        TEST(test_pending_is_dropped),
    };

    return kit_run("signals", tests, KIT_LENGTH(tests));
}
