#include "broker/watch/log_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"

static const char *level_word(int level)
{
    switch (level) {
    case 3:
        return "error: ";
    case 4:
        return "warning: ";
    case 7:
        return "debug: ";
    default:
        return "";
    }
}

static size_t prefix(char *ret, bool journal, const char *name, int level)
{
    const int max = LOG_TEXT_LINE / 2;
    int n;

    if (journal)
        n = snprintf(ret, (size_t)max, "<%d>", level);
    else
        n = snprintf(ret, (size_t)max, "%s%s%s", name ? name : "", name ? ": " : "",
                     level_word(level));
    return n < max ? (size_t)n : (size_t)max - 1;
}

/* How many bytes at p may be shown as they are; 0 if the first may not. */
static size_t printable(const char *p, size_t left)
{
    uint32_t c;
    size_t n = utf8_step((const uint8_t *)p, left, &c);

    if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '\\')
        return 0;
    return n;
}

static size_t escape(char *ret, char byte)
{
    static const char digits[] = "0123456789abcdef";

    ret[0] = '\\';
    ret[1] = 'x';
    ret[2] = digits[(uint8_t)byte >> 4];
    ret[3] = digits[(uint8_t)byte & 15];
    return 4;
}

/* The length without a last character that the cut left incomplete. */
static size_t whole_characters(const char *message, size_t len)
{
    size_t back = 1;

    while (back < 4 && back < len && ((uint8_t)message[len - back] & 0xc0) == 0x80)
        back++;
    if (back <= len && (uint8_t)message[len - back] >= 0xc0 &&
        printable(message + len - back, back) == 0)
        return len - back;
    return len;
}

size_t log_text_line(char *ret, bool journal, const char *name, int level, const char *message,
                     size_t len, bool cut)
{
    static const char ending[] = "...\n";
    const size_t max = LOG_TEXT_LINE - (sizeof(ending) - 1);
    size_t at = prefix(ret, journal, name, level);
    size_t i = 0;

    if (cut)
        len = whole_characters(message, len);
    while (i < len && at + 4 <= max) { /* 4: the longest character, and an escape */
        size_t n = printable(message + i, len - i);

        if (n > 0)
            memcpy(ret + at, message + i, n);
        at += n > 0 ? n : escape(ret + at, message[i]);
        i += n > 0 ? n : 1;
    }
    if (cut || i < len) {
        memcpy(ret + at, ending, sizeof(ending) - 1);
        return at + sizeof(ending) - 1;
    }
    ret[at] = '\n';
    return at + 1;
}
