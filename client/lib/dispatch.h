/* Dispatch: a frame that was scanned meets the callbacks. */
#pragma once

#include <stdbool.h>

#include <brokerclient.h>

#include "client/lib/scan.h"

/* One frame that was scanned. Inside handle_enter. */
void dispatch_parsed(broker *b, const struct parsed *parsed);
/* Whether that would run no callback. */
bool dispatch_is_silent(const broker *b, const struct parsed *parsed);
