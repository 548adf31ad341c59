#include "broker/guard/policy_names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    BUFFER_FIRST = 1024,
    BUFFER_MAX = 4 << 20, /* a group of very many members */
    GROUPS_FIRST = 32,
    GROUPS_MAX = 65536, /* NGROUPS_MAX of Linux */
};

union entry {
    struct passwd user;
    struct group group;
};

/* One of the look-ups: an errno, 0 with or without something found. */
typedef int lookup_fn(const void *key, union entry *entry, char *buf, size_t size, bool *found);

static int user_by_name(const void *key, union entry *entry, char *buf, size_t size, bool *found)
{
    struct passwd *result = NULL;
    int error = getpwnam_r(key, &entry->user, buf, size, &result);
    *found = result != NULL;
    return error;
}

static int user_by_uid(const void *key, union entry *entry, char *buf, size_t size, bool *found)
{
    struct passwd *result = NULL;
    int error = getpwuid_r(*(const uid_t *)key, &entry->user, buf, size, &result);
    *found = result != NULL;
    return error;
}

static int group_by_name(const void *key, union entry *entry, char *buf, size_t size, bool *found)
{
    struct group *result = NULL;
    int error = getgrnam_r(key, &entry->group, buf, size, &result);
    *found = result != NULL;
    return error;
}

/* The man page names these for "not found", too. */
static bool is_not_found(int error)
{
    return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

/* *ret_buf is what the entry points into; the caller frees it. */
static int look_up(lookup_fn *fn, const void *key, union entry *entry, char **ret_buf)
{
    for (size_t size = BUFFER_FIRST;; size *= 4) {
        bool found = false;
        char *buf = malloc(size);
        int error = buf ? fn(key, entry, buf, size, &found) : ENOMEM;
        if (error == 0 && found) {
            *ret_buf = buf;
            return 0;
        }
        free(buf);
        if ((error != EINTR && error != ERANGE) || size >= BUFFER_MAX)
            return is_not_found(error) ? -ENOENT : -error;
    }
}

int policy_user_of(const char *name, uid_t *ret)
{
    union entry entry;
    char *buf = NULL;
    int r = look_up(user_by_name, name, &entry, &buf);
    if (r == 0)
        *ret = entry.user.pw_uid;
    free(buf);
    return r;
}

int policy_group_of(const char *name, gid_t *ret)
{
    union entry entry;
    char *buf = NULL;
    int r = look_up(group_by_name, name, &entry, &buf);
    if (r == 0)
        *ret = entry.group.gr_gid;
    free(buf);
    return r;
}

static int fetch_groups(const struct passwd *user, struct principal *who)
{
    int n = GROUPS_FIRST;
    for (int room = n; room <= GROUPS_MAX; room = n > room ? n : 2 * room) {
        gid_t *groups = calloc((size_t)room, sizeof *groups);
        if (!groups)
            return -ENOMEM;
        n = room;
        if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) >= 0) {
            who->groups = groups;
            who->n_groups = (size_t)n;
            return 0;
        }
        free(groups);
    }
    return -ERANGE;
}

int policy_principal_of(uid_t uid, struct principal *ret)
{
    struct principal who = PRINCIPAL_INIT;
    union entry entry;
    char *buf = NULL;
    int r = look_up(user_by_uid, &uid, &entry, &buf);
    if (r == 0)
        r = fetch_groups(&entry.user, &who);
    if (r == 0) {
        who.uid = uid;
        who.gid = entry.user.pw_gid;
        *ret = who;
    }
    free(buf);
    return r;
}
