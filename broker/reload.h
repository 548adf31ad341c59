/* The configuration that holds: shown by $SYS.config, made anew by SIGHUP and
 * $SYS.reload.
 *
 * A reload makes a whole new configuration, or leaves the old one as it is: out
 * of descriptors or of memory, too. Driven by the house, which says what is to be
 * done when another one holds from now on. Whoever serves the requests keeps them
 * to administrators.
 */
#pragma once

#include "broker/config_load.h"
#include "broker/watch/sys_service.h"

struct reload_ops {
    /* `now` holds from here on; both are good during the call. 0, or -ENOMEM: `before` still holds. */
    int (*apply)(void *userdata, const struct config *before, const struct config *now);
};

/* Embedded; it stays where it is while the registry lives. */
struct reload {
    struct config *config; /* that holds; the house puts in the first one */
    const struct config_source *source;
    const struct reload_ops *ops;
    void *userdata;
    struct config_errors errors; /* of the last time */
    struct config_errors kept;   /* values of the last time that need a restart */
    struct sys_service config_service;
    struct sys_service reload_service;
};

/* `source` and `ops` outlive it. */
void reload_init(struct reload *reload, const struct config_source *source,
                 const struct reload_ops *ops, void *userdata);
/* Idempotent, safe on a zeroed one. */
void reload_deinit(struct reload *reload);

/* Loads the first configuration: 0 and `config` is there, or -errno, with what was
 * wrong in the log. */
int reload_first(struct reload *reload);

void reload_register(struct reload *reload, struct sys_registry *registry);

/* Reads everything again. `asked` says who wants it, for the log: "SIGHUP". false:
 * the old one stays, and the log and `errors` say why. */
bool reload_run(struct reload *reload, const char *asked);
