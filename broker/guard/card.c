#include "broker/guard/card.h"

#include <stdlib.h>
#include <string.h>

#include "proto/envelope.h"
#include "proto/writer.h"

struct card *card_new(uint64_t id, struct principal *principal)
{
    struct card *card = malloc(sizeof *card);
    if (!card)
        return NULL;
    *card = (struct card){ .refs = 1, .id = id, .principal = *principal };
    *principal = (struct principal)PRINCIPAL_INIT;
    return card;
}

void card_release(struct card *card)
{
    principal_deinit(&card->principal);
    free(card);
}

static size_t write_groups(const struct principal *who, uint8_t *buf, size_t room)
{
    size_t n = who->n_groups < PEER_MAX_GROUPS ? who->n_groups : PEER_MAX_GROUPS;
    struct writer w = { buf, buf + room, false };
    writer_array(&w, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        writer_uint(&w, who->groups[i]);
    return (size_t)(w.p - buf);
}

static size_t write_pid(const struct principal *who, uint8_t *buf, size_t room)
{
    struct writer w = { buf, buf + room, false };
    if (who->pid > 0)
        writer_uint(&w, (uint64_t)who->pid);
    else
        writer_nil(&w);
    return (size_t)(w.p - buf);
}

size_t card_write_peer(const struct card *card, uint8_t *buf)
{
    const struct principal *who = &card->principal;
    uint8_t pid[9];
    uint8_t groups[3 + PEER_MAX_GROUPS * 5];
    struct envelope peer = {
        .op = OP_PEER,
        .peer = {
            .id = card->id,
            .uid = who->uid,
            .gid = who->gid,
            .pid = { pid, write_pid(who, pid, sizeof pid) },
            .groups = { groups, write_groups(who, groups, sizeof groups) },
        },
    };
    if (who->label && strlen(who->label) <= PEER_MAX_LABEL)
        peer.peer.label = (struct piece){ who->label, strlen(who->label) };
    return envelope_write(buf, PEER_MAX_WRITTEN, &peer);
}
