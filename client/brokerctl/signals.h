/* Ctrl-C and the like, for the verbs that run on.
 *
 * The first SIGINT, SIGTERM or SIGHUP asks the verb to leave in good order; the
 * second one ends the process, in case good order takes too long.
 */
#pragma once

#include <stdbool.h>

/* Installs the handlers, once. 0, or a negative errno. */
int signals_init(void);
/* Readable once a signal came; -1 before signals_init. */
int signals_fd(void);
bool signals_stopping(void);
