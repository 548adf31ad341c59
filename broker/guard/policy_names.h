/* Users and groups by their names, and who a user is without a connection:
 * passwd(5), group(5), and whatever else nsswitch.conf(5) says.
 *
 * These may read files, load libraries and ask servers, so they are for reading
 * a configuration and for explaining, never for a decision about a peer.
 */
#pragma once

#include <sys/types.h>

#include "proto/transport/principal.h"

/* 0; -ENOENT: there is none of that name; -ENOMEM; or what else failed, as -errno.
 * getpwnam_r(3), getgrnam_r(3). */
int policy_user_of(const char *name, uid_t *ret);
int policy_group_of(const char *name, gid_t *ret);

/* The uid with the groups that a login would give it. A process of that user may have others, and
 * an executable. Results as above; *ret is untouched on failure, else for principal_deinit.
 * getpwuid_r(3), getgrouplist(3). */
int policy_principal_of(uid_t uid, struct principal *ret);
