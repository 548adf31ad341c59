/* Where a broker is looked for: environment, user's socket, system's socket. */
#include "proto/transport/default_path.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/transport/unix_socket.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct address_list list;
static struct address_error error;

static int setup(void **state)
{
    (void)unsetenv("BROKER_URL");
    (void)setenv("XDG_RUNTIME_DIR", kit_dir(), 1);
    return kit_begin(state);
}

static void expect_one(enum default_path_choice choice, const char *path)
{
    assert_int_equal(default_path_client(&list, choice, &error), 0);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.at[0].kind, ADDRESS_PATH);
    assert_string_equal(list.at[0].name, path);
}

static void test_user_or_system(void **state)
{
    struct address user;
    int fd;

    (void)state;
    assert_int_equal(default_path_user(&user), 0);
    expect_one(DEFAULT_PATH_ONLY_USER, user.name);
    expect_one(DEFAULT_PATH_ONLY_SYSTEM, DEFAULT_PATH_SYSTEM);
    expect_one(DEFAULT_PATH_AUTO, DEFAULT_PATH_SYSTEM); /* the user's is not there */

    *strrchr(user.name, '/') = '\0';
    assert_int_equal(mkdir(user.name, 0700), 0);
    assert_int_equal(default_path_user(&user), 0);
    fd = unix_bind(&user);
    assert_true(fd >= 0);
    close(fd);
    expect_one(DEFAULT_PATH_AUTO, user.name); /* there, though dead */
    expect_one(DEFAULT_PATH_ONLY_SYSTEM, DEFAULT_PATH_SYSTEM);
}

static void test_environment(void **state)
{
    (void)state;
    (void)setenv("BROKER_URL", "unix:@one,unix:/two", 1);
    assert_int_equal(default_path_client(&list, DEFAULT_PATH_AUTO, &error), 0);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.at[1].name, "/two");
    expect_one(DEFAULT_PATH_ONLY_SYSTEM, DEFAULT_PATH_SYSTEM); /* forced */
    (void)setenv("BROKER_URL", "unix:/a,nonsense", 1);
    assert_int_equal(default_path_client(&list, DEFAULT_PATH_AUTO, &error), -EINVAL);
    assert_int_equal(error.at, 8);
    (void)setenv("BROKER_URL", "", 1); /* as good as unset */
    assert_int_equal(default_path_client(&list, DEFAULT_PATH_AUTO, &error), 0);
}

static void test_no_runtime_dir(void **state)
{
    struct address address = { .port = 4711 };
    char *dir = malloc(200);

    (void)state;
    (void)unsetenv("XDG_RUNTIME_DIR");
    assert_int_equal(default_path_user(&address), -ENXIO);
    assert_int_equal(default_path_client(&list, DEFAULT_PATH_ONLY_USER, &error), -ENXIO);
    expect_one(DEFAULT_PATH_AUTO, DEFAULT_PATH_SYSTEM);
    (void)setenv("XDG_RUNTIME_DIR", "relative", 1);
    assert_int_equal(default_path_user(&address), -ENXIO);

    memset(dir, 'x', 200);
    dir[0] = '/';
    dir[ADDRESS_PATH_MAX - strlen("/brokerd/brokerd.sock")] = '\0';
    (void)setenv("XDG_RUNTIME_DIR", dir, 1);
    assert_int_equal(address.port, 4711); /* untouched so far */
    assert_int_equal(default_path_user(&address), 0);
    assert_int_equal(strlen(address.name), ADDRESS_PATH_MAX);
    strcat(dir, "x");
    (void)setenv("XDG_RUNTIME_DIR", dir, 1);
    assert_int_equal(default_path_user(&address), -ENAMETOOLONG);
    expect_one(DEFAULT_PATH_AUTO, DEFAULT_PATH_SYSTEM);
    free(dir);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_end)
    static const struct CMUnitTest tests[] = {
        TEST(test_user_or_system),
        TEST(test_environment),
        TEST(test_no_runtime_dir),
    };

    return kit_run("default_path", tests, KIT_LENGTH(tests));
}
