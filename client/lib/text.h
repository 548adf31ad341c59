/* Text of the broker's, made fit for an application: ended with a NUL, and
 * without control characters, since it will end up in a log or on a terminal.
 */
#pragma once

#include "proto/envelope.h"
#include "proto/limits.h"

enum { TEXT_MAX = MAX_SENTENCE + 1 };

/* Copies into ret[TEXT_MAX]; if there is none, the sentence of the status. */
void text_copy(char *ret, const struct piece *text, int status);
/* The same for a field that may be nil: NULL then, else ret. */
const char *text_or_null(char *ret, const struct piece *text);
