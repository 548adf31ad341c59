/* What a client says to a broker that broke the wire (PROTOCOL.md, "Frames"). */
#pragma once

#include <brokerclient.h>

/* The broker broke the wire: tells it so in a GOODBYE, with this status and sentence, as far as it can be told, and
 * ends the connection as conn_lost does. Runs no callback, and never waits. */
void farewell(broker *b, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
