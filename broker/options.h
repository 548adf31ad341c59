/* brokerd's command line.
 *
 * Options that have a key in the configuration are checked here and handed on as
 * they are written: config_load.h puts them above what the files say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "broker/config_load.h"

/* Exit codes, from sysexits.h(3head). */
enum {
    EXIT_USAGE = 64,       /* EX_USAGE: the command line */
    EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE: another broker is there already */
    EXIT_OSERR = 71,       /* EX_OSERR: a system call failed */
    EXIT_CANTCREAT = 73,   /* EX_CANTCREAT: the socket cannot be made */
    EXIT_CONFIG = 78,      /* EX_CONFIG: the configuration */
};

/* The addresses, and each other key once. */
enum { OPTIONS_MAX = CONFIG_LISTEN_MAX + N_CONFIG_KEYS };

/* Stays where it is: `source` points into it. Strings are those of argv. */
struct options {
    struct config_source source;
    struct config_option given[OPTIONS_MAX];
    size_t n_addresses; /* in all --listen together */
    bool check;         /* --check-config */
};

/* Reads argv into *ret. -1: go on; else the exit code to leave with (0 after
 * --help and --version, which print to stdout; EXIT_USAGE after a sentence on
 * stderr that names the option). */
int options_parse(struct options *ret, int argc, char **argv);
