/* The message that a callback sees. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <brokerclient.h>

#include "proto/frame.h"

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

/* Fills *ret from a frame that was read; `subject` has MAX_SUBJECT + 1 bytes. */
void message_view(struct broker_message *ret, const struct frame *frame, char *subject,
                  const broker *b);
/* Reads a frame in place. false: it breaks the wire, or what a broker may send. */
bool message_read(struct frame *ret, const uint8_t *frame, size_t size);
