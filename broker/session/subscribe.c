/* SUB, UNSUB, SERVE, UNSERVE: checked here, kept by route/subs.c. */
#include "broker/session/handlers.h"
#include "proto/subject.h"

enum { SERVE_OPEN_MAX = 65536 };

/* Says so, if policy refuses all of the pattern. */
static bool is_refused(struct client *client, const struct envelope *envelope, uint64_t ref,
                       enum policy_verb verb, const struct piece *pattern)
{
    char text[PERMIT_TEXT_MAX];
    const struct policy_rule *rule = client_refused_all(client, verb, pattern->p, pattern->len);
    if (!rule)
        return false;
    client->route->counters->denied++;
    answer_error(client, envelope->op, ref, STATUS_DENIED,
                 permit_text(client->rights, rule, text));
    return true;
}

/* What came of SUB or SERVE. */
static void answer(struct client *client, const struct envelope *envelope, uint64_t ref,
                   enum status status, const char *what)
{
    if (status == STATUS_OK)
        answer_ok(client, ref);
    else
        answer_error(client, envelope->op, ref, status, what);
}

/* What SUB and SERVE have in common. */
static enum status check_place(struct client *client, uint64_t sid, const struct piece *pattern,
                               const char **ret_what)
{
    struct subject_error error;
    if (sid < 1 || sid > MAX_SID) {
        *ret_what = "sid";
        return STATUS_BAD_FIELD;
    }
    if (!pattern_valid(pattern->p, pattern->len, &error)) {
        *ret_what = error.why;
        return STATUS_BAD_PATTERN;
    }
    return sid_find(client, sid) ? STATUS_SID_IN_USE : STATUS_OK;
}

static enum status check_sub(struct client *client, const struct envelope *e,
                             const char **ret_what)
{
    enum status status = check_place(client, e->sub.sid, &e->sub.pattern, ret_what);
    if (status != STATUS_OK)
        return status;
    if (e->sub.group.p && !group_valid(e->sub.group.p, e->sub.group.len, NULL)) {
        *ret_what = "group";
        return STATUS_BAD_FIELD;
    }
    if (e->sub.policy > POLICY_DISCONNECT || (e->sub.flags & ~SUB_CREDENTIALS)) {
        *ret_what = e->sub.policy > POLICY_DISCONNECT ? "policy" : "flags";
        return STATUS_BAD_FIELD;
    }
    if (e->sub.queue_bytes > SUB_QUEUE_BYTES || e->sub.queue_messages > SUB_QUEUE_MESSAGES) {
        *ret_what = e->sub.queue_bytes > SUB_QUEUE_BYTES ? "queue-bytes" : "queue-messages";
        return STATUS_QUOTA;
    }
    return STATUS_OK;
}

static uint32_t or_default(uint64_t value, uint32_t fallback)
{
    return value ? (uint32_t)value : fallback;
}

void handle_sub(struct client *client, const struct envelope *envelope)
{
    const char *what = NULL;
    char text[REFUSAL_TEXT_MAX];
    enum status status = check_sub(client, envelope, &what);
    if (status == STATUS_OK && is_refused(client, envelope, envelope->sub.ref, VERB_SUBSCRIBE,
                                          &envelope->sub.pattern))
        return;
    if (status == STATUS_OK) {
        struct sub_wish wish = {
            .sid = (uint32_t)envelope->sub.sid,
            .pattern = envelope->sub.pattern.p,
            .pattern_len = envelope->sub.pattern.len,
            .group = envelope->sub.group.p,
            .group_len = envelope->sub.group.len,
            .policy = (enum policy)envelope->sub.policy,
            .max_bytes = or_default(envelope->sub.queue_bytes, SUB_QUEUE_BYTES),
            .max_messages = or_default(envelope->sub.queue_messages, SUB_QUEUE_MESSAGES),
            .after = envelope->sub.after,
            .credentials = envelope->sub.flags & SUB_CREDENTIALS,
        };
        struct quota_refusal refusal;
        status = sub_add(client->route, client, &wish, &refusal);
        if (status == STATUS_QUOTA)
            what = client_limit_text(client, &refusal, text);
    }
    answer(client, envelope, envelope->sub.ref, status, what);
}

static enum status check_serve(struct client *client, const struct envelope *e,
                               const char **ret_what)
{
    const struct piece *pattern = &e->serve.pattern;
    enum status status = check_place(client, e->serve.sid, pattern, ret_what);
    if (status != STATUS_OK)
        return status;
    if (subject_is_sys(pattern->p, pattern->len))
        return STATUS_RESERVED;
    if (e->serve.flags & ~SERVE_CREDENTIALS) {
        *ret_what = "flags";
        return STATUS_BAD_FIELD;
    }
    *ret_what = "max-open";
    return e->serve.max_open > SERVE_OPEN_MAX ? STATUS_QUOTA : STATUS_OK;
}

void handle_serve(struct client *client, const struct envelope *envelope)
{
    const char *what = NULL;
    char text[REFUSAL_TEXT_MAX];
    enum status status = check_serve(client, envelope, &what);
    if (status == STATUS_OK && is_refused(client, envelope, envelope->serve.ref, VERB_SERVE,
                                          &envelope->serve.pattern))
        return;
    if (status == STATUS_OK) {
        struct service_wish wish = {
            .sid = (uint32_t)envelope->serve.sid,
            .pattern = envelope->serve.pattern.p,
            .pattern_len = envelope->serve.pattern.len,
            .max_open = or_default(envelope->serve.max_open, SERVE_OPEN_DEFAULT),
            .credentials = envelope->serve.flags & SERVE_CREDENTIALS,
        };
        struct quota_refusal refusal;
        status = service_add(client->route, client, &wish, &refusal);
        if (status == STATUS_QUOTA)
            what = client_limit_text(client, &refusal, text);
    }
    answer(client, envelope, envelope->serve.ref, status, what);
}

static struct registration *find(struct client *client, const struct envelope *envelope,
                                 bool is_service)
{
    struct registration *reg = sid_find(client, envelope->unsub.sid);
    if (reg && reg->lane.is_service == is_service)
        return reg;
    answer_error(client, envelope->op, envelope->unsub.ref, STATUS_NO_SID, NULL);
    return NULL;
}

void handle_unsub(struct client *client, const struct envelope *envelope)
{
    struct registration *reg = find(client, envelope, false);
    if (!reg)
        return;
    sub_remove(client->route, (struct sub *)reg);
    answer_ok(client, envelope->unsub.ref);
}

void handle_unserve(struct client *client, const struct envelope *envelope)
{
    struct registration *reg = find(client, envelope, true);
    if (!reg)
        return;
    service_remove(client->route, (struct service *)reg);
    answer_ok(client, envelope->unsub.ref);
}

void tell_ended(struct client *client, uint32_t sid, enum status status)
{
    struct envelope envelope = { .op = OP_ENDED };
    envelope.ended.sid = sid;
    envelope.ended.status = status;
    envelope.ended.sentence = piece_of(status_sentence(status));
    conn_send(&client->conn, &envelope);
}
