/* Names of users and groups, and the groups of somebody who is not connected. */
#include "broker/guard/policy_names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "tests/unit/policy_kit.h"

/* The test is linked with -Wl,--wrap= for these (meson.build). */
int __real_getpwnam_r(const char *name, struct passwd *user, char *buf, size_t size,
                      struct passwd **ret);
int __real_getgrnam_r(const char *name, struct group *group, char *buf, size_t size,
                      struct group **ret);
int __real_getgrouplist(const char *user, gid_t group, gid_t *groups, int *n_groups);
int __wrap_getpwnam_r(const char *name, struct passwd *user, char *buf, size_t size,
                      struct passwd **ret);
int __wrap_getgrnam_r(const char *name, struct group *group, char *buf, size_t size,
                      struct group **ret);
int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *n_groups);

static int error;          /* what the look-ups fail with; 0: they do not */
static unsigned n_errors;  /* so many times */
static size_t largest;     /* the buffer they were given last */
static int n_groups_there; /* 0: as many as there are */

static bool fails(size_t size)
{
    largest = size;
    return error && n_errors > 0 && n_errors-- > 0;
}

int __wrap_getpwnam_r(const char *name, struct passwd *user, char *buf, size_t size,
                      struct passwd **ret)
{
    return fails(size) ? error : __real_getpwnam_r(name, user, buf, size, ret);
}

int __wrap_getgrnam_r(const char *name, struct group *group, char *buf, size_t size,
                      struct group **ret)
{
    return fails(size) ? error : __real_getgrnam_r(name, group, buf, size, ret);
}

int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *n_groups)
{
    int room = *n_groups;
    if (!n_groups_there)
        return __real_getgrouplist(user, group, groups, n_groups);
    *n_groups = n_groups_there;
    for (int i = 0; i < n_groups_there && i < room; i++)
        groups[i] = (gid_t)i;
    return room < n_groups_there ? -1 : n_groups_there;
}

static void names_are_looked_up(void **state)
{
    uid_t uid = 77;
    gid_t gid = 77;
    (void)state;
    assert_int_equal(policy_user_of("nobody-of-this-name", &uid), -ENOENT);
    assert_int_equal(policy_group_of("nobody-of-this-name", &gid), -ENOENT);
    assert_int_equal(policy_user_of("", &uid), -ENOENT);
    assert_int_equal(uid, 77);
    assert_int_equal(gid, 77);
    assert_int_equal(policy_user_of("root", &uid), 0);
    assert_int_equal(policy_group_of("root", &gid), 0);
    assert_int_equal(uid, 0);
    assert_int_equal(gid, 0);
}

static void a_user_has_the_groups_of_a_login(void **state)
{
    struct principal who = PRINCIPAL_INIT;
    const struct passwd *user = getpwuid(getuid());
    gid_t groups[256];
    int n = COUNT_OF(groups);
    (void)state;
    if (!user)
        kit_skip("this uid has no name");
    assert_int_equal(policy_principal_of(user->pw_uid, &who), 0);
    assert_int_equal(who.uid, getuid());
    assert_int_equal(who.gid, user->pw_gid);
    assert_int_equal(who.pid, 0);
    assert_true(getgrouplist(user->pw_name, user->pw_gid, groups, &n) >= 0);
    assert_int_equal(who.n_groups, n);
    assert_memory_equal(who.groups, groups, (size_t)n * sizeof *groups);
    assert_true(principal_in_group(&who, user->pw_gid));
    principal_deinit(&who);
}

static int user_of(int with, unsigned times)
{
    uid_t uid = 77;
    error = with;
    n_errors = times;
    int r = policy_user_of("root", &uid);
    assert_int_equal(uid, r == 0 ? 0 : 77);
    error = 0;
    return r;
}

static void a_look_up_that_fails_is_not_an_answer(void **state)
{
    gid_t gid = 77;
    (void)state;
    assert_int_equal(user_of(EIO, 1), -EIO);
    assert_int_equal(user_of(EMFILE, 1), -EMFILE);
    assert_int_equal(user_of(ESRCH, 1), -ENOENT);
    assert_int_equal(user_of(EBADF, 1), -ENOENT);
    assert_int_equal(user_of(EPERM, 1), -ENOENT);
    assert_int_equal(user_of(EINTR, 3), 0);
    assert_int_equal(user_of(EINTR, 1000), -EINTR);
    assert_int_equal(user_of(ERANGE, 4), 0);
    assert_int_equal(largest, 1024 << 8);
    assert_int_equal(user_of(ERANGE, 1000), -ERANGE);
    error = EIO;
    n_errors = 1;
    assert_int_equal(policy_group_of("root", &gid), -EIO);
    error = 0;
    assert_int_equal(gid, 77);
}

static void it_has_its_own_sentence(void **state)
{
    struct policy_builder *b = policy_builder_new();
    (void)state;
    error = EIO;
    n_errors = 2;
    assert_int_equal(feed(b, "[r]\nuser = root"), -EINVAL);
    assert_string_equal(why, "user \"root\" cannot be looked up: Input/output error");
    assert_int_equal(feed(b, "[s]\ngroup = root"), -EINVAL);
    assert_string_equal(why, "group \"root\" cannot be looked up: Input/output error");
    error = 0;
    policy_builder_free(b);
}

static void somebody_may_have_many_groups(void **state)
{
    struct principal who = PRINCIPAL_INIT;
    (void)state;
    n_groups_there = 1000;
    assert_int_equal(policy_principal_of(0, &who), 0);
    assert_int_equal(who.n_groups, 1000);
    assert_true(principal_in_group(&who, 999));
    principal_deinit(&who);
    n_groups_there = 65537;
    assert_int_equal(policy_principal_of(0, &who), -ERANGE);
    assert_null(who.groups);
    n_groups_there = 0;
}

static void nobody_is_not_somebody(void **state)
{
    struct principal who = PRINCIPAL_INIT;
    uid_t uid = 3000000000;
    (void)state;
    while (getpwuid(uid))
        uid++;
    assert_int_equal(policy_principal_of(uid, &who), -ENOENT);
    assert_int_equal(who.uid, (uid_t)-1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(names_are_looked_up),
        kit_test(a_user_has_the_groups_of_a_login),
        kit_test(a_look_up_that_fails_is_not_an_answer),
        kit_test(it_has_its_own_sentence),
        kit_test(somebody_may_have_many_groups),
        kit_test(nobody_is_not_somebody),
    };
    return kit_run("policy_names", tests, KIT_LENGTH(tests));
}
