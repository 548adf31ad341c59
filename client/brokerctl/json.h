/* msgpack and JSON, each into the other.
 *
 * What one of them has and the other has not is written as an object with one
 * key, so that every value comes back as it was:
 *
 *   {"$bin": "AAEC"}            bytes, as base64
 *   {"$ext": [5, "AAEC"]}       an extension type with its number
 *   {"$float": "nan"}           nan, inf, -inf
 *   {"$map": [[1, "a"], …]}     a map with keys that are not strings, or with
 *                               one key twice, or with one key that is one of these five
 *   {"$uint": "9223372036854775808"}  only read: jansson's integers end at 2^63 - 1; larger ones
 *                               may also stand as plain numbers, and are printed so
 *
 * A float of 32 bits is printed with the digits it needs, and read as 64 bits.
 * An object that names a key twice is refused, and so is nesting deeper than 64.
 */
#pragma once

#include "client/brokerctl/text.h"

/* Appends one value as JSON on one line. false: the bytes are not exactly one
 * well-formed msgpack value; nothing is appended. */
bool json_from_msgpack(struct text *out, const void *buf, size_t len);
/* Appends the msgpack of one JSON value. false: *ret_why (a string, for people)
 * says what is wrong and where, and nothing is appended. */
bool json_to_msgpack(struct text *out, const char *json, size_t len, struct text *ret_why);

/* Whether an object with this one key is one of the forms above. */
bool json_key_is_form(const char *key, size_t len);

/* The sink of a msgpack_packer whose data is a struct text. */
int json_pack_write(void *text, const char *buf, size_t len);
