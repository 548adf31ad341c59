/* Scanning: what a frame changes at once, whoever is looking.
 *
 * A frame is scanned once, in order, before it is dispatched; by a blocking
 * call possibly long before. Scanning keeps answers, references and the states
 * of registrations current, and checks every frame, so that dispatch meets only
 * good ones. It runs no callback and sends nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <brokerclient.h>

#include "proto/envelope.h"
#include "proto/frame.h"

/* Scans all that was read and was not scanned. Frames that nobody is to be told
 * of are done with, if nothing lies before them. false: the connection is lost. */
bool scan_all(broker *b);

/* A frame as it was read. `done`: scanning was all there is to do. */
struct parsed {
    bool is_data; /* MESSAGE, REQUEST, REPLY */
    bool done;
    const uint8_t *bytes; /* the frame, its prefix included */
    size_t size;
    union {
        struct frame frame;
        struct envelope envelope;
    };
};

/* Reads and scans one whole frame. false: conn_lost was called. */
bool scan_frame(broker *b, const uint8_t *frame, size_t size, struct parsed *ret);
/* Reads one that was scanned before. */
void scan_again(const uint8_t *frame, size_t size, struct parsed *ret);
