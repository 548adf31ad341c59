#include "client/lib/farewell.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/handle.h"
#include "client/lib/text.h"
#include "proto/transport/sys.h"

/* Ahead of what waits in the outbox, which stays unsent, and is told as that. Behind half a frame it would be read as
 * the rest of it, and behind our own GOODBYE nobody looks. */
static bool can_be_said(const broker *b)
{
    return b->fd >= 0 && b->state != STATE_LEAVING && outbox_is_between_frames(&b->out);
}

static void say(const broker *b, int status, const char *text)
{
    struct envelope e = { .op = OP_GOODBYE };
    uint8_t buf[ENVELOPE_MAX_WRITTEN];

    e.goodbye.status = (uint64_t)status;
    e.goodbye.sentence = (struct piece){ text, strlen(text) };
    /* A socket that takes no more has not been read: there is nobody to be told. */
    (void)sys_send(b->fd, buf, envelope_write(buf, sizeof buf, &e));
}

void farewell(broker *b, int status, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (can_be_said(b))
        say(b, status, text);
    conn_lost(b, status, "%s", text);
}
