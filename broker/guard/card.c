#include "broker/guard/card.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/envelope.h"
#include "proto/writer.h"

/* ---- identities ------------------------------------------------------------ */

enum { LOOKED_AT = 16 }; /* of the latest: a new one is as good as one that is not found */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* A pidfd is one process's, and shared with nobody. */
static bool is_same(const struct identity *identity, const struct principal *who,
                    const char *listener)
{
    const struct principal *has = &identity->principal;
    return has->uid == who->uid && has->gid == who->gid && has->pidfd < 0 && who->pidfd < 0 &&
           has->n_groups == who->n_groups && identity->listener == listener &&
           (has->n_groups == 0 ||
            memcmp(has->groups, who->groups, has->n_groups * sizeof *has->groups) == 0) &&
           same_text(has->label, who->label) && same_text(has->executable, who->executable);
}

static void put_first(struct identities *known, struct identity *identity)
{
    identity->next = known->first;
    identity->link = &known->first;
    if (known->first)
        known->first->link = &identity->next;
    known->first = identity;
}

static void take_out(struct identity *identity)
{
    *identity->link = identity->next;
    if (identity->next)
        identity->next->link = identity->link;
}

static struct identity *identity_find(struct identities *known, const struct principal *who,
                                      const char *listener)
{
    struct identity *identity = known->first;
    for (int i = 0; identity && i < LOOKED_AT; i++, identity = identity->next) {
        if (is_same(identity, who, listener)) {
            take_out(identity);
            put_first(known, identity);
            return identity;
        }
    }
    return NULL;
}

/* Takes over what *principal owns. */
static struct identity *identity_new(struct identities *known, struct principal *principal,
                                     const char *listener)
{
    struct identity *identity = malloc(sizeof *identity);
    if (!identity)
        return NULL;
    *identity = (struct identity){ .principal = *principal, .listener = listener };
    identity->principal.pid = 0;
    put_first(known, identity);
    return identity;
}

/* ---- cards ----------------------------------------------------------------- */

struct card *card_new(struct identities *known, uint64_t id, struct principal *principal,
                      const char *listener)
{
    struct card *card = malloc(sizeof *card);
    struct identity *identity = card ? identity_find(known, principal, listener) : NULL;
    pid_t pid = principal->pid;
    if (identity)
        principal_deinit(principal);
    else if (card && (identity = identity_new(known, principal, listener)))
        *principal = (struct principal)PRINCIPAL_INIT;
    if (!identity) {
        free(card);
        return NULL;
    }
    identity->n_cards++;
    *card = (struct card){ .refs = 1, .pid = pid, .id = id, .identity = identity };
    return card;
}

void card_release(struct card *card)
{
    struct identity *identity = card->identity;
    if (--identity->n_cards == 0) {
        take_out(identity);
        principal_deinit(&identity->principal);
        free(identity);
    }
    free(card->name);
    free(card);
}

int card_set_name(struct card *card, const char *name, size_t len)
{
    char *copy = len ? strndup(name, len) : NULL;
    if (len && !copy)
        return -ENOMEM;
    free(card->name);
    card->name = copy;
    return 0;
}

/* ---- PEER ------------------------------------------------------------------ */

static size_t write_groups(const struct principal *who, uint8_t *buf, size_t room)
{
    size_t n = who->n_groups < PEER_MAX_GROUPS ? who->n_groups : PEER_MAX_GROUPS;
    struct writer w = { buf, buf + room, false };
    writer_array(&w, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        writer_uint(&w, who->groups[i]);
    return (size_t)(w.p - buf);
}

static size_t write_pid(const struct card *card, uint8_t *buf, size_t room)
{
    struct writer w = { buf, buf + room, false };
    if (card->pid > 0)
        writer_uint(&w, (uint64_t)card->pid);
    else
        writer_nil(&w);
    return (size_t)(w.p - buf);
}

size_t card_write_peer(const struct card *card, uint8_t *buf)
{
    const struct principal *who = card_principal(card);
    uint8_t pid[9];
    uint8_t groups[3 + PEER_MAX_GROUPS * 5];
    struct envelope peer = {
        .op = OP_PEER,
        .peer = {
            .id = card->id,
            .uid = who->uid,
            .gid = who->gid,
            .pid = { pid, write_pid(card, pid, sizeof pid) },
            .groups = { groups, write_groups(who, groups, sizeof groups) },
        },
    };
    if (who->label && strlen(who->label) <= PEER_MAX_LABEL)
        peer.peer.label = (struct piece){ who->label, strlen(who->label) };
    return envelope_write(buf, PEER_MAX_WRITTEN, &peer);
}
