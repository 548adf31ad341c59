/* REQUEST, REPLY, CANCEL: checked here, carried out by route/request.c. */
#include "broker/session/handlers.h"
#include "proto/subject.h"

static enum status check_common(const struct frame *frame, const char **ret_what)
{
    if (frame->n_extra > 0) {
        *ret_what = "elements behind the known ones";
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
    *ret_what = "max-payload";
    return frame->payload_len > MAX_PAYLOAD ? STATUS_TOO_LARGE : STATUS_OK;
}

static enum status check_request(const struct frame *frame, const char **ret_what)
{
    enum status status = check_common(frame, ret_what);
    if (status != STATUS_OK)
        return status;
    if (frame->mode > REQUEST_ALL || frame->timeout_ms == 0) {
        *ret_what = frame->mode > REQUEST_ALL ? "mode" : "timeout";
        return STATUS_BAD_FIELD;
    }
    *ret_what = NULL;
    return STATUS_OK;
}

/* The true sender, and none of the bits that are the broker's. */
static void stamp(const struct client *client, const struct parcel *parcel)
{
    uint8_t *bytes = parcel->block->data + parcel->off;
    store_be32(bytes + FRAME_AT_WORD, parcel->frame->word & ~WORD_BROKER);
    store_be64(bytes + FRAME_AT_ID, client->conn.card->id);
}

/* What is no subject is refused as such, further on. */
static const struct policy_rule *refused_request(const struct client *client,
                                                 const struct frame *frame)
{
    if (rights_all(client->rights, VERB_REQUEST) ||
        !subject_valid(frame->subject, frame->subject_len, NULL))
        return NULL;
    return client_refused(client, VERB_REQUEST, frame->subject, frame->subject_len);
}

void deny_request(struct client *client, uint64_t reference, const struct policy_rule *rule)
{
    char text[PERMIT_TEXT_MAX];
    client->route->counters->denied++;
    request_refuse(client, reference, STATUS_DENIED, permit_text(client->rights, rule, text));
}

void handle_request(struct client *client, const struct parcel *parcel)
{
    const struct frame *frame = parcel->frame;
    const char *what = NULL;
    if (call_find_reference(&client->route->calls, client, frame->token)) {
        answer_error(client, OP_REQUEST, frame->token, STATUS_REF_IN_USE, NULL);
        return;
    }
    enum status status = check_request(frame, &what);
    const struct policy_rule *rule = status == STATUS_OK ? refused_request(client, frame) : NULL;
    if (status != STATUS_OK) {
        request_refuse(client, frame->token, status, what);
    } else if (rule) {
        deny_request(client, frame->token, rule);
    } else if (subject_is_sys(frame->subject, frame->subject_len)) {
        sys_request(client, parcel);
    } else {
        stamp(client, parcel);
        request_send(client->route, client, parcel);
    }
}

void handle_reply(struct client *client, const struct parcel *parcel)
{
    const char *what = NULL;
    enum status status = check_common(parcel->frame, &what);
    if (status != STATUS_OK) {
        answer_error(client, OP_REPLY, parcel->frame->token, status, what);
        return;
    }
    stamp(client, parcel);
    request_reply(client->route, client, parcel);
}

void handle_cancel(struct client *client, const struct envelope *envelope)
{
    struct call *call =
        call_find_reference(&client->route->calls, client, envelope->cancel.token);
    if (call)
        call_end(client->route, call, STATUS_CANCELLED);
    else
        answer_error(client, OP_CANCEL, envelope->cancel.token, STATUS_NO_CALL, NULL);
}
