/* What is wrong with a configuration: one sentence each, in the order found.
 *
 * All of them, up to a bound, so that whoever writes a file need not try again
 * for each. No memory is asked for, so that "out of memory" can be told too.
 * Embedded; starts zeroed. One of them is 32 KiB: not for a deep stack.
 */
#pragma once

#include <stddef.h>

enum {
    CONFIG_ERRORS_MAX = 64,  /* more than these are only counted */
    CONFIG_ERROR_LEN = 1024, /* of one, its NUL included; a longer one is cut */
    CONFIG_ERRORS_BYTES = 32 << 10,
};

struct config_errors {
    size_t n;      /* that are kept */
    size_t n_more; /* for which there was no room */
    size_t len;
    char text[CONFIG_ERRORS_BYTES]; /* each ended by NUL */
};

/* Replaces each byte that is not UTF-8, and each byte of a control character (C0, DEL, C1), by
 * '?', in place: what names of files may have, and what a cut may leave. */
void config_make_safe(char *text);

void config_errors_clear(struct config_errors *errors);
/* Adds "WHERE: ...", or "WHERE:LINE: ..." if `line` is not 0; without the front if
 * `where` is NULL. Bytes that are not
 * UTF-8 and control characters, such as a file's name may have, become '?'. */
void config_errors_add(struct config_errors *errors, const char *where, unsigned line,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The first one for NULL, else the one behind `error`; NULL behind the last. */
const char *config_errors_next(const struct config_errors *errors, const char *error);
/* All there were. */
static inline size_t config_errors_total(const struct config_errors *errors)
{
    return errors->n + errors->n_more;
}
