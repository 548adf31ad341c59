/* Command lines: one table a verb, from which they are parsed and explained.
 *
 * A verb lists its own options; --url, --user, --system, --json and --help
 * belong to every verb and are added here, --raw where it means something. What
 * the command line asks for goes straight into the variables that the table
 * points to. Strings are those of argv. Messages go to standard error, help to standard output.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_NEGATIVE = 2, EXIT_DENIED = 3, EXIT_TIMEOUT = 4, EXIT_USAGE = 64, EXIT_DATA = 65,
       EXIT_UNREACHABLE = 69, EXIT_CONFIG = 78 };

/* What holds for every verb. */
struct ctl {
    const char *url; /* NULL: $BROKER_URL, else the default sockets */
    char scope;      /* 'u', 's', or 0 for both */
    bool json;
    bool raw;
};

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_LIST,     /* struct option_list, one entry each time it is given */
    OPTION_COUNT,    /* uint64_t, from 1 */
    OPTION_NUMBER,   /* uint64_t, from 0 */
    OPTION_DURATION, /* int, milliseconds */
    OPTION_SIZE,     /* size_t, bytes */
};

struct option_list {
    const char **v;
    size_t n;
};

#define _cleanup_list_ __attribute__((cleanup(option_list_deinit)))

void option_list_deinit(struct option_list *list);

struct option_spec {
    const char *name; /* without dashes */
    char letter;      /* or 0 */
    enum option_kind kind;
    void *dest;
    const char *arg;  /* what help calls its value; NULL of a flag */
    const char *help;
};

/* What `brokerctl VERB --help` says around the list of options. */
struct usage {
    const char *verb;
    const char *operands;
    const char *about;
    const char *example;
    const char *raw;       /* what --raw does; NULL: nothing, and it is refused */
    bool raw_beside_json;  /* they are about different things here; else they exclude each other */
};

struct operands {
    char **v;
    int n;
};

/* The options before the verb. *ret_verb is its index in argv, argc if there is
 * none. -1 to go on, else the exit code; 0 with *ret_help set if help was asked for. */
int options_parse_global(struct ctl *ctl, int argc, char **argv, int *ret_verb, bool *ret_help,
                         bool *ret_version);
/* The options of a verb; argv[0] is the verb. -1 to go on, else the exit code. */
int options_parse(struct ctl *ctl, const struct usage *usage, const struct option_spec *specs,
                  size_t n_specs, int argc, char **argv, struct operands *ret);
/* Says what is wrong and where help is to be found; returns EXIT_USAGE. */
int options_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "500ms", "3s", "2m", "1h"; a number needs its unit, but 0. At most 24 days. */
bool parse_duration(const char *s, int *ret_ms);
/* "512", "64K", "1M", "1G": powers of 1,024. */
bool parse_size(const char *s, size_t *ret);
/* Digits and nothing else. */
bool parse_count(const char *s, uint64_t *ret);
