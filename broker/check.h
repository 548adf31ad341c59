/* brokerd --check-config: a configuration without a broker.
 */
#pragma once

#include "broker/options.h"

/* Says what is wrong with the configuration, a line each on standard error, or
 * which files are good, on standard output. EXIT_SUCCESS, EXIT_CONFIG, or
 * EXIT_OSERR without memory. Opens no socket, and writes nowhere. */
int check_config(const struct options *options);
