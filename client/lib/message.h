/* The message that a callback sees, and what receiving remembers between two.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <brokerclient.h>

#include "proto/frame.h"
#include "proto/limits.h"

/* Views into the inbox, but for the subject, which ends with a NUL. */
struct broker_message {
    const char *subject;
    size_t subject_len;
    const uint8_t *payload;
    size_t payload_len;
    const uint8_t *headers;
    size_t headers_len;
    uint32_t word;
    uint32_t status;
    uint64_t sender;
    const struct broker *b; /* whose PEER table knows the sender; may be NULL */
    const struct broker_credentials *who; /* the sender's, if not NULL */
};

/* Most messages have the envelope of the one before: then only the payload is
 * new. The envelope is compared whole, so nothing is parsed. */
struct received {
    struct broker_message message;
    size_t envelope_len; /* SIZE_MAX: none to compare with */
    uint8_t envelope[FRAME_MAX_HEAD];
    char subject[MAX_SUBJECT + 1];
    uint32_t n_sids; /* of the last SELECT */
    uint32_t sids[MAX_SIDS];
};

void received_init(struct received *received);

/* Fills *ret from a frame that was read; `subject` has MAX_SUBJECT + 1 bytes. */
void message_view(struct broker_message *ret, const struct frame *frame, char *subject,
                  const broker *b);
/* Reads a frame in place. false: it breaks the wire, or what a broker may send. */
bool message_read(struct frame *ret, const uint8_t *frame, size_t size);
