/* Dispatch: what was read meets the callbacks, in order. */
#pragma once

#include <stdbool.h>

#include <brokerclient.h>

#include "client/lib/scan.h"

/* Dispatches what lies in the inbox, until it is empty or b->halt. Frames that
 * were not scanned are scanned on the way. Inside handle_enter. */
void dispatch_all(broker *b);
/* Whether there is something to dispatch. */
bool dispatch_is_due(const broker *b);

/* One frame that was scanned. */
void dispatch_parsed(broker *b, const struct parsed *parsed);
/* Whether that would run no callback. */
bool dispatch_is_silent(const broker *b, const struct parsed *parsed);
