/* The text of one log line: prefix, escaped message, newline. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A whole line, its newline included; below PIPE_BUF, so that a pipe takes it
 * in one piece. */
enum { LOG_TEXT_LINE = 2048 };

/* Writes a line for message[0..len) to `ret`, which has LOG_TEXT_LINE bytes,
 * and returns its length; no NUL. A journal's line begins with "<level>", another
 * with "name: " (NULL: nothing) and the level's word. Control characters (C0,
 * DEL, C1), backslashes and bytes that are not UTF-8 become \xNN. A message that
 * is too long, or `cut` already, ends in "...". */
size_t log_text_line(char *ret, bool journal, const char *name, int level, const char *message,
                     size_t len, bool cut);
