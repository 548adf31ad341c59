/* How a broker starts, or does not, and what it leaves behind. FAULTS: "Security", the socket's path. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/live/sys_body.h"

static struct broker_proc *broker;

static void begin(void)
{
    broker = broker_proc_new();
}

static void finish(void)
{
    broker_proc_free(broker);
}

static const char *in_dir(const char *name)
{
    static char path[2][200];
    static unsigned turn;
    char *to = path[turn++ % 2];

    snprintf(to, sizeof path[0], "%s/%s", broker_proc_dir(broker), name);
    return to;
}

static const char *url_in_dir(const char *name)
{
    static char url[220];

    snprintf(url, sizeof url, "unix:%s", in_dir(name));
    return url;
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void expect_exit(const char *const args[], int code, const char *said)
{
    broker_proc_spawn(broker, args);
    int got = broker_proc_wait(broker, 5000);
    if (got != code)
        fail_msg("exit %d instead of %d for %s %s", got, code, args[0], args[0] ? args[1] : "");
    assert_true(broker_proc_log_has(broker, said, 0));
    unlink(in_dir("log"));
}

#define EXPECT_EXIT(code, said, ...) expect_exit((const char *const[]){ __VA_ARGS__, NULL }, code, said)

static void the_command_line(void **state)
{
    (void)state;
    begin();
    EXPECT_EXIT(0, "--listen URL", "--help");
    EXPECT_EXIT(0, "brokerd " BROKER_VERSION, "--version");
    EXPECT_EXIT(64, "--help", "--nonsense");
    EXPECT_EXIT(64, "--help", "--listen");
    EXPECT_EXIT(64, "takes options only", "extra");
    EXPECT_EXIT(64, "--loop select", "--loop", "select");
    EXPECT_EXIT(64, "--mode", "--mode", "999");
    EXPECT_EXIT(64, "--mode", "--mode", "01777");
    EXPECT_EXIT(64, "--mode", "--mode", "");
    EXPECT_EXIT(64, "no such user", "--owner", "nobody-of-this-name");
    EXPECT_EXIT(64, "no such group", "--group", "4294967295");
    EXPECT_EXIT(64, "root would keep every privilege", "--run-as", "root");
    EXPECT_EXIT(64, "no such user", "--run-as", "nobody-of-this-name:0");
    EXPECT_EXIT(64, "--log-level", "--log-level", "loud");
    EXPECT_EXIT(64, "--listen", "--listen", "nonsense");
    EXPECT_EXIT(64, "--listen", "--listen", "unix:relative");
    EXPECT_EXIT(64, "--listen", "--listen", "tcp://localhost:7420");
    EXPECT_EXIT(64, "--user", "--user", "--listen", url_in_dir("s"));
    finish();
}

/* -- the path --------------------------------------------------------------------------------- */

static void a_path_that_is_not_to_be_trusted(void **state)
{
    (void)state;
    begin();
    assert_int_equal(symlink("/nowhere", in_dir("link")), 0);
    EXPECT_EXIT(73, "symbolic link", "--listen", url_in_dir("link"));
    assert_true(is_there(in_dir("link")));
    close(open(in_dir("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    EXPECT_EXIT(73, "no socket", "--listen", url_in_dir("file"));
    assert_true(is_there(in_dir("file")));
    EXPECT_EXIT(73, "cannot open the directory", "--listen", url_in_dir("missing/s"));
    assert_int_equal(mkdir(in_dir("open"), 0700), 0);
    assert_int_equal(chmod(in_dir("open"), 0777), 0);
    EXPECT_EXIT(73, "could replace the socket", "--listen", url_in_dir("open/s"));
    assert_int_equal(chmod(in_dir("open"), 0770), 0);
    EXPECT_EXIT(73, "could replace the socket", "--listen", url_in_dir("open/s"));
    assert_false(is_there(in_dir("open/s")));
    assert_int_equal(chmod(in_dir("open"), 01777), 0);
    broker_proc_spawn(broker, (const char *[]){ "--listen", url_in_dir("open/s"), NULL });
    broker_proc_await(broker, in_dir("open/s"));
    assert_int_equal(broker_proc_stop(broker), 0);
    finish();
}

static void a_live_broker_is_not_unseated(void **state)
{
    struct broker_proc *second = broker_proc_new();
    struct peer peer;

    (void)state;
    begin();
    broker_proc_start(broker, NULL);
    peer_open(&peer, broker);
    broker_proc_spawn(second, (const char *[]){ "--listen", broker_proc_url(broker), NULL });
    assert_int_equal(broker_proc_wait(second, 5000), 69);
    assert_true(broker_proc_log_has(second, "in use", 0));
    unlink(in_dir("brokerd.sock.lock")); /* whoever does that: the probe still tells */
    broker_proc_spawn(second, (const char *[]){ "--listen", broker_proc_url(broker), NULL });
    assert_int_equal(broker_proc_wait(second, 5000), 69);
    peer_ping(&peer);
    peer_close(&peer);
    broker_proc_free(second);
    assert_int_equal(broker_proc_stop(broker), 0);
    finish();
}

static void a_stale_socket_is_taken_over(void **state)
{
    struct peer peer;

    (void)state;
    begin();
    for (int i = 0; i < 3; i++) {
        broker_proc_start(broker, NULL);
        peer_open(&peer, broker);
        peer_ping(&peer);
        broker_proc_kill(broker);
        assert_null(peer_next(&peer, RAW_DEADLINE_MS));
        peer_close(&peer);
        assert_true(is_there(broker_proc_socket(broker)));
    }
    finish();
}

static void what_is_not_ours_any_more_stays(void **state)
{
    (void)state;
    begin();
    broker_proc_start(broker, NULL);
    assert_int_equal(rename(broker_proc_socket(broker), in_dir("moved")), 0);
    close(open(broker_proc_socket(broker), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(broker_proc_stop(broker), 0);
    assert_true(is_there(broker_proc_socket(broker)));
    assert_false(is_there(in_dir("brokerd.sock.lock")));
    finish();
}

static void the_socket_goes_with_the_broker(void **state)
{
    (void)state;
    begin();
    broker_proc_start(broker, NULL);
    assert_true(is_there(broker_proc_socket(broker)));
    assert_int_equal(broker_proc_stop(broker), 0);
    assert_false(is_there(broker_proc_socket(broker)));
    assert_false(is_there(in_dir("brokerd.sock.lock")));
    finish();
}

static void mode_owner_and_group(void **state)
{
    struct stat st;

    (void)state;
    begin();
    broker_proc_start(broker, NULL);
    assert_int_equal(stat(broker_proc_socket(broker), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(broker_proc_stop(broker), 0);
    mode_t mask = umask(0);
    broker_proc_start(broker, (const char *[]){ "--mode", "0640", NULL });
    umask(mask);
    assert_int_equal(stat(broker_proc_socket(broker), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(broker_proc_stop(broker), 0);
    if (geteuid() == 0) {
        broker_proc_start(broker, (const char *[]){ "--owner", "65534", "--group", "1", NULL });
        assert_int_equal(stat(broker_proc_socket(broker), &st), 0);
        assert_int_equal(st.st_uid, 65534);
        assert_int_equal(st.st_gid, 1);
        assert_int_equal(broker_proc_stop(broker), 0);
    }
    finish();
}

/* -- other sockets ---------------------------------------------------------------------------- */

static void ping_at(const char *path)
{
    struct peer peer = { .fd = raw_open(path) };

    peer_hello(&peer, NULL);
    peer_welcomed(&peer);
    peer_ping(&peer);
    peer_close(&peer);
}

static void several_listeners_and_an_abstract_one(void **state)
{
    char abstract[100], url[110];
    struct sys_body body;

    (void)state;
    begin();
    snprintf(abstract, sizeof abstract, "@brokerd-test-%d", (int)getpid());
    snprintf(url, sizeof url, "unix:%s", abstract);
    broker_proc_start(broker, (const char *[]){ "--listen", url, "--listen", url_in_dir("second"), NULL });
    ping_at(abstract);
    ping_at(in_dir("second"));
    struct peer peer = { .fd = raw_open(abstract) };
    peer_hello(&peer, NULL);
    peer_welcomed(&peer);
    sys_ask(&body, &peer, "$SYS.info", "", 0);
    assert_int_equal(sys_list(body.root, "listeners")->size, 3);
    sys_free(&body);
    sys_ask(&body, &peer, "$SYS.clients", "", 0);
    sys_expect_text(&sys_list(body.root, "clients")->ptr[0], "listener", url);
    sys_free(&body);
    struct broker_proc *second = broker_proc_new();
    broker_proc_spawn(second, (const char *[]){ "--listen", url, NULL });
    assert_int_equal(broker_proc_wait(second, 5000), 69);
    broker_proc_free(second);
    peer_close(&peer);
    assert_int_equal(broker_proc_stop(broker), 0);
    assert_false(is_there(in_dir("second")));
    finish();
}

/* A second listener that fails takes the first one back. */
static void all_listeners_or_none(void **state)
{
    (void)state;
    begin();
    char first[220];
    snprintf(first, sizeof first, "%s", url_in_dir("first"));
    EXPECT_EXIT(73, "cannot open the directory", "--listen", first, "--listen", url_in_dir("missing/s"));
    assert_false(is_there(in_dir("first")));
    assert_false(is_there(in_dir("first.lock")));
    finish();
}

static void hand_over(void *data)
{
    char pid[16];

    if (dup2(*(const int *)data, 3) < 0 || fcntl(3, F_SETFD, 0) < 0)
        _exit(127);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "handed-over", 1);
}

static int listening_socket(const char *path)
{
    struct sockaddr_un { sa_family_t family; char path[108]; } address = { .family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.path, sizeof address.path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 10), 0);
    return fd;
}

static void a_socket_of_systemd(void **state)
{
    struct sys_body body;
    struct peer peer;

    (void)state;
    begin();
    int fd = listening_socket(broker_proc_socket(broker));
    broker_proc_set_child(broker, hand_over, &fd);
    setenv("XDG_CONFIG_HOME", broker_proc_dir(broker), 1);
    broker_proc_spawn(broker, (const char *[]){ "--user", NULL });
    broker_proc_await(broker, broker_proc_socket(broker));
    peer_open(&peer, broker);
    sys_ask(&body, &peer, "$SYS.clients", "", 0);
    sys_expect_text(&sys_list(body.root, "clients")->ptr[0], "listener", "handed-over");
    sys_free(&body);
    peer_close(&peer);
    assert_int_equal(broker_proc_stop(broker), 0);
    assert_true(is_there(broker_proc_socket(broker))); /* it is systemd's */
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    broker_proc_spawn(broker, (const char *[]){ "--user", NULL });
    assert_int_equal(broker_proc_wait(broker, 5000), 73);
    assert_true(broker_proc_log_has(broker, "does not listen", 0));
    close(fd);
    finish();
}

static void the_default_path(void **state)
{
    (void)state;
    begin();
    setenv("XDG_RUNTIME_DIR", broker_proc_dir(broker), 1);
    setenv("XDG_CONFIG_HOME", broker_proc_dir(broker), 1);
    broker_proc_spawn(broker, (const char *[]){ "--user", NULL });
    broker_proc_await(broker, in_dir("brokerd/brokerd.sock"));
    assert_int_equal(broker_proc_stop(broker), 0);
    unsetenv("XDG_RUNTIME_DIR");
    EXPECT_EXIT(73, "XDG_RUNTIME_DIR", "--user");
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(the_command_line),
        kit_test(a_path_that_is_not_to_be_trusted),
        kit_test(a_live_broker_is_not_unseated),
        kit_test(a_stale_socket_is_taken_over),
        kit_test(what_is_not_ours_any_more_stays),
        kit_test(the_socket_goes_with_the_broker),
        kit_test(mode_owner_and_group),
        kit_test(several_listeners_and_an_abstract_one),
        kit_test(all_listeners_or_none),
        kit_test(a_socket_of_systemd),
        kit_test(the_default_path),
    };
    return kit_run("startup", tests, KIT_LENGTH(tests));
}
