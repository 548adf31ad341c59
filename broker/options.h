/* brokerd's command line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "broker/net/sockpath.h"
#include "broker/watch/log.h"
#include "proto/address.h"

enum { OPTIONS_LISTEN_MAX = 16 };

/* Exit codes, from sysexits.h(3head). */
enum {
    EXIT_USAGE = 64,       /* EX_USAGE: the command line */
    EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE: another broker is there already */
    EXIT_OSERR = 71,       /* EX_OSERR: a system call failed */
    EXIT_CANTCREAT = 73,   /* EX_CANTCREAT: the socket cannot be made */
};

struct options {
    struct address listen[OPTIONS_LISTEN_MAX];
    size_t n_listen;
    struct sockpath_options socket;
    bool has_mode;
    char scope;              /* 'u': the user's default socket, 's': the system's, 0: by uid */
    const char *loop;        /* "auto", "poll", "epoll" */
    enum log_level log_level;
};

/* Reads argv into *ret. -1: go on; else the exit code to leave with (0 after
 * --help and --version, which print to stdout; EXIT_USAGE after a sentence on
 * stderr that names the option). */
int options_parse(struct options *ret, int argc, char **argv);
