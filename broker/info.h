/* $SYS.info and $SYS.stats: the broker about itself.
 */
#pragma once

#include "broker/listen.h"
#include "broker/session/session.h"

struct info {
    struct session *session;
    uint64_t since_ns;
    const struct listen *listen;
    struct sys_service info;
    struct sys_service stats;
};

/* *info stays where it is for as long as the session lives, and *listen too. */
void info_register(struct info *info, struct session *session, const struct listen *listen);
