/* $SYS.info and $SYS.stats: the broker about itself.
 */
#pragma once

#include "broker/session/session.h"

enum { INFO_LISTENERS_MAX = 64 };

struct info {
    struct session *session;
    uint64_t since_ns;
    const char *listeners[INFO_LISTENERS_MAX];
    size_t n_listeners;
    struct sys_service info;
    struct sys_service stats;
};

/* *info stays where it is for as long as the session lives. */
void info_register(struct info *info, struct session *session);
