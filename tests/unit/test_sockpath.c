/* Who owns a socket's path: what is refused, what is taken over, whose mode and
 * owner it has, and what is left at the end. Races are in test_sockpath_race.c.
 */
#include "broker/net/sockpath.h"

#include "tests/unit/sockpath_kit.h"

/* -- the ordinary life --------------------------------------------------- */

static void test_life(void **state)
{
    const char *path = in_dir("life.sock"), *lock = in_dir("life.sock.lock");
    struct stat st;
    int fd;
    struct sockpath *own = take(path, &defaults, &fd);

    (void)state;
    assert_int_equal(try_connect(path), -ECONNREFUSED); /* not before listen */
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(try_connect(path), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(lock, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    sockpath_free(own);
    close(fd);
    assert_false(exists(path));
    assert_false(exists(lock));
    assert_null(sockpath_free(NULL));
}

/* Who begins as root leaves the folder that it makes to who it becomes. */
static void test_heir(void **state)
{
    enum { HEIR = 54321 };
    struct sockpath_options options = { .mode = 0600, .owner = HEIR, .group = (gid_t)-1,
                                        .heir = HEIR, .parent_mode = 0755 };
    struct stat st;
    int fd;

    (void)state;
    if (geteuid() != 0)
        kit_skip("only root has heirs");
    for (int again = 0; again < 2; again++) {
        struct sockpath *own = take(in_dir("heir/s"), &options, &fd);
        assert_int_equal(stat(in_dir("heir"), &st), 0);
        assert_int_equal(st.st_uid, HEIR);
        sockpath_free(own);
        close(fd);
    }
    options.heir = (uid_t)-1;
    expect_refusal(in_dir("heir/s"), &options, -EPERM, "belongs to uid 54321");
}

/* What root would write there would be written into another file. */
static void test_lock_with_two_names(void **state)
{
    (void)state;
    close(open(in_dir("other"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(link(in_dir("other"), in_dir("two.sock.lock")), 0);
    expect_refusal(in_dir("two.sock"), &defaults, -EPERM, "is another file, too: it has 2 links");
}

static void test_bad_paths(void **state)
{
    char path[300] = "/tmp/";

    (void)state;
    expect_refusal("", &defaults, -EINVAL, "begins with /");
    expect_refusal("relative.sock", &defaults, -EINVAL, "begins with /");
    expect_refusal("/tmp/", &defaults, -EINVAL, "ends in a name");
    expect_refusal("/tmp/..", &defaults, -EINVAL, "is a directory");
    memset(path + 5, 'x', 103);
    expect_refusal(path, &defaults, -EINVAL, "at most 107 bytes, not 108");
    expect_refusal(in_dir("no/such.sock"), &defaults, -ENOENT, "cannot open the directory");
    expect_refusal("/dev/null/x", &defaults, -ENOTDIR, "/dev/null");
    expect_refusal(in_dir("mode"), &(struct sockpath_options){ .mode = 01666 }, -EINVAL, "1666");
}

/* -- what stands there already ------------------------------------------- */

static void test_stale_is_replaced(void **state)
{
    const char *path = in_dir("stale.sock");
    int fd;
    struct sockpath *own;

    (void)state;
    leave_stale(path);
    close(open(in_dir("stale.sock.lock"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    own = take(path, &defaults, &fd);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(try_connect(path), 0);
    sockpath_free(own);
    close(fd);
    assert_false(exists(path));
}

/* Somebody listens who knows nothing of the lock file: named by pid. */
static void test_live_is_left_alone(void **state)
{
    const char *path = in_dir("live.sock");
    struct sockaddr_un addr = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char words[64];

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 0), 0);
    (void)snprintf(words, sizeof(words), "process %d (uid %u) listens", (int)getpid(),
                   (unsigned)geteuid());
    expect_refusal(path, &defaults, -EADDRINUSE, words);
    /* The probe above waits in the backlog, which is full by now. */
    expect_refusal(path, &defaults, -EADDRINUSE, "a process listens there");
    assert_true(exists(path));
    assert_false(exists(in_dir("live.sock.lock")));
    close(fd);
    unlink(path);
}

static void test_owned_by_a_broker(void **state)
{
    const char *path = in_dir("owned.sock");
    int fd;
    struct sockpath *own = take(path, &defaults, &fd);
    char words[64];

    (void)state;
    /* Bound and not listening yet: a probe alone would take it for stale. */
    (void)snprintf(words, sizeof(words), "another broker, process %d", (int)getpid());
    expect_refusal(path, &defaults, -EADDRINUSE, words);
    assert_true(exists(path));
    sockpath_free(own);
    close(fd);
}

static void test_other_things(void **state)
{
    const char *file = in_dir("file"), *link = in_dir("link"), *dangling = in_dir("dangling");

    (void)state;
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    expect_refusal(file, &defaults, -EEXIST, "is no socket");
    leave_stale(in_dir("target.sock"));
    assert_int_equal(symlink("target.sock", link), 0);
    expect_refusal(link, &defaults, -ELOOP, "is a symbolic link");
    assert_int_equal(symlink("nowhere", dangling), 0);
    expect_refusal(dangling, &defaults, -ELOOP, "is a symbolic link");
    assert_true(exists(in_dir("target.sock")) && exists(file));
    assert_false(exists(in_dir("nowhere")));
}

static void test_bad_lock_files(void **state)
{
    (void)state;
    assert_int_equal(symlink("victim", in_dir("a.lock")), 0);
    expect_refusal(in_dir("a"), &defaults, -ELOOP, "a.lock is a symbolic link");
    assert_false(exists(in_dir("victim")));
    assert_int_equal(mkfifo(in_dir("b.lock"), 0600), 0);
    expect_refusal(in_dir("b"), &defaults, -EPERM, "no plain file");
    assert_int_equal(mkdir(in_dir("c.lock"), 0700), 0);
    expect_refusal(in_dir("c"), &defaults, -EISDIR, "c.lock");
    if (geteuid() == 0) {
        close(open(in_dir("d.lock"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        assert_int_equal(chown(in_dir("d.lock"), 1000, 1000), 0);
        expect_refusal(in_dir("d"), &defaults, -EPERM, "belongs to uid 1000");
    }
}

/* -- the directory ------------------------------------------------------- */

static void test_directories(void **state)
{
    const char *dir = in_dir("shared"), *path = in_dir("shared/x.sock");
    int fd;

    (void)state;
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(chmod(dir, 0777), 0);
    expect_refusal(path, &defaults, -EPERM, "mode 0777, so anybody could replace the socket");
    assert_int_equal(chmod(dir, 0770), 0);
    expect_refusal(path, &defaults, -EPERM, "mode 0770, so its group could replace the socket");
    assert_int_equal(chmod(dir, 01777), 0);
    sockpath_free(take(path, &defaults, &fd));
    close(fd);
    assert_int_equal(chmod(dir, 0755), 0);
    sockpath_free(take(path, &defaults, &fd));
    close(fd);
    if (geteuid() == 0) {
        assert_int_equal(chown(dir, 1000, 1000), 0);
        expect_refusal(path, &defaults, -EPERM, "belongs to uid 1000");
    }
}

static void test_making_the_parent(void **state)
{
    struct sockpath_options options = defaults;
    mode_t mask = umask(0077);
    struct stat st;
    int fd;

    (void)state;
    options.parent_mode = 0755;
    sockpath_free(take(in_dir("new/x.sock"), &options, &fd));
    close(fd);
    assert_int_equal(stat(in_dir("new"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    sockpath_free(take(in_dir("new/x.sock"), &options, &fd)); /* there already */
    close(fd);
    expect_refusal(in_dir("no/new/x.sock"), &options, -ENOENT, "cannot make the directory");
    umask(mask);
}

/* -- mode and owner ------------------------------------------------------ */

static void test_modes(void **state)
{
    static const mode_t modes[] = { 0, 0600, 0660, 0666, 0777 };
    static const mode_t masks[] = { 0, 022, 077, 0777 };
    const char *path = in_dir("mode.sock");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes) * COUNT_OF(masks); i++) {
        struct sockpath_options options = defaults;
        mode_t mask = masks[i % COUNT_OF(masks)], before = umask(mask);
        struct stat st;
        int fd;
        struct sockpath *own;

        options.mode = modes[i / COUNT_OF(masks)];
        own = take(path, &options, &fd);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, options.mode);
        assert_int_equal(umask(before), mask); /* put back */
        sockpath_free(own);
        close(fd);
    }
}

static void test_owner(void **state)
{
    struct sockpath_options options = defaults;
    const char *path = in_dir("owner.sock");
    struct sockpath *own;
    struct stat st;
    int fd;

    (void)state;
    options.owner = 1234;
    options.group = 4321;
    if (geteuid() != 0) {
        expect_refusal(path, &options, -EPERM, "cannot give");
        assert_false(exists(path)); /* not left behind with the wrong owner */
        kit_skip("giving a socket away takes root");
    }
    own = take(path, &options, &fd);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, 1234);
    assert_int_equal(st.st_gid, 4321);
    sockpath_free(own);
    close(fd);
}

/* -- letting go ---------------------------------------------------------- */

static void test_only_ours_is_removed(void **state)
{
    const char *path = in_dir("moved.sock"), *lock = in_dir("moved.sock.lock");
    int fd;
    struct sockpath *own = take(path, &defaults, &fd);

    (void)state;
    assert_int_equal(rename(path, in_dir("elsewhere.sock")), 0);
    leave_stale(path); /* an administrator put another one there */
    assert_int_equal(unlink(lock), 0);
    close(open(lock, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    sockpath_free(own);
    close(fd);
    assert_true(exists(path));
    assert_true(exists(lock));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(test_life),
        kit_test(test_bad_paths), kit_test(test_heir), kit_test(test_lock_with_two_names),
        kit_test(test_stale_is_replaced),
        kit_test(test_live_is_left_alone),
        kit_test(test_owned_by_a_broker),
        kit_test(test_other_things),
        kit_test(test_bad_lock_files),
        kit_test(test_directories),
        kit_test(test_making_the_parent),
        kit_test(test_modes),
        kit_test(test_owner),
        kit_test(test_only_ours_is_removed),
    };

    return kit_run("sockpath", tests, KIT_LENGTH(tests));
}
