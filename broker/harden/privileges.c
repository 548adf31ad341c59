#include "broker/harden/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/config.h"
#include "broker/guard/policy_names.h"
#include "broker/watch/log.h"

static int failed(const char *what, int code)
{
    log_err("%s: %s", what, strerror(-code));
    return code;
}

int privileges_fence(void)
{
    umask(0077);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed("privileges cannot be fenced (PR_SET_NO_NEW_PRIVS)", -errno);
    return 0;
}

/* ---- becoming somebody else ------------------------------------------------------------ */

/* Of the user that nobody knows, only the group that was named. */
static int take_groups(uid_t uid, gid_t gid)
{
    struct principal who = PRINCIPAL_INIT;
    int r = policy_principal_of(uid, &who);
    if (r == -ENOENT)
        return setgroups(1, &gid) < 0 ? -errno : 0;
    if (r < 0)
        return r;
    for (size_t i = 0; i < who.n_groups; i++)
        if (who.groups[i] == who.gid)
            who.groups[i] = gid; /* another one may be wanted than the user's own */
    r = setgroups(who.n_groups, who.groups) < 0 ? -errno : 0;
    principal_deinit(&who);
    return r;
}

/* All of them, also those that securebits would have kept. capget(2) has no wrapper in libc. */
static int clear_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static bool has_no_capability(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = { 0 };
    uint32_t any = 0;
    if (syscall(SYS_capget, &header, has) < 0)
        return false;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        any |= has[i].effective | has[i].permitted | has[i].inheritable;
    return any == 0;
}

static bool is(uid_t uid, gid_t gid)
{
    uid_t uids[3];
    gid_t gids[3];
    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
        return false;
    for (unsigned i = 0; i < 3; i++)
        if (uids[i] != uid || gids[i] != gid)
            return false;
    return true;
}

/* What the calls above say is not enough: setuid(2), "if there is some place where it matters". */
static bool is_closed(uid_t uid, gid_t gid)
{
    return is(uid, gid) && has_no_capability() && setresuid((uid_t)-1, 0, (uid_t)-1) < 0 &&
           is(uid, gid);
}

int privileges_drop(uid_t uid, gid_t gid)
{
    bool is_somebody_else = !is(uid, gid);
    int r = is_somebody_else ? take_groups(uid, gid) : 0;
    if (r < 0)
        return failed("the groups of run-as cannot be taken", r);
    if (is_somebody_else && setresgid(gid, gid, gid) < 0)
        return failed("the group of run-as cannot be taken", -errno);
    if (is_somebody_else && setresuid(uid, uid, uid) < 0)
        return failed("the user of run-as cannot be taken", -errno);
    r = clear_capabilities();
    if (r < 0)
        return failed("capabilities cannot be given up", r);
    if (!is_closed(uid, gid))
        return failed("privileges that were given up are still there", -EPERM);
    if (is_somebody_else)
        log_info("running as uid %u, gid %u", (unsigned)uid, (unsigned)gid);
    return 0;
}

void privileges_check_files(const struct config *config)
{
    for (size_t i = 0; i < config->n_files; i++)
        if (access(config->files[i], R_OK) < 0)
            log_warn("%s cannot be read by uid %u, so no reload will be taken: %s",
                     config->files[i], (unsigned)getuid(), strerror(errno));
}
