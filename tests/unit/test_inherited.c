/* Sockets from systemd: what is ours is taken, with its name, once; without
 * libsystemd it is refused with a sentence.
 */
#include "broker/net/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct setup_error error;

static void hand_over(int pid, const char *fds, const char *names)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", pid);
    (void)setenv("LISTEN_PID", text, 1);
    (void)setenv("LISTEN_FDS", fds, 1);
    if (names)
        (void)setenv("LISTEN_FDNAMES", names, 1);
    else
        (void)unsetenv("LISTEN_FDNAMES");
}

static void test_nothing(void **state)
{
    struct inherited *list = NULL;

    (void)state;
    assert_int_equal(inherited_take(&list, &error), 0);
    hand_over(1, "3", NULL); /* left over, and meant for another process */
    assert_int_equal(inherited_take(&list, &error), 0);
    assert_null(list);
    assert_null(inherited_free(NULL, 0));
}

/* What went wrong, as an exit status: descriptors 3 and 4 would be in the way
 * of the test's own. */
static int take_two(const char *names, const char *first, const char *second)
{
    struct inherited *list = NULL;
    int n, r = 0;

    if (dup2(0, 3) < 0 || dup2(0, 4) < 0)
        return 10;
    hand_over((int)getpid(), "2", names);
    n = inherited_take(&list, &error);
#ifdef HAVE_SYSTEMD
    if (n != 2)
        return 11;
    if (list[0].fd != 3 || list[1].fd != 4 || !(fcntl(3, F_GETFD) & FD_CLOEXEC))
        r = 12;
    if (strcmp(list[0].name, first) != 0 || strcmp(list[1].name, second) != 0)
        r = 13;
    inherited_free(list, 2);
    return r == 0 && inherited_take(&list, &error) != 0 ? 14 : r; /* only once */
#else
    (void)first, (void)second;
    return n == -EOPNOTSUPP && strstr(error.why, "without systemd") ? r : 15;
#endif
}

static void expect_two(const char *names, const char *first, const char *second)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(take_two(names, first, second));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

static void test_two(void **state)
{
    (void)state;
    expect_two("main:admin", "main", "admin");
    expect_two(NULL, "unknown", "unknown");
}

/* Numbers that make no sense end the start, or count as none: never a crash. */
static void test_nonsense(void **state)
{
    static const char *const numbers[] = { "-1", "99999999999999999999", "x", "", "0" };
    struct inherited *list = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        hand_over((int)getpid(), numbers[i], NULL);
        assert_true(inherited_take(&list, &error) <= 0);
        assert_null(list);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(test_nothing),
        kit_test(test_two),
        kit_test(test_nonsense),
    };

    return kit_run("inherited", tests, KIT_LENGTH(tests));
}
