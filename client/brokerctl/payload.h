/* Payloads on their way out, and on their way onto the screen. */
#pragma once

#include "client/brokerctl/options.h"
#include "client/brokerctl/text.h"

#include <brokerclient.h>

/* How bytes of the user become a payload. */
enum payload_form {
    PAYLOAD_STRING, /* a msgpack string */
    PAYLOAD_JSON,   /* JSON, as msgpack */
    PAYLOAD_OPAQUE, /* as they are */
};

struct payload {
    struct text bytes;
    unsigned flags; /* BROKER_MSGPACK, or 0 */
    size_t added;   /* of the bytes, those that make text a msgpack string */
};

#define PAYLOAD_INIT { TEXT_INIT, 0, 0 }
#define _cleanup_payload_ __attribute__((cleanup(payload_deinit)))

void payload_deinit(struct payload *payload);
/* -1 to go on, or EXIT_USAGE: --from-json and --raw exclude each other. */
int payload_form(bool from_json, bool raw, enum payload_form *ret);

/* Replaces what the payload held. false: *ret_why says what is wrong with it. */
bool payload_set(struct payload *payload, enum payload_form form, const char *data, size_t len,
                 struct text *ret_why);
/* From an operand (may be NULL: an empty payload) or a file ("-": standard
 * input). 0, or an exit code after saying what was wrong. */
int payload_load(struct payload *payload, enum payload_form form, const char *operand,
                 const char *file);
/* 0, or EXIT_DATA after saying how much larger than `max` bytes it is. */
int payload_check_size(const struct payload *payload, size_t max);
/* One msgpack map of K=V; values are strings, but for ttl-ms. Nothing is
 * appended if there are none. 0, or an exit code after saying what was wrong. */
int payload_headers(struct text *ret, const struct option_list *pairs);

/* For people: JSON if it is msgpack, the text itself if it is text, else "(base64) …". */
void payload_show(struct text *out, const void *data, size_t len, unsigned flags);
/* The same with more to it: as a member of a JSON object, "payload", "payload-text" or
 * "payload-base64"; without commas around it. */
void payload_show_member(struct text *out, const void *data, size_t len, unsigned flags);
/* What --raw prints and hands to commands: the text of a msgpack string, else
 * the payload as it is. A view into it. */
void payload_raw(const void *data, size_t len, unsigned flags, const char **ret, size_t *ret_len);
/* Of a message: all three ways, chosen by the options, without a newline. */
void payload_show_message(struct text *out, const struct ctl *ctl, const broker_message *m);
/* `,"headers":{…}` if the message has some. */
void payload_show_headers(struct text *out, const broker_message *m);
