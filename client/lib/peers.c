#include "client/lib/peers.h"

#include <stdlib.h>
#include <string.h>

#include "client/lib/handle.h"
#include "proto/cursor.h"

enum { MAX_GROUPS = 64 };

struct peer {
    struct buried buried;
    struct broker_credentials is;
    gid_t groups[MAX_GROUPS];
    char label[];
};

/* What is missing has no place either, and nothing may be added to that (C11 6.5.6). */
static struct cursor cursor_of(const struct piece *raw)
{
    const uint8_t *p = raw->p;

    return (struct cursor){ p, raw->len > 0 ? p + raw->len : p };
}

static bool read_pid(const struct piece *raw, pid_t *ret)
{
    struct cursor cursor = cursor_of(raw);
    uint64_t pid = 0;

    if (raw->len > 0 && !cursor_nil(&cursor) && (!cursor_uint(&cursor, &pid) || pid > INT32_MAX))
        return false;
    *ret = (pid_t)pid;
    return true;
}

static bool read_groups(const struct piece *raw, gid_t *ret, size_t *ret_n)
{
    struct cursor cursor = cursor_of(raw);
    uint32_t n = 0;

    if (raw->len > 0 && !cursor_nil(&cursor) && !cursor_array(&cursor, &n))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t gid;

        if (i >= MAX_GROUPS || !cursor_uint(&cursor, &gid) || gid > UINT32_MAX)
            return false;
        ret[i] = (gid_t)gid;
    }
    *ret_n = n;
    return true;
}

bool peers_valid(const struct envelope *envelope)
{
    gid_t groups[MAX_GROUPS];
    size_t n_groups;
    pid_t pid;

    return envelope->peer.uid <= UINT32_MAX && envelope->peer.gid <= UINT32_MAX &&
           read_pid(&envelope->peer.pid, &pid) &&
           read_groups(&envelope->peer.groups, groups, &n_groups);
}

static struct peer *peer_new(const struct envelope *envelope)
{
    const struct piece *label = &envelope->peer.label;
    struct peer *peer = malloc(sizeof *peer + label->len + 1);

    if (!peer)
        return NULL;
    peer->is = (struct broker_credentials){
        .id = envelope->peer.id,
        .uid = (uid_t)envelope->peer.uid,
        .gid = (gid_t)envelope->peer.gid,
        .groups = peer->groups,
        .label = label->p ? peer->label : NULL,
    };
    read_pid(&envelope->peer.pid, &peer->is.pid);
    read_groups(&envelope->peer.groups, peer->groups, &peer->is.n_groups);
    if (label->len > 0)
        memcpy(peer->label, label->p, label->len);
    peer->label[label->len] = '\0';
    return peer;
}

void peers_learn(broker *b, const struct envelope *envelope)
{
    struct peers *peers = &b->peers;
    size_t place = envelope->peer.id % PEER_CACHE;

    if (!peers->places)
        peers->places = calloc(PEER_CACHE, sizeof *peers->places);
    if (!peers->places)
        return;
    if (peers->places[place])
        handle_bury(b, peers->places[place]);
    peers->places[place] = peer_new(envelope);
}

const struct broker_credentials *peers_find(const struct peers *peers, uint64_t id)
{
    const struct peer *peer = peers->places ? peers->places[id % PEER_CACHE] : NULL;

    return peer && peer->is.id == id ? &peer->is : NULL;
}

struct peer *peer_copy(const struct broker_credentials *of)
{
    size_t label_len = of && of->label ? strlen(of->label) : 0;
    struct peer *peer = of ? malloc(sizeof *peer + label_len + 1) : NULL;

    if (!peer)
        return NULL;
    peer->is = *of;
    memcpy(peer->groups, of->groups, of->n_groups * sizeof *of->groups);
    memcpy(peer->label, of->label ? of->label : "", label_len + 1);
    peer->is.groups = peer->groups;
    peer->is.label = of->label ? peer->label : NULL;
    return peer;
}

const struct broker_credentials *peer_credentials(const struct peer *peer)
{
    return &peer->is;
}

void peers_clear(broker *b)
{
    struct peers *peers = &b->peers;

    for (size_t i = 0; peers->places && i < PEER_CACHE; i++) {
        if (peers->places[i])
            handle_bury(b, peers->places[i]);
    }
    free(peers->places);
    peers->places = NULL;
}
