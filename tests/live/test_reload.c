/* Configuration files that change while the broker runs. FAULTS: SIGHUP. */
#include <sys/resource.h>

#include "tests/live/config_files.h"

static void a_reload_takes_all_of_it(void **state)
{
    struct peer peer;

    (void)state;
    begin("[broker]\nlog-level = info\n[limits]\nconnections = 100\n");
    start();
    peer_open(&peer, broker);
    int n_fds = broker_proc_n_fds(broker);
    write_file("b.conf", "[broker]\nlog-level = debug\n[limits]\nconnections = 200\n");
    write_file("conf.d/x.conf", "[rule \"a\"]\nallow = publish\nsubject = a.>\n");
    hang_up("SIGHUP: the configuration was read again");
    expect_held(&peer, "log-level", "debug from b.conf:2");
    expect_held(&peer, "connections", "200 from b.conf:4");
    expect_held(&peer, "subject", "a.> from x.conf:3");
    assert_int_equal(broker_proc_n_fds(broker), n_fds);
    peer_close(&peer);
    finish();
}

static void a_bad_file_changes_nothing(void **state)
{
    struct sys_body body;
    struct peer peer;

    (void)state;
    begin("[broker]\nlog-level = warn\n[limits]\nconnections = 100\n");
    start();
    peer_open(&peer, broker);
    write_file("b.conf", "[broker]\nlog-level = debug\n[limits]\nconnections = 200\nzap = 1\n");
    hang_up("b.conf:5: unknown key 'zap' in [limits]");
    hang_up("SIGHUP: the configuration stays as it was");
    expect_held(&peer, "log-level", "warn from b.conf:2");
    expect_held(&peer, "connections", "100 from b.conf:4");
    sys_ask(&body, &peer, "$SYS.reload", "", 0);
    assert_false(sys_find(body.root, "reloaded")->via.boolean);
    assert_int_equal(sys_list(body.root, "errors")->size, 1);
    sys_free(&body);
    unlink(in_dir("b.conf"));
    hang_up("b.conf: cannot be opened: No such file or directory");
    expect_held(&peer, "connections", "100 from b.conf:4");
    write_file("b.conf", "[broker]\nlog-level = info\n");
    sys_ask(&body, &peer, "$SYS.reload", "", 0);
    assert_true(sys_find(body.root, "reloaded")->via.boolean);
    sys_free(&body);
    expect_held(&peer, "log-level", "info from b.conf:2");
    peer_close(&peer);
    finish();
}

static void some_things_need_a_restart(void **state)
{
    struct sys_body body;
    struct peer peer;
    char expected[200];

    (void)state;
    begin("[broker]\nlog-level = info\n");
    start();
    peer_open(&peer, broker);
    write_file("b.conf", "[broker]\nlisten = unix:/other\nmode = 640\nlog-level = debug\n");
    sys_ask(&body, &peer, "$SYS.reload", "", 0);
    assert_true(sys_find(body.root, "reloaded")->via.boolean);
    const msgpack_object_array *list = sys_list(body.root, "needs-restart");
    assert_int_equal(list->size, 1); /* the command line says where to listen */
    snprintf(expected, sizeof expected, "%s:3: mode = 640 needs a restart; until then it is 0600", in_dir("b.conf"));
    assert_int_equal(list->ptr[0].via.str.size, strlen(expected));
    assert_memory_equal(list->ptr[0].via.str.ptr, expected, strlen(expected));
    sys_free(&body);
    snprintf(expected, sizeof expected, "%s from command line", broker_proc_url(broker));
    expect_held(&peer, "listen", expected);
    expect_held(&peer, "mode", "0600 from default");
    expect_held(&peer, "log-level", "debug from b.conf:4");
    peer_close(&peer);
    finish();
}

/* A FIFO that nobody writes to, a folder, a link to nowhere: told, and nobody waits. */
static void what_is_no_file_stops_nobody(void **state)
{
    struct peer peer;

    (void)state;
    begin("[broker]\nlog-level = info\n");
    start();
    peer_open(&peer, broker);
    assert_int_equal(mkfifo(in_dir("conf.d/1.conf"), 0600), 0);
    assert_int_equal(mkdir(in_dir("conf.d/2.conf"), 0700), 0);
    assert_int_equal(symlink("nowhere", in_dir("conf.d/3.conf")), 0);
    hang_up("conf.d/1.conf: is no regular file");
    peer_ping(&peer);
    assert_true(broker_proc_log_has(broker, "conf.d/2.conf: is a folder, not a file", 2000));
    assert_true(broker_proc_log_has(broker, "conf.d/3.conf: cannot be opened: No such file or directory", 2000));
    expect_held(&peer, "log-level", "info from b.conf:2");
    peer_close(&peer);
    finish();
}

static void for_administrators_only(void **state)
{
    static const char *const subjects[] = { "$SYS.config", "$SYS.reload" };
    struct peer peer;
    char text[200];

    (void)state;
    snprintf(text, sizeof text, "[rule \"a\"]\ndeny = admin\nuid = %u\n", (unsigned)getuid());
    begin(text);
    start();
    peer_open(&peer, broker);
    for (size_t i = 0; i < KIT_LENGTH(subjects); i++) {
        peer_request(&peer, i, subjects[i], REQUEST_ONE, 5000);
        peer_expect_end(&peer, i, STATUS_DENIED);
    }
    assert_false(broker_proc_log_has(broker, "read again", 0));
    write_file("b.conf", "");
    hang_up("SIGHUP: the configuration was read again");
    expect_held(&peer, "policy", "enforce from default");
    peer_close(&peer);
    finish();
}

/* Leaves it with the descriptors that it has, or lets it have more again. */
static void allow_more_descriptors(bool more)
{
    struct rlimit limit;

    assert_int_equal(prlimit(broker_proc_pid(broker), RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = more ? limit.rlim_max : 3;
    assert_int_equal(prlimit(broker_proc_pid(broker), RLIMIT_NOFILE, &limit, NULL), 0);
}

/* Nothing is read then, and nothing is taken for empty. */
static void a_reload_out_of_descriptors(void **state)
{
    struct peer peer;

    (void)state;
    begin("[broker]\nlog-level = warn\n[rule \"a\"]\nallow = connect\nuser = root\n");
    start();
    peer_open(&peer, broker);
    allow_more_descriptors(false);
    write_file("b.conf", "[broker]\nlog-level = debug\n");
    hang_up("SIGHUP: the configuration stays as it was");
    assert_true(broker_proc_log_has(broker, "b.conf: cannot be opened: Too many open files", 2000));
    expect_held(&peer, "log-level", "warn from b.conf:2");
    expect_held(&peer, "allow", "connect from b.conf:4");
    allow_more_descriptors(true);
    hang_up("SIGHUP: the configuration was read again");
    expect_held(&peer, "log-level", "debug from b.conf:2");
    peer_close(&peer);
    finish();
}

/* While messages flow and files change all the time: what holds is always a whole. */
/* GOODBYE is the last that it hears, and says by which rule. */
static void who_reloads_itself_out_is_told(void **state)
{
    struct peer peer = { 0 };

    (void)state;
    begin("");
    start();
    peer_open(&peer, broker);
    write_file("b.conf", "[rule \"out\"]\ndeny = connect\n");
    peer_request(&peer, 1, "$SYS.reload", REQUEST_ONE, 5000);
    const struct got *got = peer_expect(&peer, OP_GOODBYE);
    assert_int_equal(got->control.goodbye.status, STATUS_DENIED);
    assert_null(peer_next(&peer, RAW_DEADLINE_MS));
    peer_close(&peer);
    finish();
}

static void many_reloads(void **state)
{
    static const char *const texts[] = {
        "[broker]\nlog-level = err\n[limits]\nrequests = 1000\n",
        "[broker]\nlog-level = warn\n[limits]\nrequests = 2000\n",
        "[broker]\nlog-level = debug\n[limits]\nrequests = 3000\nzap = 1\n",
    };
    struct peer peer;

    (void)state;
    begin(texts[0]);
    start();
    peer_open(&peer, broker);
    peer_sub(&peer, 1, "a");
    int64_t rss = broker_proc_rss(broker);
    for (unsigned i = 1; i <= 300; i++) {
        write_file("next", texts[i % 3]);
        assert_int_equal(rename(in_dir("next"), in_dir("b.conf")), 0);
        kill(broker_proc_pid(broker), SIGHUP);
        peer_publish(&peer, "a", "x", 1);
        peer_expect_past_select(&peer, OP_MESSAGE);
    }
    write_file("b.conf", texts[1]);
    struct sys_body body;
    sys_ask(&body, &peer, "$SYS.reload", "", 0);
    sys_free(&body);
    expect_held(&peer, "requests", "2000 from b.conf:4");
    expect_held(&peer, "log-level", "warn from b.conf:2");
    if (!KIT_SANITIZED)
        assert_in_range(broker_proc_rss(broker), 0, rss + (4 << 20));
    peer_close(&peer);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_reload_takes_all_of_it),
        kit_test(a_bad_file_changes_nothing),
        kit_test(some_things_need_a_restart),
        kit_test(what_is_no_file_stops_nobody),
        kit_test(for_administrators_only),
        kit_test(a_reload_out_of_descriptors),
        kit_test(who_reloads_itself_out_is_told),
        kit_test(many_reloads),
    };
    return kit_run("reload", tests, KIT_LENGTH(tests));
}
