/* Subjects and patterns: grammar, matching, hashing.
 *
 * A subject is UTF-8 tokens joined by '.', 1-255 bytes, at most 16 tokens, no
 * empty token, no white space or control character (U+0000-0020, U+007F-00A0,
 * Unicode's other spaces and separators, U+FEFF), and no token that is just "*"
 * or ">". In a pattern "*" stands for one token and a last ">" for one or more;
 * inside a longer token both are ordinary characters. A wildcard in first place
 * does not match a first token that begins with '$', so nobody listens to the
 * broker itself by accident. (PROTOCOL.md, "Subjects".)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBJECT_SYS "$SYS."

/* What is wrong with a subject: the offset of the offending byte, and a
 * constant sentence ("an empty token"). */
struct subject_error {
    size_t at;
    const char *why;
};

/* Whether s[0..len) is a subject / a pattern. `error` may be NULL. Reads no
 * byte outside s[0..len). */
bool subject_valid(const char *s, size_t len, struct subject_error *error);
bool pattern_valid(const char *s, size_t len, struct subject_error *error);
/* A queue group's name: one token of a subject, 1-64 bytes. */
bool group_valid(const char *s, size_t len, struct subject_error *error);

/* Whether a valid pattern has a wildcard. */
bool pattern_has_wildcard(const char *s, size_t len);
/* Whether a valid pattern matches a valid subject. */
bool pattern_match(const char *pattern, size_t pattern_len, const char *subject, size_t subject_len);
/* The same of what stands behind the first tokens of both, where '$' is a character like others. */
bool pattern_match_rest(const char *pattern, size_t pattern_len, const char *subject,
                        size_t subject_len);
/* Whether the subject or pattern begins with "$SYS.", or is "$SYS". */
bool subject_is_sys(const char *s, size_t len);

/* A keyed hash, eight bytes at a time; good enough against guessed collisions
 * when `seed` is random, not a MAC. */
uint64_t subject_hash(const char *s, size_t len, uint64_t seed);
