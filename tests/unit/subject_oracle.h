/* Subjects once more, slowly: the oracle that proto/subject.c is held against.
 *
 * It splits into tokens, recurses, and knows only what the tests feed it of
 * characters: everything but '.' is ordinary. Nothing of proto/ is used here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct oracle_tokens {
    size_t n;
    const char *s[256];
    size_t len[256];
};

static inline void oracle_split(const char *s, size_t len, struct oracle_tokens *ret)
{
    size_t start = 0;

    ret->n = 0;
    for (size_t at = 0; at <= len && ret->n < 256; at++) {
        if (at < len && s[at] != '.')
            continue;
        ret->s[ret->n] = s + start;
        ret->len[ret->n++] = at - start;
        start = at + 1;
    }
}

static inline bool oracle_token_is(const struct oracle_tokens *tokens, size_t i, const char *text)
{
    return tokens->len[i] == strlen(text) && memcmp(tokens->s[i], text, tokens->len[i]) == 0;
}

static inline bool oracle_valid(const char *s, size_t len, bool pattern)
{
    struct oracle_tokens tokens;

    if (len < 1 || len > 255)
        return false;
    oracle_split(s, len, &tokens);
    for (size_t i = 0; i < tokens.n; i++) {
        if (tokens.len[i] == 0)
            return false;
        if (oracle_token_is(&tokens, i, "*") && !pattern)
            return false;
        if (oracle_token_is(&tokens, i, ">") && (!pattern || i + 1 != tokens.n))
            return false;
    }
    return tokens.n <= 16;
}

static inline bool oracle_match_from(const struct oracle_tokens *pattern, size_t i,
                                     const struct oracle_tokens *subject, size_t j)
{
    if (i == pattern->n || j == subject->n)
        return i == pattern->n && j == subject->n;
    bool wild_one = oracle_token_is(pattern, i, "*");
    bool wild_rest = oracle_token_is(pattern, i, ">");
    if ((wild_one || wild_rest) && j == 0 && subject->s[0][0] == '$')
        return false;
    if (wild_rest)
        return true;
    bool same = pattern->len[i] == subject->len[j] &&
                memcmp(pattern->s[i], subject->s[j], pattern->len[i]) == 0;
    return (wild_one || same) && oracle_match_from(pattern, i + 1, subject, j + 1);
}

static inline bool oracle_match(const char *pattern, size_t pattern_len, const char *subject,
                                size_t subject_len)
{
    struct oracle_tokens p, s;

    oracle_split(pattern, pattern_len, &p);
    oracle_split(subject, subject_len, &s);
    return oracle_match_from(&p, 0, &s, 0);
}

static inline bool oracle_has_wildcard(const char *pattern, size_t len)
{
    struct oracle_tokens tokens;

    oracle_split(pattern, len, &tokens);
    for (size_t i = 0; i < tokens.n; i++) {
        if (oracle_token_is(&tokens, i, "*") || oracle_token_is(&tokens, i, ">"))
            return true;
    }
    return false;
}
