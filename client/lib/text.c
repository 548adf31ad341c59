#include "client/lib/text.h"

#include <stdio.h>
#include <string.h>

#include "proto/status.h"
#include "proto/utf8.h"

/* Bytes of the character at p that may be shown; 0 if it may not. */
static size_t shown(const uint8_t *p, size_t left)
{
    uint32_t c = 0;
    size_t n = utf8_step(p, left, &c);

    return c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0 : n;
}

static void copy(char *ret, const struct piece *text)
{
    const uint8_t *p = text->p;
    size_t to = 0;

    for (size_t at = 0; at < text->len;) {
        size_t n = shown(p + at, text->len - at);

        if (to + (n > 0 ? n : 1) >= TEXT_MAX)
            break;
        if (n > 0)
            memcpy(ret + to, p + at, n);
        else
            ret[to] = '?';
        n = n > 0 ? n : 1;
        to += n;
        at += n;
    }
    ret[to] = '\0';
}

void text_copy(char *ret, const struct piece *text, int status)
{
    if (text->p && text->len > 0)
        copy(ret, text);
    else
        snprintf(ret, TEXT_MAX, "%s", status_sentence((uint32_t)status));
}

const char *text_or_null(char *ret, const struct piece *text)
{
    if (!text->p)
        return NULL;
    copy(ret, text);
    return ret;
}
