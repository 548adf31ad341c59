#include "broker/config_lines.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/cursor.h"

static const char blanks[] = " \t";

struct lines {
    const char *at;
    const char *end;
    unsigned line;
    bool pending; /* libinih has a line that should be a pair, and has not said so */
    const struct config_lines_ops *ops;
    void *userdata;
};

static void tell_bad(struct lines *lines, const char *why)
{
    lines->ops->bad(lines->userdata, lines->line, why);
}

/* ---- what no line may have ------------------------------------------------------ */

/* C0 but the tab, DEL, and C1, which in UTF-8 is C2 80 to C2 9F. */
static bool has_control(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < len && (unsigned char)s[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static const char *wrong_bytes(const struct lines *lines, const char *s, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (memchr(s, '\0', len))
        return "a NUL byte: this is no text file";
    if (lines->line == 1 && len >= strlen(mark) && memcmp(s, mark, strlen(mark)) == 0)
        return "a byte order mark: save the file as UTF-8 without one";
    if (!utf8_valid(s, len, NULL))
        return "not UTF-8";
    return has_control(s, len) ? "a control character" : NULL;
}

/* What libinih would read as something else than it looks like. */
static const char *wrong_shape(const char *s, size_t len)
{
    size_t indent = strspn(s, blanks), name = strcspn(s, "=:");
    if (indent == len || s[indent] == '#' || s[indent] == ';')
        return NULL;
    if (indent)
        return "white space at the beginning: no value goes on in a second line";
    if (name < len && s[name] == ':')
        return "a key and its value are parted by '=', not by ':'";
    if (name == 0)
        return "there is no key before the '='";
    return NULL;
}

/* ---- sections --------------------------------------------------------------------- */

/* Behind ']' there may be a comment. */
static bool ends_section(const char *at)
{
    size_t blank = strspn(at + 1, blanks);
    return *at == ']' && (at[1 + blank] == '\0' || (blank && strchr("#;", at[1 + blank])));
}

/* "[word]" or "[word "id"]", taken apart in place. Here and not in libinih, which cuts
 * names at 49 bytes. */
static void take_section(struct lines *lines, char *s)
{
    char *word = s + 1, *id = NULL, *at = word + strcspn(word, " \t\"]["), *word_end = at;
    at += strspn(at, blanks);
    if (*at == '"' && at > word_end) {
        id = ++at;
        at += strcspn(at, "\"");
        if (*at == '"')
            *at++ = '\0';
        at += strspn(at, blanks);
    }
    if (word_end == word || !ends_section(at)) {
        tell_bad(lines, "a section is written [name], or [rule \"ID\"]");
        lines->ops->section(lines->userdata, "", NULL, lines->line);
        return;
    }
    *word_end = '\0';
    lines->ops->section(lines->userdata, word, id, lines->line);
}

/* ---- between the text and libinih ---------------------------------------------------- */

/* The next line without its end; false: there is none. */
static bool take_line(struct lines *lines, const char **ret, size_t *ret_len)
{
    if (lines->at == lines->end)
        return false;
    size_t left = (size_t)(lines->end - lines->at);
    const char *newline = memchr(lines->at, '\n', left);
    *ret = lines->at;
    *ret_len = newline ? (size_t)(newline - lines->at) : left;
    lines->at += *ret_len + (newline != NULL);
    lines->line++;
    if (*ret_len && (*ret)[*ret_len - 1] == '\r')
        --*ret_len;
    return true;
}

/* false: it was told what is wrong with it. */
static bool is_fine(struct lines *lines, const char *s, size_t len, size_t max)
{
    char why[64];
    const char *wrong = wrong_bytes(lines, s, len);
    if (wrong && memchr(s, '\0', len))
        lines->at = lines->end;
    if (!wrong && len > max) {
        snprintf(why, sizeof why, "longer than %zu bytes", max);
        wrong = why;
    }
    if (wrong)
        tell_bad(lines, wrong);
    return !wrong;
}

/* libinih found no '=' in what it was given last. */
static void settle(struct lines *lines)
{
    if (lines->pending)
        tell_bad(lines, "neither a [section], nor key = value, nor a # comment");
    lines->pending = false;
}

/* libinih's fgets(3): gives it the pairs, and empty lines for all others. */
static char *read_line(char *ret, int size, void *stream)
{
    struct lines *lines = stream;
    const char *s;
    size_t len, max = (size_t)size - 1 < CONFIG_LINE_MAX ? (size_t)size - 1 : CONFIG_LINE_MAX;
    settle(lines);
    if (!take_line(lines, &s, &len))
        return NULL;
    *ret = '\0';
    if (!is_fine(lines, s, len, max))
        return ret;
    memcpy(ret, s, len);
    ret[len] = '\0';
    const char *wrong = *ret == '[' ? NULL : wrong_shape(ret, len);
    if (*ret == '[')
        take_section(lines, ret);
    else if (wrong)
        tell_bad(lines, wrong);
    else
        lines->pending = !strchr("#;", ret[strspn(ret, blanks)]);
    if (!lines->pending)
        *ret = '\0';
    return ret;
}

static int on_pair(void *userdata, const char *section, const char *key, const char *value)
{
    struct lines *lines = userdata;
    (void)section;
    lines->pending = false;
    lines->ops->pair(lines->userdata, key, value ? value : "", lines->line);
    return 1;
}

int config_lines_parse(const char *text, size_t len, const struct config_lines_ops *ops,
                       void *userdata)
{
    struct lines lines = { .at = text, .end = text + len, .ops = ops, .userdata = userdata };
#ifdef HAVE_INI_MAX_LINE
    ini_max_line = CONFIG_LINE_MAX + 3;
#endif
    int r = ini_parse_stream(read_line, &lines, on_pair, &lines);
    settle(&lines);
    return r == -2 ? -ENOMEM : 0;
}
