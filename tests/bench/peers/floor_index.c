#include "tests/bench/peers/floor_index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "proto/subject.h"
#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/floor_wire.h"

#define BUCKET_BITS 17
#define CACHE_BITS  18
#define N_PROBES    8

struct filed {
    struct filed *next;
    struct conn *conn;
    uint32_t sid;
    bool serves;
    unsigned prefix_len; /* of the literal tokens, without the '.' behind them */
    unsigned len;
    char pattern[];
};

static struct filed *buckets[1u << BUCKET_BITS];
static struct entry *cache[1u << CACHE_BITS];
static unsigned n_cached;
static uint64_t key;

void index_init(void)
{
    if (getrandom(&key, sizeof(key), 0) != sizeof(key))
        bench_die("no random bytes");
    key |= 1;
}

/* -- hashing: keyed, eight bytes at a time ------------------------------------------------------ */

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t word_at(const char *s, size_t n)
{
    uint64_t word = 0;

    memcpy(&word, s, n);
    return word;
}

static inline uint64_t hash_of(const char *s, size_t len)
{
    uint64_t hash = key ^ len;
    size_t at = 0;

    for (; len - at > 8; at += 8)
        hash = fold(hash ^ word_at(s + at, 8), key ^ UINT64_C(0xa5a3564e27f8861d));
    /* The last eight bytes, some of them for the second time, or all there are. */
    hash ^= len >= 8 ? word_at(s + len - 8, 8) : word_at(s, len);
    return fold(hash, key ^ UINT64_C(0x8bb84b93962eacc9));
}

static inline bool equal(const char *a, const char *b, size_t len)
{
    uint64_t difference = 0;

    if (len < 8)
        return memcmp(a, b, len) == 0;
    for (size_t at = 0; len - at > 8; at += 8)
        difference |= word_at(a + at, 8) ^ word_at(b + at, 8);
    return (difference | (word_at(a + len - 8, 8) ^ word_at(b + len - 8, 8))) == 0;
}

static struct filed **bucket_of(const char *prefix, size_t len)
{
    return &buckets[hash_of(prefix, len) >> (64 - BUCKET_BITS)];
}

/* -- the cache ------------------------------------------------------------------------------- */

static void forget(struct entry **place)
{
    if (!*place)
        return;
    free((*place)->receivers);
    free(*place);
    *place = NULL;
    n_cached--;
}

static void forget_all(void)
{
    for (size_t i = 0; n_cached && i < 1u << CACHE_BITS; i++)
        forget(&cache[i]);
}

static void entry_add(struct entry *entry, const struct filed *filed)
{
    const struct receiver receiver = { filed->conn, filed->sid };
    const size_t n = entry->n_receivers + 1;

    if (filed->serves) {
        entry->server = receiver;
        return;
    }
    for (unsigned i = 0; i < entry->n_receivers; i++) {
        if (entry->receivers[i].conn == filed->conn)
            return; /* one copy a connection */
    }
    if ((n & (n - 1)) == 0 || n == 1) {
        entry->receivers = realloc(entry->receivers, 2 * n * sizeof(receiver));
        if (!entry->receivers)
            bench_die("no memory for %zu receivers", n);
    }
    entry->receivers[entry->n_receivers++] = receiver;
}

static void entry_fill(struct entry *entry, unsigned prefix_len)
{
    const struct filed *filed = *bucket_of(entry->subject, prefix_len);

    for (; filed; filed = filed->next) {
        if (filed->prefix_len == prefix_len &&
            pattern_match(filed->pattern, filed->len, entry->subject, entry->len))
            entry_add(entry, filed);
    }
}

static struct entry *entry_make(struct entry **place, const char *subject, uint32_t len,
                                uint64_t hash)
{
    struct entry *entry = calloc(1, sizeof(*entry) + len);

    if (!entry)
        bench_die("no memory for a subject");
    entry->hash = hash;
    entry->len = len;
    memcpy(entry->subject, subject, len);
    entry_fill(entry, 0);
    for (unsigned i = 1; i <= len; i++) {
        if (i == len || subject[i] == '.')
            entry_fill(entry, i);
    }
    forget(place);
    *place = entry;
    n_cached++;
    return entry;
}

struct entry *index_find(const char *subject, uint32_t len, bool may_make)
{
    const uint64_t hash = hash_of(subject, len);
    const size_t first = hash >> (64 - CACHE_BITS);
    struct entry **place = &cache[first];

    for (size_t i = first; i < first + N_PROBES; i++) {
        struct entry **at = &cache[i & ((1u << CACHE_BITS) - 1)];

        if (!*at) {
            place = at;
            break;
        }
        if ((*at)->hash == hash && (*at)->len == len && equal((*at)->subject, subject, len))
            return *at;
    }
    if (!may_make || !subject_valid(subject, len, NULL))
        return NULL;
    return entry_make(place, subject, len, hash);
}

/* -- subscriptions --------------------------------------------------------------------------- */

static unsigned literal_len(const char *pattern, size_t len)
{
    unsigned at = 0;

    while (at < len && pattern[at] != '*' && pattern[at] != '>')
        at++;
    return at < len && at > 0 ? at - 1 : at;
}

bool index_add(struct conn *conn, uint32_t sid, bool serves, const char *pattern, size_t len)
{
    if (!pattern_valid(pattern, len, NULL))
        return false;
    struct filed *filed = malloc(sizeof(*filed) + len);
    if (!filed)
        bench_die("no memory for a subscription");
    *filed = (struct filed){ .conn = conn,
                             .sid = sid,
                             .serves = serves,
                             .prefix_len = literal_len(pattern, len),
                             .len = (unsigned)len };
    memcpy(filed->pattern, pattern, len);
    struct filed **bucket = bucket_of(pattern, filed->prefix_len);
    filed->next = *bucket;
    *bucket = filed;
    conn->n_subs++;
    forget_all();
    return true;
}

void index_remove(struct conn *conn)
{
    for (size_t i = 0; conn->n_subs && i < 1u << BUCKET_BITS; i++) {
        for (struct filed **at = &buckets[i]; *at;) {
            struct filed *filed = *at;

            if (filed->conn != conn) {
                at = &filed->next;
                continue;
            }
            *at = filed->next;
            free(filed);
            conn->n_subs--;
        }
    }
    forget_all();
}
