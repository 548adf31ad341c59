#include "proto/subject.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"

/* What a byte does to the scan. PLAIN is 0, so that the table names only the
 * exceptions. */
enum byte_class { PLAIN, DOT, SPACE, CONTROL, HIGH };

static const uint8_t byte_class[256] = {
    [0x00 ... 0x08] = CONTROL,
    ['\t' ... '\r'] = SPACE,
    [0x0e ... 0x1f] = CONTROL,
    [' '] = SPACE,
    ['.'] = DOT,
    [0x7f] = CONTROL,
    [0x80 ... 0xff] = HIGH,
};

struct scan {
    const char *s;
    size_t len;
    size_t at;    /* the byte looked at; after a refusal the offending one */
    size_t start; /* of its token */
    unsigned n_tokens;
    bool pattern;
    const char *why;
};

static bool refuse(struct scan *scan, size_t at, const char *why)
{
    scan->at = at;
    scan->why = why;
    return false;
}

/* C1 controls; Zs, Zl and Zp of the Unicode Character Database, 15.0; and the
 * byte order mark, which editors put where nobody sees it. */
static const char *refused_character(uint32_t c)
{
    if (c < 0xa0)
        return "a control character";
    if (c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
        c == 0x202f || c == 0x205f || c == 0x3000)
        return "white space";
    if (c == 0xfeff)
        return "a byte order mark";
    return NULL;
}

/* The slow path of a byte >= 0x80: a whole character. */
static bool scan_character(struct scan *scan)
{
    uint32_t c = 0;
    size_t n = utf8_step((const uint8_t *)scan->s + scan->at, scan->len - scan->at, &c);
    const char *why = n > 0 ? refused_character(c) : "not UTF-8";

    if (why)
        return refuse(scan, scan->at, why);
    scan->at += n;
    return true;
}

static bool scan_wildcard(struct scan *scan)
{
    char c = scan->s[scan->start];

    if (c != '*' && c != '>')
        return true;
    if (!scan->pattern)
        return refuse(scan, scan->start, "a wildcard in a subject");
    if (c == '>' && scan->at != scan->len)
        return refuse(scan, scan->start, "\">\" is not the last token");
    return true;
}

/* At a '.' or at the end: judges the token before it. */
static bool scan_token(struct scan *scan)
{
    size_t len = scan->at - scan->start;

    if (len == 0)
        return refuse(scan, scan->at, "an empty token");
    if (++scan->n_tokens > MAX_TOKENS)
        return refuse(scan, scan->start, "more than 16 tokens");
    if (len == 1 && !scan_wildcard(scan))
        return false;
    scan->start = ++scan->at;
    return true;
}

/* Past the bytes that decide nothing. The loop that the time goes into, so it
 * keeps its place in a register. */
static void scan_plain(struct scan *scan)
{
    const char *s = scan->s;
    size_t at = scan->at;

    while (at < scan->len && byte_class[(uint8_t)s[at]] == PLAIN)
        at++;
    scan->at = at;
}

static bool scan_special(struct scan *scan)
{
    switch (byte_class[(uint8_t)scan->s[scan->at]]) {
    case DOT:
        return scan_token(scan);
    case SPACE:
        return refuse(scan, scan->at, "white space");
    case CONTROL:
        return refuse(scan, scan->at, "a control character");
    default:
        return scan_character(scan);
    }
}

static bool scan_all(struct scan *scan, size_t max_len, const char *too_long)
{
    if (scan->len == 0)
        return refuse(scan, 0, "it is empty");
    if (scan->len > max_len)
        return refuse(scan, max_len, too_long);
    for (scan_plain(scan); scan->at < scan->len; scan_plain(scan)) {
        if (!scan_special(scan))
            return false;
    }
    return scan_token(scan);
}

static bool report(const struct scan *scan, bool valid, struct subject_error *error)
{
    if (!valid && error)
        *error = (struct subject_error){ .at = scan->at, .why = scan->why };
    return valid;
}

bool subject_valid(const char *s, size_t len, struct subject_error *error)
{
    struct scan scan = { .s = s, .len = len };

    return report(&scan, scan_all(&scan, MAX_SUBJECT, "longer than 255 bytes"), error);
}

bool pattern_valid(const char *s, size_t len, struct subject_error *error)
{
    struct scan scan = { .s = s, .len = len, .pattern = true };

    return report(&scan, scan_all(&scan, MAX_SUBJECT, "longer than 255 bytes"), error);
}

bool group_valid(const char *s, size_t len, struct subject_error *error)
{
    struct scan scan = { .s = s, .len = len };
    bool valid = scan_all(&scan, MAX_GROUP, "longer than 64 bytes");

    if (valid && scan.n_tokens > 1) {
        const char *dot = memchr(s, '.', len);

        valid = refuse(&scan, (size_t)(dot - s), "more than one token");
    }
    return report(&scan, valid, error);
}

/* Whether the token at s[at] is the wildcard `c`. */
static inline bool is_token(const char *s, size_t len, size_t at, char c)
{
    return s[at] == c && (at + 1 == len || s[at + 1] == '.');
}

bool pattern_has_wildcard(const char *s, size_t len)
{
    /* A ">" that is a token is the last one, or the pattern were not valid. */
    if (len > 0 && s[len - 1] == '>' && (len == 1 || s[len - 2] == '.'))
        return true;
    for (size_t at = 0; at < len; at++) {
        if (is_token(s, len, at, '*') && (at == 0 || s[at - 1] == '.'))
            return true;
    }
    return false;
}

/* Takes one token off both sides. Neither wildcard can match in two ways, so
 * there is never anything to come back to. */
static bool match_token(const char **pattern, const char *pattern_end, const char **subject,
                        const char *subject_end)
{
    const char *p = *pattern, *s = *subject;

    if (is_token(p, (size_t)(pattern_end - p), 0, '*')) {
        const char *dot = memchr(s, '.', (size_t)(subject_end - s));

        *pattern = p + 1;
        *subject = dot ? dot : subject_end;
        return true;
    }
    while (p < pattern_end && s < subject_end && *p == *s && *p != '.') {
        p++;
        s++;
    }
    *pattern = p;
    *subject = s;
    return (p == pattern_end || *p == '.') && (s == subject_end || *s == '.');
}

static bool match_tokens(const char *p, const char *p_end, const char *s, const char *s_end)
{
    for (;;) {
        if (p_end - p == 1 && *p == '>')
            return true;
        if (!match_token(&p, p_end, &s, s_end))
            return false;
        if (p == p_end || s == s_end)
            return p == p_end && s == s_end;
        p++;
        s++;
    }
}

bool pattern_match(const char *pattern, size_t pattern_len, const char *subject, size_t subject_len)
{
    bool wild_first =
        is_token(pattern, pattern_len, 0, '*') || (pattern_len == 1 && *pattern == '>');

    if (wild_first && subject[0] == '$')
        return false;
    return match_tokens(pattern, pattern + pattern_len, subject, subject + subject_len);
}

bool pattern_match_rest(const char *pattern, size_t pattern_len, const char *subject,
                        size_t subject_len)
{
    return match_tokens(pattern, pattern + pattern_len, subject, subject + subject_len);
}

bool subject_is_sys(const char *s, size_t len)
{
    return len >= 4 && memcmp(s, SUBJECT_SYS, 4) == 0 && (len == 4 || s[4] == '.');
}

/* Both halves of the product: every bit of the input reaches the low bits too,
 * which are the ones that a table of buckets uses. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load64(const char *s)
{
    uint64_t value;

    memcpy(&value, s, sizeof value);
    return value;
}

static inline uint64_t load32(const char *s)
{
    uint32_t value;

    memcpy(&value, s, sizeof value);
    return value;
}

/* The last 1-8 bytes. Words overlap rather than reach outside. */
static inline uint64_t load_last(const char *s, size_t len, size_t left)
{
    const char *end = s + len;

    if (len >= 8)
        return load64(end - 8);
    if (left >= 4)
        return load32(s) << 32 | load32(end - 4);
    if (left > 0)
        return (uint64_t)(uint8_t)s[0] << 16 | (uint64_t)(uint8_t)s[left / 2] << 8 |
               (uint8_t)end[-1];
    return 0;
}

uint64_t subject_hash(const char *s, size_t len, uint64_t seed)
{
    /* Both factors hold the seed. With a known one, a word that makes the
     * other 0 would wipe out what came before it whatever the seed. */
    const uint64_t key = seed ^ UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = seed ^ len * UINT64_C(0xd6e8feb86659fd93);
    size_t at = 0;

    for (; len - at > 8; at += 8)
        hash = mix(hash ^ load64(s + at), key);
    return mix(hash ^ load_last(s, len, len - at), key);
}
