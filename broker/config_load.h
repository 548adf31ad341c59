/* Loads the configuration from where the command line says that it is.
 *
 *   --config FILE   FILE, which must be there, then the *.conf of the folder
 *                   conf.d beside it, in order of their bytes
 *   default socket  the default file likewise, which need not be there:
 *                   /etc/brokerd/brokerd.conf for the system's,
 *                   $XDG_CONFIG_HOME/brokerd/brokerd.conf for a user's
 *   --listen URL    no file: who names the socket, names the file
 *
 * Then the command line, which wins.
 */
#pragma once

#include "broker/config.h"
#include "broker/config_errors.h"

#define CONFIG_FILE_SYSTEM "/etc/brokerd/brokerd.conf"

enum {
    CONFIG_PATH_MAX = 4096,
    CONFIG_TOTAL_MAX = 4 << 20, /* bytes of all files together */
};

/* An option that has a key. */
struct config_option {
    enum config_key key;
    const char *text;
};

/* Where a configuration comes from: the same for each reload. Strings are the caller's. */
struct config_source {
    const char *file; /* of --config; NULL: the default */
    bool system;      /* by the command line the system's broker, or by who started it */
    const struct config_option *options;
    size_t n_options;
};

/* Makes a configuration, of which the caller gets the only reference. `before`
 * (NULL: none) is the one that holds, see config_build_finish; where it came from
 * a default file that is gone now, that is an error: a configuration that
 * vanishes must not open doors. Whatever is wrong is added to `errors`, and
 * *ret untouched: -EINVAL, -ENOMEM, or what a file said. */
int config_load(struct config **ret, const struct config_source *source,
                const struct config *before, struct config_errors *errors,
                struct config_errors *kept);

/* The file that it would read first; at least CONFIG_PATH_MAX bytes. false:
 * there is none: --listen without --config, no home, or too long a name. */
bool config_load_path(const struct config_source *source, char ret[CONFIG_PATH_MAX]);
