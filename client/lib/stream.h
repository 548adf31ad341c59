/* The stream: what was read meets the callbacks, in order.
 *
 * Most frames are known by their first bytes (received.h, fixed.h), and are
 * neither scanned nor parsed; the others go by scan.h and dispatch.h.
 */
#pragma once

#include <stdbool.h>

#include <brokerclient.h>

/* Dispatches what lies in the inbox, until it is empty or b->halt. Frames that
 * were not scanned are scanned on the way. Inside handle_enter. */
void stream_dispatch(broker *b);
/* Whether there is something to dispatch. */
bool stream_is_due(const broker *b);

/* Runs the callbacks of the subscriptions that are selected. */
void stream_hand_out(broker *b, const broker_message *message);
