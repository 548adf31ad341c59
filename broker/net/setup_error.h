/* Why something could not be set up: a sentence for the operator, next to the
 * -errno that the function returns.
 */
#pragma once

enum { SETUP_ERROR_LEN = 512 };

struct setup_error {
    char why[SETUP_ERROR_LEN];  /* no newline, no full stop at the end */
};

/* Writes the sentence and hands `code` (-errno) back, so that a failure is one
 * line: `return setup_fail(error, -ELOOP, "%s is a symlink", path)`. `error`
 * may be NULL. */
int setup_fail(struct setup_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
