/* Sockets handed over by systemd: LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID
 * (sd_listen_fds_with_names(3)). Needs libsystemd (HAVE_SYSTEMD); without it, a
 * start with sockets meant for us is refused with a sentence, because going on
 * would leave clients waiting on a socket that nobody reads.
 */
#pragma once

#include <stddef.h>

#include "broker/net/setup_error.h"

struct inherited {
    int fd;         /* close-on-exec; the caller's from here on */
    char *name;     /* from LISTEN_FDNAMES, "unknown" without */
};

/* Takes the sockets that were handed over, and unsets the variables so that
 * no child believes they are its own. Their number, 0 if there are none, in
 * *ret an array to be freed with inherited_free(). -EOPNOTSUPP (built without),
 * -ENOMEM, or what libsystemd says. */
int inherited_take(struct inherited **ret, struct setup_error *error);
/* Frees the array and the names, not the descriptors. NULL. */
struct inherited *inherited_free(struct inherited *list, size_t n);
