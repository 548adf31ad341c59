/* Configuration files of a real broker at its start, and without one. */
#include "tests/live/config_files.h"

static void files_and_the_command_line(void **state)
{
    struct peer peer;

    (void)state;
    begin("[broker]\nlog-level = warn\npolicy = audit\n[limits]\nconnections = 100\n");
    write_file("conf.d/20.conf", "[limits]\nconnections = 300\n");
    write_file("conf.d/10.conf", "[limits]\nconnections = 200\nrequests = 1000\n");
    broker_proc_start(broker, (const char *[]){ "--config", in_dir("b.conf"), "--log-level", "info", NULL });
    peer_open(&peer, broker);
    expect_held(&peer, "log-level", "info from command line");
    expect_held(&peer, "policy", "audit from b.conf:3");
    expect_held(&peer, "connections", "300 from 20.conf:2");
    expect_held(&peer, "requests", "1000 from 10.conf:3");
    expect_held(&peer, "scope", "auto from default");
    peer_close(&peer);
    finish();
}

static void a_bad_file_is_no_start(void **state)
{
    (void)state;
    begin("[broker]\nlog-levle = info\nloop = x\n");
    broker_proc_spawn(broker, (const char *[]){ "--config", in_dir("b.conf"), "--listen", broker_proc_url(broker), NULL });
    assert_int_equal(broker_proc_wait(broker, 10000), 78);
    assert_true(broker_proc_log_has(broker, "b.conf:2: unknown key 'log-levle' in [broker]: did you mean 'log-level'?", 0));
    assert_true(broker_proc_log_has(broker, "b.conf:3: loop = x: it is auto, poll or epoll", 0));
    assert_int_equal(access(broker_proc_socket(broker), F_OK), -1);
    broker_proc_spawn(broker, (const char *[]){ "--config", in_dir("missing"), NULL });
    assert_int_equal(broker_proc_wait(broker, 10000), 78);
    broker_proc_free(broker);
}

static void it_listens_where_the_file_says(void **state)
{
    char text[300];
    struct peer peer;

    (void)state;
    begin("");
    snprintf(text, sizeof text, "[broker]\nlisten = %s\nmode = 640\n", broker_proc_url(broker));
    write_file("b.conf", text);
    broker_proc_spawn(broker, (const char *[]){ "--config", in_dir("b.conf"), NULL });
    broker_proc_await(broker, broker_proc_socket(broker));
    struct stat st;
    assert_int_equal(stat(broker_proc_socket(broker), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    peer_open(&peer, broker);
    peer_close(&peer);
    finish();
}

static void the_default_file_of_a_user(void **state)
{
    (void)state;
    begin("");
    assert_int_equal(mkdir(in_dir("brokerd"), 0700), 0);
    write_file("brokerd/brokerd.conf", "[broker]\nzap = 1\n");
    setenv("XDG_RUNTIME_DIR", broker_proc_dir(broker), 1);
    setenv("XDG_CONFIG_HOME", broker_proc_dir(broker), 1);
    broker_proc_spawn(broker, (const char *[]){ "--user", NULL });
    assert_int_equal(broker_proc_wait(broker, 10000), 78);
    assert_true(broker_proc_log_has(broker, "brokerd.conf:2: unknown key 'zap' in [broker]", 0));
    broker_proc_start(broker, NULL); /* --listen: it is not read */
    assert_int_equal(broker_proc_stop(broker), 0);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    broker_proc_free(broker);
}

/* -- --check-config --------------------------------------------------------------------------------- */

static void be_nobody(void *data)
{
    (void)data;
    if (setgid(65534) < 0 || setuid(65534) < 0)
        _exit(127);
}

static void check(const char *scope, int code, const char *said)
{
    broker_proc_spawn(broker, (const char *[]){ "--check-config", "--config", in_dir("b.conf"), scope, NULL });
    assert_int_equal(broker_proc_wait(broker, 10000), code);
    if (!broker_proc_log_has(broker, said, 0))
        fail_msg("it was not said: %s", said);
    unlink(in_dir("log"));
}

static void checked_without_a_broker(void **state)
{
    (void)state;
    begin("[broker]\nlog-level = warn\n");
    check("--user", 0, "b.conf: good");
    check("--system", 0, "b.conf: good");
    write_file("conf.d/x.conf", "[limits]\nconnections = 0\n[rule \"a\"]\nsubject = x\n");
    check("--user", 78, "x.conf:2: connections = 0: not a number from 16 to ");
    check("--user", 78, "x.conf:3: rule \"a\" ");
    assert_int_equal(unlink(in_dir("conf.d/x.conf")), 0);
    assert_int_equal(chmod(in_dir("b.conf"), 0666), 0);
    check("--user", 0, "b.conf: good");
    check("--system", 78, "b.conf: has mode 0666: for a system's broker only its owner may be able to write to it");
    broker_proc_free(broker);
}

/* Whoever may read the files may check them, of whatever sort of broker. */
static void checked_by_nobody(void **state)
{
    (void)state;
    if (geteuid() != 0)
        kit_skip("needs root");
    begin("[broker]\nlisten = unix:/run/brokerd/x.sock\nowner = root\n");
    for (const char *path = kit_dir(); path; path = path == kit_dir() ? broker_proc_dir(broker) : NULL)
        assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(in_dir("b.conf"), 0644), 0);
    assert_int_equal(chmod(in_dir("conf.d"), 0755), 0);
    broker_proc_set_child(broker, be_nobody, NULL);
    check("--system", 0, "b.conf: good");
    check("--user", 0, "b.conf: good");
    assert_int_equal(chmod(in_dir("b.conf"), 0600), 0);
    check("--system", 78, "b.conf: cannot be opened: Permission denied");
    broker_proc_free(broker);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(files_and_the_command_line),
        kit_test(a_bad_file_is_no_start),
        kit_test(it_listens_where_the_file_says),
        kit_test(the_default_file_of_a_user),
        kit_test(checked_without_a_broker),
        kit_test(checked_by_nobody),
    };
    return kit_run("configuration", tests, KIT_LENGTH(tests));
}
