#include "broker/config_errors.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"

void config_errors_clear(struct config_errors *errors)
{
    errors->n = errors->n_more = errors->len = 0;
}

/* C0, DEL and C1. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

void config_make_safe(char *text)
{
    size_t len = strlen(text), step;
    for (size_t i = 0; i < len; i += step) {
        uint32_t c;
        step = utf8_step((const uint8_t *)text + i, len - i, &c);
        if (step && !is_control(c))
            continue;
        step = step ? step : 1;
        memset(text + i, '?', step);
    }
}

static void keep(struct config_errors *errors, const char *error)
{
    size_t size = strlen(error) + 1;
    if (errors->n == CONFIG_ERRORS_MAX || size > sizeof errors->text - errors->len) {
        errors->n_more++;
        return;
    }
    memcpy(errors->text + errors->len, error, size);
    errors->len += size;
    errors->n++;
}

/* "WHERE:LINE: ". Of a long name the end tells more than the beginning. */
static size_t put_where(char error[CONFIG_ERROR_LEN], const char *where, unsigned line)
{
    enum { WHERE_MAX = CONFIG_ERROR_LEN / 2 };
    size_t cut = strlen(where) > WHERE_MAX ? strlen(where) - WHERE_MAX : 0;
    int len = snprintf(error, CONFIG_ERROR_LEN, "%s%s", cut ? "..." : "", where + cut);
    if (line)
        len += snprintf(error + len, (size_t)(CONFIG_ERROR_LEN - len), ":%u", line);
    len += snprintf(error + len, (size_t)(CONFIG_ERROR_LEN - len), ": ");
    return (size_t)len;
}

void config_errors_add(struct config_errors *errors, const char *where, unsigned line,
                       const char *format, ...)
{
    char error[CONFIG_ERROR_LEN];
    size_t len = where ? put_where(error, where, line) : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(error + len, sizeof error - len, format, args);
    va_end(args);
    config_make_safe(error);
    keep(errors, error);
}

const char *config_errors_next(const struct config_errors *errors, const char *error)
{
    const char *next = error ? error + strlen(error) + 1 : errors->text;
    return next < errors->text + errors->len ? next : NULL;
}
