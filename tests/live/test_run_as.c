/* What a broker may do: fenced in any case, and without anything of root's where it began as root and became somebody
 * else. */
#include <sys/prctl.h>
#include <linux/capability.h>

#include "tests/live/config_files.h"

enum { SOMEBODY = 54321, THEIR_GROUP = 54322 };
#define SOMEBODY_TEXT "54321:54322"

static void begin_as_root(const char *text)
{
    if (geteuid() != 0)
        kit_skip("only root can become somebody else");
    begin(text);
    assert_int_equal(chmod(kit_dir(), 0755), 0);
    assert_int_equal(chmod(broker_proc_dir(broker), 0755), 0);
    assert_int_equal(chmod(in_dir("b.conf"), 0644), 0);
    assert_int_equal(chmod(in_dir("conf.d"), 0755), 0);
}

/* They may remove there what was made there, and no configuration is read from there. */
static void give_folder_away(void)
{
    assert_int_equal(chown(broker_proc_dir(broker), SOMEBODY, (gid_t)-1), 0);
}

static void start_as_somebody(void)
{
    broker_proc_start(broker, (const char *[]){ "--run-as", SOMEBODY_TEXT, NULL });
}

/* The value of a line of /proc/PID/status. */
static const char *status_of(pid_t pid, const char *name)
{
    static char line[200];
    char path[40];
    size_t len = strlen(name);

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, name, len) != 0 || line[len] != ':')
            continue;
        fclose(file);
        line[strcspn(line, "\n")] = '\0';
        return line + len + 1 + strspn(line + len + 1, "\t ");
    }
    fail_msg("%s says nothing of %s", path, name);
    return "";
}

static bool is_there(const char *name)
{
    struct stat st;

    return lstat(in_dir(name), &st) == 0;
}

static void nothing_of_root_is_left(void **state)
{
    struct stat st;

    (void)state;
    begin_as_root("");
    give_folder_away();
    start_as_somebody();
    pid_t pid = broker_proc_pid(broker);
    assert_string_equal(status_of(pid, "Uid"), "54321\t54321\t54321\t54321");
    assert_string_equal(status_of(pid, "Gid"), "54322\t54322\t54322\t54322");
    assert_true(strtol(status_of(pid, "Groups"), NULL, 10) == THEIR_GROUP);
    assert_string_equal(status_of(pid, "CapPrm"), "0000000000000000");
    assert_string_equal(status_of(pid, "CapEff"), "0000000000000000");
    assert_string_equal(status_of(pid, "CapAmb"), "0000000000000000");
    assert_string_equal(status_of(pid, "NoNewPrivs"), "1");
    assert_true(broker_proc_log_has(broker, "running as uid 54321, gid 54322", 0));
    assert_int_equal(stat(broker_proc_socket(broker), &st), 0);
    assert_int_equal(st.st_uid, SOMEBODY);
    assert_int_equal(st.st_gid, THEIR_GROUP);
    finish();
}

/* With a filter of system calls where there is one: "Seccomp: 2", proc(5). */
static void expect_fenced(const char *mode, bool filtered)
{
    broker_proc_start(broker, (const char *[]){ "--seccomp", mode, NULL });
    assert_string_equal(status_of(broker_proc_pid(broker), "NoNewPrivs"), "1");
    assert_string_equal(status_of(broker_proc_pid(broker), "Seccomp"), filtered ? "2" : "0");
    assert_int_equal(broker_proc_stop(broker), 0);
}

static void every_broker_is_fenced(void **state)
{
    (void)state;
    begin("");
#if defined HAVE_SECCOMP && !defined INSTRUMENTED
    expect_fenced("auto", true);
    expect_fenced("yes", true);
#else
    expect_fenced("auto", false);
    broker_proc_spawn(broker, (const char *[]){ "--seccomp", "yes", "--listen",
                                                broker_proc_url(broker), NULL });
    assert_int_equal(broker_proc_wait(broker, 5000), 71);
    assert_true(broker_proc_log_has(broker, "the seccomp filter cannot be had: built", 0));
#endif
    expect_fenced("no", false);
    broker_proc_free(broker);
}

static void it_takes_its_socket_along(void **state)
{
    (void)state;
    begin_as_root("");
    give_folder_away();
    start_as_somebody();
    assert_true(is_there("brokerd.sock"));
    assert_int_equal(broker_proc_stop(broker), 0);
    assert_false(is_there("brokerd.sock"));
    assert_false(is_there("brokerd.sock.lock"));
    broker_proc_free(broker);
}

static void what_it_may_not_remove_is_replaced(void **state)
{
    (void)state;
    begin_as_root("");
    for (int i = 0; i < 2; i++) {
        start_as_somebody();
        assert_int_equal(broker_proc_stop(broker), 0);
        assert_true(is_there("brokerd.sock"));
    }
    broker_proc_free(broker);
}

static void a_reload_is_read_as_that_user(void **state)
{
    struct peer peer;

    (void)state;
    begin_as_root("[limits]\nconnections = 100\n");
    broker_proc_start(
        broker, (const char *[]){ "--config", in_dir("b.conf"), "--run-as", SOMEBODY_TEXT, NULL });
    peer_open(&peer, broker);
    write_file("b.conf", "[limits]\nconnections = 200\n");
    hang_up("SIGHUP: the configuration was read again");
    expect_held(&peer, "connections", "200 from b.conf:2");
    expect_held(&peer, "run-as", SOMEBODY_TEXT " from command line");
    write_file("b.conf", "[limits]\nconnections = 300\n");
    assert_int_equal(chmod(in_dir("b.conf"), 0600), 0);
    hang_up("b.conf: cannot be opened: Permission denied");
    expect_held(&peer, "connections", "200 from b.conf:2");
    peer_close(&peer);
    finish();
}

static void what_no_reload_can_read_is_said(void **state)
{
    (void)state;
    begin_as_root("[broker]\nrun-as = " SOMEBODY_TEXT "\n");
    assert_int_equal(chmod(in_dir("b.conf"), 0600), 0);
    start();
    assert_true(broker_proc_log_has(broker, "b.conf cannot be read by uid 54321", 1000));
    finish();
}

static void root_without(void *capability)
{
    prctl(PR_CAPBSET_DROP, (unsigned long)*(int *)capability, 0, 0, 0);
}

static void expect_refused(int capability, const char *said)
{
    broker_proc_set_child(broker, root_without, &capability);
    broker_proc_spawn(broker, (const char *[]){ "--listen", broker_proc_url(broker), "--run-as",
                                                SOMEBODY_TEXT, NULL });
    assert_int_equal(broker_proc_wait(broker, 5000), 71);
    assert_true(broker_proc_log_has(broker, said, 0));
    assert_false(is_there("brokerd.sock"));
}

static void who_may_not_become_it_does_not_start(void **state)
{
    (void)state;
    begin_as_root("");
    expect_refused(CAP_SETGID, "the groups of run-as cannot be taken: Operation not permitted");
    expect_refused(CAP_SETUID, "the user of run-as cannot be taken: Operation not permitted");
    broker_proc_free(broker);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_broker_is_fenced),
        kit_test(nothing_of_root_is_left),
        kit_test(it_takes_its_socket_along),
        kit_test(what_it_may_not_remove_is_replaced),
        kit_test(a_reload_is_read_as_that_user),
        kit_test(what_no_reload_can_read_is_said),
        kit_test(who_may_not_become_it_does_not_start),
    };
    return kit_run("run_as", tests, KIT_LENGTH(tests));
}
