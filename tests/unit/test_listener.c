/* Listening: paths, abstract names and adopted sockets; life at the descriptor
 * limit, where every connection hears why and the loop does not spin.
 */
#include "broker/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/status.h"
#include "proto/transport/sys.h"
#include "proto/transport/unix_socket.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { MAX_KEPT = 300 };

static struct loop *loop;
static struct listener *listener;
static struct setup_error error;
static const struct sockpath_options defaults = SOCKPATH_OPTIONS_INIT;

static int kept[MAX_KEPT]; /* accepted */
static int n_kept;
static int n_refused;
static int refused_status;
static bool free_on_accept;

static void on_accepted(void *userdata, int fd, struct listener *from)
{
    assert_ptr_equal(userdata, &kept);
    assert_ptr_equal(from, listener);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(n_kept < MAX_KEPT);
    kept[n_kept++] = fd;
    if (free_on_accept)
        listener = listener_free(listener);
}

static void on_refused(void *userdata, int fd, int status)
{
    assert_ptr_equal(userdata, &kept);
    assert_int_equal(sys_send(fd, "go away", 7), 7);
    n_refused++;
    refused_status = status;
}

static const struct listener_handler handler = { .accepted = on_accepted, .refused = on_refused };

static int setup(void **state)
{
    n_kept = n_refused = refused_status = 0;
    free_on_accept = false;
    return kit_begin(state) < 0 || loop_new(&loop, "auto") < 0 ? -1 : 0;
}

static void close_kept(void)
{
    while (n_kept > 0)
        close(kept[--n_kept]);
}

static int teardown(void **state)
{
    close_kept();
    listener = listener_free(listener);
    loop = loop_free(loop);
    return kit_end(state);
}

static struct address path_address(const char *name)
{
    struct address address = { .kind = ADDRESS_PATH };

    (void)snprintf(address.name, sizeof(address.name), "%s/%s", kit_dir(), name);
    return address;
}

static void listen_on(const struct address *address)
{
    if (listener_new(&listener, loop, address, &defaults, &handler, &kept, &error) < 0)
        fail_msg("%s", error.why);
}

static int connect_to(const struct address *address)
{
    int fd = unix_connect(address);

    assert_true(fd >= 0);
    return fd;
}

/* Rounds until nothing comes any more. */
static void run(void)
{
    for (int i = 0; i < 8; i++)
        assert_int_equal(loop_run_once(loop, 0), 0);
}

/* What the broker said, and that it then closed. */
static void expect_goodbye(int fd)
{
    char text[16] = "";

    assert_int_equal(read(fd, text, sizeof(text) - 1), 7);
    assert_string_equal(text, "go away");
    assert_int_equal(read(fd, text, sizeof(text)), 0);
    close(fd);
}

/* -- kinds --------------------------------------------------------------- */

static void check_kind(const struct address *address, const char *name)
{
    int client;

    listen_on(address);
    assert_string_equal(listener_name(listener), name);
    client = connect_to(address);
    run();
    assert_int_equal(n_kept, 1);
    assert_int_equal(write(client, "hi", 2), 2);
    assert_int_equal(recv(kept[0], (char[4]){ 0 }, 4, 0), 2);
    close(client);
    close_kept();
    listener = listener_free(listener);
    assert_true(unix_connect(address) < 0);
}

static void test_path(void **state)
{
    struct address address = path_address("a.sock");
    char name[ADDRESS_TEXT_MAX];

    (void)state;
    (void)snprintf(name, sizeof(name), "unix:%s/a.sock", kit_dir());
    check_kind(&address, name);
    assert_int_equal(unix_connect(&address), -ENOENT);
}

static void test_abstract(void **state)
{
    struct address address = { .kind = ADDRESS_ABSTRACT };
    struct listener *second = NULL;
    char name[ADDRESS_TEXT_MAX];

    (void)state;
    (void)snprintf(address.name, sizeof(address.name), "brokerd-test-%d", (int)getpid());
    (void)snprintf(name, sizeof(name), "unix:@%s", address.name);
    check_kind(&address, name);
    listen_on(&address);
    assert_int_equal(listener_new(&second, loop, &address, &defaults, &handler, NULL, &error),
                     -EADDRINUSE);
    assert_non_null(strstr(error.why, "in use"));
    assert_null(second);
}

static void test_tcp_is_refused(void **state)
{
    struct address address = { .kind = ADDRESS_TCP, .name = "localhost", .port = 7420 };

    (void)state;
    assert_int_equal(listener_new(&listener, loop, &address, &defaults, &handler, &kept, &error),
                     -EAFNOSUPPORT);
    assert_non_null(strstr(error.why, "tcp://localhost:7420"));
}

static void test_adopted(void **state)
{
    struct address address = path_address("adopted.sock");
    int fd = unix_bind(&address), client;
    struct stat st;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(unix_listen(fd), 0);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0); /* systemd hands over blocking ones */
    assert_int_equal(listener_adopt(&listener, loop, fd, "main", &handler, &kept, &error), 0);
    assert_string_equal(listener_name(listener), "main");
    client = connect_to(&address);
    run();
    assert_int_equal(n_kept, 1);
    close(client);
    listener = listener_free(listener);
    assert_int_equal(stat(address.name, &st), 0); /* systemd's, not ours */
}

static void expect_unfit(int fd, int code, const char *words)
{
    assert_true(fd >= 0);
    assert_int_equal(listener_adopt(&listener, loop, fd, "x", &handler, &kept, &error), code);
    if (!strstr(error.why, words))
        fail_msg("\"%s\" does not say \"%s\"", error.why, words);
    assert_int_equal(close(fd), 0); /* still ours */
}

static void test_unfit_for_adoption(void **state)
{
    struct address address = path_address("unfit.sock");

    (void)state;
    expect_unfit(open("/dev/null", O_RDONLY | O_CLOEXEC), -ENOTSOCK, "is no socket");
    expect_unfit(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -EPROTOTYPE, "AF_UNIX stream");
    expect_unfit(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), -EPROTOTYPE, "AF_UNIX stream");
    expect_unfit(unix_bind(&address), -EINVAL, "does not listen");
}

/* -- limits -------------------------------------------------------------- */

static void test_many_in_turn(void **state)
{
    struct address address = path_address("many.sock");
    int clients[2 * LISTENER_ACCEPTS];

    (void)state;
    listen_on(&address);
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        clients[i] = connect_to(&address);
    assert_int_equal(loop_run_once(loop, 0), 0);
    assert_in_range(n_kept, 1, LISTENER_ACCEPTS); /* and no longer than LISTENER_NS */
    while ((size_t)n_kept < COUNT_OF(clients))
        run();
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        close(clients[i]);
}

static struct rlimit lower_limit(rlim_t limit)
{
    struct rlimit before, lower;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    lower = (struct rlimit){ .rlim_cur = limit, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    return before;
}

/* The number that the next descriptor would get. */
static rlim_t next_fd(void)
{
    int fd = dup(0);

    close(fd);
    return (rlim_t)fd;
}

static void test_descriptor_limit(void **state)
{
    struct address address = path_address("emfile.sock");
    int clients[20];
    struct rlimit before;
    uint64_t round;

    (void)state;
    listen_on(&address);
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        clients[i] = connect_to(&address);
        assert_int_equal(write(clients[i], "a hello nobody reads", 20), 20);
    }
    before = lower_limit(next_fd() + 5); /* five more, and not one beyond */
    run();
    assert_int_equal(n_kept, 5);
    assert_int_equal(n_refused, COUNT_OF(clients) - 5);
    assert_int_equal(refused_status, STATUS_NO_DESCRIPTORS);
    for (size_t i = 5; i < COUNT_OF(clients); i++)
        expect_goodbye(clients[i]);

    /* Nobody waits any more: the loop sleeps. */
    round = loop_round(loop);
    assert_int_equal(loop_run_once(loop, 20), 0);
    assert_int_equal(loop_round(loop), round + 1);

    /* Two leave: one number goes to a new client's own end, one to ours. */
    close(kept[--n_kept]);
    close(clients[n_kept]);
    clients[n_kept] = connect_to(&address);
    run();
    assert_int_equal(n_kept, 5);
    assert_int_equal(n_refused, COUNT_OF(clients) - 5);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < 5; i++)
        close(clients[i]);
}

/* Somebody else took even the spare's number: accepting pauses, the loop does
 * not spin, and all goes on by itself. */
static void test_without_the_spare(void **state)
{
    struct address address = path_address("spare.sock");
    struct rlimit before;
    int client = -1, rounds = 0;
    int64_t start;

    (void)state;
    listen_on(&address);
    client = connect_to(&address);
    before = lower_limit(3); /* less than the spare's own number */
    start = kit_now_ns();
    while (kit_now_ns() - start < 250 * 1000000) {
        assert_int_equal(loop_run_once(loop, 50), 0);
        rounds++;
    }
    assert_true(rounds < 20);
    assert_int_equal(n_kept + n_refused, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < 10 && n_kept == 0; i++)
        assert_int_equal(loop_run_once(loop, 50), 0);
    assert_int_equal(n_kept, 1);
    close(client);
}

/* -- the end ------------------------------------------------------------- */

static void test_freed_by_its_callback(void **state)
{
    struct address address = path_address("free.sock");
    int a, b;

    (void)state;
    listen_on(&address);
    a = connect_to(&address);
    b = connect_to(&address);
    free_on_accept = true;
    run();
    assert_int_equal(n_kept, 1);
    assert_null(listener);
    close(a);
    close(b);
}

static void test_refusing_who_waits(void **state)
{
    struct address address = path_address("drain.sock");
    int clients[10];

    (void)state;
    listen_on(&address);
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        clients[i] = connect_to(&address);
    listener_refuse_waiting(listener, STATUS_SHUTTING_DOWN);
    assert_int_equal(n_refused, COUNT_OF(clients));
    assert_int_equal(refused_status, STATUS_SHUTTING_DOWN);
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        expect_goodbye(clients[i]);
    run();
    assert_int_equal(n_kept, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_path),
        TEST(test_abstract),
        TEST(test_tcp_is_refused),
        TEST(test_adopted),
        TEST(test_unfit_for_adoption),
        TEST(test_many_in_turn),
        TEST(test_descriptor_limit),
        TEST(test_without_the_spare),
        TEST(test_freed_by_its_callback),
        TEST(test_refusing_who_waits),
    };

    return kit_run("listener", tests, KIT_LENGTH(tests));
}
