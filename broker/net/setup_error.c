#include "broker/net/setup_error.h"

#include <stdarg.h>
#include <stdio.h>

int setup_fail(struct setup_error *error, int code, const char *format, ...)
{
    va_list args;

    if (error) {
        va_start(args, format);
        (void)vsnprintf(error->why, sizeof(error->why), format, args);
        va_end(args);
    }
    return code;
}
