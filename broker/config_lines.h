/* A file's text as sections and pairs, by libinih.
 *
 * libinih parts keys from values, takes comments and white space off, and is
 * lenient about the rest: it cuts long lines and long names of sections, takes
 * an indented line for more of the value above, and tells of the first error
 * only. So each line is looked at before libinih sees it, and what is not plain
 * is refused with its number. Pure.
 *
 *   [word]  [word "id"]   a section
 *   key = value           the value may be empty
 *   # ...   ; ...         a comment; behind a value only "white space ; ..."
 */
#pragma once

#include <stddef.h>

/* Bytes of a line, its end not counted. Where libinih was built with a buffer
 * that cannot be changed, it is what that takes (199, as it comes). */
enum { CONFIG_LINE_MAX = 1000 };

/* Strings are good during the call. Lines are counted from 1. */
struct config_lines_ops {
    /* `id` is NULL if there is none. An empty `word`: one that was refused begins here. */
    void (*section)(void *userdata, const char *word, const char *id, unsigned line);
    void (*pair)(void *userdata, const char *key, const char *value, unsigned line);
    /* A line that is neither, and what is wrong with it. */
    void (*bad)(void *userdata, unsigned line, const char *why);
};

/* Goes through text[0..len), to its end whatever is wrong, except that it stops
 * at a NUL byte: that is no text file. 0, or -ENOMEM from libinih. */
int config_lines_parse(const char *text, size_t len, const struct config_lines_ops *ops,
                       void *userdata);
