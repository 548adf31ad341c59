/* Where a broker is when nobody says where.
 *
 *   system: /run/brokerd/brokerd.sock
 *   user:   $XDG_RUNTIME_DIR/brokerd/brokerd.sock, and nowhere without it:
 *           a folder of our own in /tmp could be somebody else's
 *
 * The environment is not looked at in a set-user-id program (secure_getenv(3)).
 */
#pragma once

#include "proto/address.h"

#define DEFAULT_PATH_SYSTEM "/run/brokerd/brokerd.sock"

enum default_path_choice {
    DEFAULT_PATH_AUTO,          /* $BROKER_URL, else the user's, else the system's */
    DEFAULT_PATH_ONLY_USER,     /* --user; $BROKER_URL is not looked at */
    DEFAULT_PATH_ONLY_SYSTEM,   /* --system; likewise */
};

/* The user's socket. 0; -ENXIO without XDG_RUNTIME_DIR (or if it is no absolute
 * path, which its specification says to ignore); -ENAMETOOLONG. */
int default_path_user(struct address *ret);
/* The system's. Cannot fail. */
void default_path_system(struct address *ret);

/* Where a client looks. "The user's" is taken if a socket is there, alive or
 * not: a stopped broker of the user's is an error to hear about, not a reason to
 * talk to another one. 0; -EINVAL if $BROKER_URL cannot be read, with *error
 * about its text; -ENXIO, -ENAMETOOLONG as above, if --user asks for it. */
int default_path_client(struct address_list *ret, enum default_path_choice choice,
                        struct address_error *error);
