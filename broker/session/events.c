#include <stdlib.h>
#include <string.h>

#include "broker/route/dest.h"
#include "broker/session/events.h"
#include "broker/session/handlers.h"
#include "broker/watch/log.h"
#include "proto/subject.h"

#define EVENT_CAME "$SYS.event.came"
#define EVENT_LEFT "$SYS.event.left"
#define EVENT_LOSS "$SYS.event.loss"

enum { LOSS_EVENT_MS = 1000 };

/* Ends the body. */
static void queue(struct session *session, const char *subject, struct sys_body *body)
{
    size_t len = body->bytes.size;
    struct event *event = body->failed ? NULL : malloc(sizeof *event + len);
    if (event) {
        *event = (struct event){ .subject = subject, .len = len };
        memcpy(event->body, body->bytes.data, len);
        *session->events_tail = event;
        session->events_tail = &event->next;
    } else {
        log_warn("%s was not published: no memory", subject);
    }
    sys_body_deinit(body);
}

/* The packer for an event's map of n pairs; queue() copies what it wrote. */
static msgpack_packer begin(struct sys_body *body, uint32_t n)
{
    msgpack_packer out;
    sys_body_init(body, &out);
    msgpack_pack_map(&out, n);
    return out;
}

void event_came(struct client *client)
{
    const struct card *card = client->conn.card;
    struct sys_body body;
    msgpack_packer out = begin(&body, 5);
    sys_put_uint(&out, "id", card->id);
    sys_put_str(&out, "name", card_name(card));
    sys_put_uint(&out, "uid", card_principal(card)->uid);
    sys_put_uint(&out, "gid", card_principal(card)->gid);
    sys_put_pid(&out, card->pid);
    queue(session_of(client), EVENT_CAME, &body);
}

void event_left(struct client *client, enum status status, const char *sentence)
{
    const struct card *card = client->conn.card;
    struct sys_body body;
    msgpack_packer out = begin(&body, 5);
    sys_put_uint(&out, "id", card->id);
    sys_put_str(&out, "name", card_name(card));
    sys_put_uint(&out, "uid", card_principal(card)->uid);
    sys_put_uint(&out, "status", status);
    sys_put_str(&out, "reason", sentence);
    queue(session_of(client), EVENT_LEFT, &body);
}

static bool hears_the_broker(const struct route *route, struct lane *lane, char *pattern)
{
    const struct node *node = slab_at(&route->slab, sub_of(lane)->reg.node);
    pattern[0] = '\0';
    if (!node)
        return false;
    index_pattern(&route->index, node, pattern);
    return strncmp(pattern, SUBJECT_SYS, strlen(SUBJECT_SYS)) == 0;
}

void event_loss(struct client *client, struct lane *lane)
{
    struct session *session = session_of(client);
    uint64_t now = loop_now_ns(session->loop);
    char pattern[MAX_SUBJECT + 1];
    bool too_soon = client->loss_event_ns &&
                    now - client->loss_event_ns < LOSS_EVENT_MS * UINT64_C(1000000);
    if (too_soon || hears_the_broker(&session->route, lane, pattern))
        return;
    client->loss_event_ns = now;
    struct sys_body body;
    msgpack_packer out = begin(&body, 5);
    sys_put_uint(&out, "id", client->conn.card->id);
    sys_put_uint(&out, "sid", lane->sid);
    sys_put_str(&out, "pattern", pattern);
    sys_put_uint(&out, "lost", lane->n_lost);
    sys_put_str(&out, "reason", gap_text(lane->last_loss));
    queue(session, EVENT_LOSS, &body);
}

static void publish(struct session *session, const struct event *event)
{
    enum status status;
    struct route *route = &session->route;
    struct dest *dest = dest_find(route, event->subject, strlen(event->subject), &status);
    struct block *block = dest && dest->n_matched ? block_new(FRAME_MAX_HEAD + event->len) : NULL;
    if (!block)
        return;
    struct frame frame = {
        .op = OP_MESSAGE,
        .word = WORD_MSGPACK,
        .subject = event->subject,
        .subject_len = strlen(event->subject),
        .payload_len = event->len,
    };
    size_t head = frame_write_head(block->data, &frame);
    memcpy(block->data + head, event->body, event->len);
    run_begin(route, NULL, dest, block, 0, (uint32_t)(head + event->len));
    run_end(route);
    block_unref(block);
}

static struct event *take_all(struct session *session)
{
    struct event *event = session->events;
    session->events = NULL;
    session->events_tail = &session->events;
    return event;
}

void events_publish(struct session *session)
{
    for (struct event *event = take_all(session), *next; event; event = next) {
        next = event->next;
        publish(session, event);
        free(event);
    }
}

void events_free(struct session *session)
{
    for (struct event *event = take_all(session), *next; event; event = next) {
        next = event->next;
        free(event);
    }
}
