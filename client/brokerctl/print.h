/* Where brokerctl's words go: results to standard output, the rest to standard error.
 *
 * Standard output is a buffer of 64 KiB that the verbs flush when nothing more
 * is pending, not at each line. When the reader of a pipe goes away the output
 * is *gone*: nothing is written any more, print_gone says so, and the verb ends with exit code 0,
 * as `head` would have it. Any other failure to write is an error.
 */
#pragma once

#include "client/brokerctl/text.h"

/* The verb that error messages name; a constant string. */
void print_set_verb(const char *verb);

void print_out(const struct text *text);
/* The bytes as they are; on a terminal with its control characters escaped. */
void print_raw(const void *bytes, size_t len);
void print_flush(void);
bool print_gone(void);
/* Somebody noticed that the reader left. */
void print_hung_up(void);
/* Flushes, and turns a failure to write into exit code 1. */
int print_end(int exit_code);

/* "brokerctl: VERB: …" and a newline, after what standard output still holds.
 * Control characters in the message are escaped, wherever they came from. */
void print_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and returns the exit code. */
int print_failure(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Standard output is a terminal; colours are welcome there (NO_COLOR is not
 * set); its width in columns, 0 if there is none to fit into. */
bool print_is_tty(void);
bool print_has_colour(void);
size_t print_width(void);
