/* The message that a callback sees. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* Fills *ret from a frame that was read; `subject` has room for that of the
 * frame and a NUL. */
static inline void message_view(struct broker_message *ret, const struct frame *frame,
                                char *subject, const broker *b)
{
    size_t len = frame->subject ? frame->subject_len : 0;

    if (len > 0)
        memcpy(subject, frame->subject, len);
    subject[len] = '\0';
    ret->subject = subject;
    ret->subject_len = len;
    ret->payload = frame->payload;
    ret->payload_len = frame->payload_len;
    ret->headers = frame->headers;
    ret->headers_len = frame->headers_len;
    ret->word = frame->word;
    ret->status = (uint32_t)frame->status;
    ret->sender = frame->id;
    ret->b = b;
    ret->who = NULL;
}

/* Reads a frame in place. false: it breaks the wire, or what a broker may send. */
bool message_read(struct frame *ret, const uint8_t *frame, size_t size);
