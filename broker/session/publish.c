/* MESSAGE, and what is told about messages: REFUSED, CONFIRMED, PONG. */
#include "broker/route/dest.h"
#include "broker/session/handlers.h"
#include "proto/subject.h"

/* Messages in a row that were refused for one reason. */
struct refusal {
    uint64_t first;
    uint64_t last;
    enum status status;
    const char *what;               /* constant, or NULL */
    const struct policy_rule *rule; /* that refused them; NULL: none did. Told within the round */
};

static void tell(struct client *client, const struct refusal *refusal)
{
    struct envelope envelope = { .op = OP_REFUSED };
    envelope.refused.first = refusal->first;
    envelope.refused.last = refusal->last;
    envelope.refused.status = refusal->status;
    envelope.refused.sentence = piece_of(status_sentence(refusal->status));
    char text[PERMIT_TEXT_MAX];
    envelope.refused.what = piece_of(
        refusal->rule ? permit_text(client->rights, refusal->rule, text) : refusal->what);
    conn_send(&client->conn, &envelope);
}

void flush_refusals(struct client *client)
{
    struct refusal *refusal = client->refusal;
    if (!refusal)
        return;
    client->refusal = NULL;
    tell(client, refusal);
    slab_give(refusal);
}

static void refuse(struct client *client, enum status status, const char *what,
                   const struct policy_rule *rule)
{
    uint64_t number = ++client->n_messages;
    client->n_refused++;
    client->route->counters->messages_refused++;
    struct refusal *last = client->refusal;
    if (last && last->last + 1 == number && last->status == status && last->what == what &&
        last->rule == rule) {
        last->last = number;
        return;
    }
    flush_refusals(client);
    struct refusal refusal = { number, number, status, what, rule };
    client->refusal = slab_take(&client->route->slab, sizeof refusal);
    if (client->refusal)
        *client->refusal = refusal;
    else
        tell(client, &refusal); /* each for itself */
}

/* What a frame that is well formed may still not have. */
static enum status check(const struct frame *frame, const char **ret_what)
{
    if (frame->n_extra > 0) {
        *ret_what = "elements behind the subject";
        return STATUS_UNSUPPORTED;
    }
    if (frame->word & WORD_SENDER_SPARE) {
        *ret_what = "bits 28 and 29 of the word";
        return STATUS_BAD_FIELD;
    }
    if (WORD_FDS(frame->word)) {
        *ret_what = "file descriptors";
        return STATUS_UNSUPPORTED;
    }
    if (frame->payload_len > MAX_PAYLOAD) {
        *ret_what = "max-payload";
        return STATUS_TOO_LARGE;
    }
    if (!subject_is_sys(frame->subject, frame->subject_len))
        return STATUS_OK;
    return subject_valid(frame->subject, frame->subject_len, NULL) ? STATUS_RESERVED
                                                                   : STATUS_BAD_SUBJECT;
}

enum handled handle_message(struct client *client, const struct parcel *parcel)
{
    const struct frame *frame = parcel->frame;
    struct route *route = client->route;
    const char *what = NULL;
    enum status status = check(frame, &what);
    struct dest *dest = NULL;
    if (status == STATUS_OK)
        dest = dest_find(route, frame->subject, frame->subject_len, &status);
    if (!dest) {
        refuse(client, status, what, NULL);
        return HANDLED;
    }
    const struct policy_rule *rule =
        client_refused(client, VERB_PUBLISH, frame->subject, frame->subject_len);
    if (rule) {
        refuse(client, STATUS_DENIED, NULL, rule);
        return HANDLED;
    }
    dest_admit(dest, client);
    dest_remember(client, dest);
    uint8_t *bytes = parcel->block->data + parcel->off;
    store_be32(bytes + FRAME_AT_WORD, frame->word & ~WORD_BROKER);
    store_be64(bytes + FRAME_AT_ID, client->conn.card->id);
    if (!run_add(route, &route->run, client, dest, parcel->block, parcel->off, parcel->len))
        return WAITS;
    client->n_messages++;
    return HANDLED;
}

void handle_ping(struct client *client, const struct envelope *envelope)
{
    flush_refusals(client);
    struct envelope pong = { .op = OP_PONG, .ref = envelope->ref };
    conn_send(&client->conn, &pong);
}

void handle_confirm(struct client *client, const struct envelope *envelope)
{
    flush_refusals(client);
    struct envelope confirmed = { .op = OP_CONFIRMED };
    confirmed.confirmed.ref = envelope->ref;
    confirmed.confirmed.last = client->n_messages;
    confirmed.confirmed.matched = client->n_matched;
    confirmed.confirmed.refused = client->n_refused;
    client->n_matched = client->n_refused = 0;
    conn_send(&client->conn, &confirmed);
}
