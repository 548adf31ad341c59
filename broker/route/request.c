#include "broker/route/request.h"

#include <string.h>

#include "broker/route/dest.h"
#include "broker/route/route.h"

enum { CALLS_AHEAD = 64 }; /* that are granted at a time */

static struct piece text(const char *s)
{
    return (struct piece){ s, s ? strlen(s) : 0 };
}

/* ---- what is told ----------------------------------------------------------- */

void request_refuse(struct client *requester, uint64_t reference, enum status status,
                    const char *what)
{
    struct envelope envelope = { .op = OP_END };
    envelope.end.token = reference;
    envelope.end.status = status;
    envelope.end.what = text(what);
    conn_send(&requester->conn, &envelope);
}

void request_tell_end(const struct call *call, enum status status, bool left_queue)
{
    struct envelope envelope = { .op = OP_END };
    envelope.end.token = call->reference;
    envelope.end.status = status;
    envelope.end.left_queue = left_queue;
    envelope.end.asked = call->counts.asked;
    envelope.end.answered = call->counts.answered;
    envelope.end.refused = call->counts.refused;
    envelope.end.gone = call->counts.gone;
    envelope.end.timed_out = call->counts.timed_out;
    envelope.end.cancelled = call->counts.cancelled;
    conn_send(&call->requester->conn, &envelope);
}

void request_cancel(struct client *server, uint64_t token, enum status status)
{
    struct envelope envelope = { .op = OP_CANCEL };
    envelope.cancel.token = token;
    envelope.cancel.status = status;
    conn_send(&server->conn, &envelope);
}

static void refuse_reply(struct client *server, uint64_t token, enum status status,
                         const char *what)
{
    struct envelope envelope = { .op = OP_ERROR };
    envelope.error.op = OP_REPLY;
    envelope.error.ref = token;
    envelope.error.status = status;
    envelope.error.sentence = text(status_sentence(status));
    envelope.error.what = text(what);
    conn_send(&server->conn, &envelope);
}

/* ---- room ---------------------------------------------------------------------- */

/* Even if all that is in the burst were for this queue. As with messages (run.c), what is sent in
 * its round is not charged, but where something waits already, or overdrafts are used up. */
static inline bool surely_fits(const struct conn *conn, uint32_t len)
{
    const struct net *net = conn->net;
    return !conn->out.head && net->burst->n_bytes + len <= net->unasked_max;
}

/* If it is not sure the books are looked at. */
static bool fits(struct conn *conn, const struct lane *lane, uint32_t len)
{
    const struct burst *burst = conn->net->burst;
    if (surely_fits(conn, len) && burst->n_bytes + len <= lane->max_bytes &&
        burst->n_messages < lane->max_messages)
        return true;
    return conn_fits(conn, len) && lane_fits(lane, len);
}

/* Before anything is looked up: what is written may end connections, of which this may be one. */
static bool make_way(struct route *route, const struct client *client)
{
    if (burst_is_full(route->net->burst))
        net_write_burst(route->net);
    return conn_is_live(&client->conn);
}

/* ---- requests ----------------------------------------------------------------- */

static bool has_room(const struct service *service, uint32_t len)
{
    struct conn *conn = &service->reg.client->conn;
    return service->n_open < service->max_open && conn_is_live(conn) &&
           fits(conn, &service->reg.lane, len);
}

/* The service with the fewest requests open, in turn among equals. */
static struct service *least_busy(struct dest *dest, uint32_t len)
{
    struct service *best = NULL;
    uint32_t best_at = 0;
    for (uint32_t i = 0, at = dest->turn; i < dest->n_services; i++, at++) {
        at = at < dest->n_services ? at : 0;
        struct service *service = dest->services[at];
        if (has_room(service, len) && (!best || service->n_open < best->n_open)) {
            best = service;
            best_at = at;
        }
    }
    if (best)
        dest->turn = best_at + 1;
    return best;
}

/* Why no service took it: all have their number open, or some have no room. */
static const char *what_is_full(const struct dest *dest)
{
    for (uint32_t i = 0; i < dest->n_services; i++) {
        if (dest->services[i]->n_open < dest->services[i]->max_open)
            return "queue";
    }
    return "max-open";
}

/* Queues the request for a service. false: no memory; it was not asked. */
static bool ask_service(struct call *call, struct service *service, const struct parcel *parcel)
{
    struct conn *conn = &service->reg.client->conn;
    struct burst *burst = conn->net->burst;
    struct audience *to = &service->reg.lane.solo;
    struct entry *entry = NULL;
    uint64_t share = 0;
    if (!to->credentials && burst_has_room(burst, 1))
        share = outq_share_one(&conn->out, burst, parcel->block, parcel->off, parcel->len, to);
    else if (outq_push(&conn->out, parcel->block, parcel->off, parcel->len, 1, to,
                       call->requester->conn.card, &entry) < 0)
        return false;
    ask_open(call, service, entry, share);
    conn_dirty(conn);
    return true;
}

/* A few more than are needed, if there are so many, or as many. */
static __attribute__((noinline)) bool raise_calls(struct client *client, uint64_t reference,
                                                  uint32_t n)
{
    struct account *account = &client->conn.account;
    struct quota_refusal refusal;
    char text[REFUSAL_TEXT_MAX];
    uint64_t needed = (uint64_t)client->n_calls + n;
    if (needed + CALLS_AHEAD <= account_room(account, QUOTA_REQUESTS))
        needed += CALLS_AHEAD;
    if (account_cover(account, QUOTA_REQUESTS, needed, &refusal) == STATUS_OK)
        return true;
    request_refuse(client, reference, STATUS_QUOTA, client_limit_text(client, &refusal, text));
    return false;
}

/* Whether so many more are granted; if not, it is told. */
static inline bool may_ask(struct client *client, uint64_t reference, uint32_t n)
{
    return n <= client->conn.account.use[QUOTA_REQUESTS] - client->n_calls ||
           raise_calls(client, reference, n);
}

/* A call whose deadline runs and whose token stands in the frame. NULL: the client was told why
 * there is none. */
static inline struct call *begin(struct route *route, struct client *client,
                                 const struct parcel *parcel, struct dest *dest, uint32_t n_asks)
{
    const struct frame *frame = parcel->frame;
    if (!may_ask(client, frame->token, n_asks))
        return NULL;
    struct topic *topic = dest_topic(dest);
    struct call *call =
        topic ? call_new(route, client, frame->token, frame->timeout_ms, n_asks) : NULL;
    if (call) {
        call->topic = topic;
        store_be64(parcel->block->data + parcel->off + FRAME_AT_TOKEN, call->token);
    } else {
        topic_unref(topic);
        request_refuse(client, frame->token, STATUS_NO_MEMORY, NULL);
    }
    return call;
}

static void send_one(struct route *route, struct client *client, const struct parcel *parcel,
                     struct dest *dest)
{
    struct service *service = least_busy(dest, parcel->len);
    route->counters->requests++;
    if (!service) {
        bool nobody = dest->n_services == 0;
        route->counters->calls_no_server += nobody;
        route->counters->calls_busy += !nobody;
        request_refuse(client, parcel->frame->token, nobody ? STATUS_NO_SERVER : STATUS_BUSY,
                       nobody ? NULL : what_is_full(dest));
        return;
    }
    struct call *call = begin(route, client, parcel, dest, 1);
    if (!call)
        return;
    call->counts.asked = 1;
    if (!ask_service(call, service, parcel)) {
        call_free(route, call);
        request_refuse(client, parcel->frame->token, STATUS_NO_MEMORY, NULL);
    }
}

/* The services of one client stand together: the first with room is asked. */
static uint32_t ask_client(struct call *call, struct dest *dest, uint32_t i,
                           const struct parcel *parcel)
{
    const struct client *client = dest->services[i]->reg.client;
    struct service *chosen = NULL;
    for (; i < dest->n_services && dest->services[i]->reg.client == client; i++) {
        if (!chosen && has_room(dest->services[i], parcel->len))
            chosen = dest->services[i];
    }
    if (!conn_is_live(&client->conn))
        return i;
    call->counts.asked++;
    if (!chosen || !ask_service(call, chosen, parcel))
        call->counts.refused++;
    return i;
}

static void send_all(struct route *route, struct client *client, const struct parcel *parcel,
                     struct dest *dest)
{
    route->counters->surveys++;
    if (dest->n_services == 0) {
        route->counters->calls_no_server++;
        request_refuse(client, parcel->frame->token, STATUS_NO_SERVER, NULL);
        return;
    }
    struct call *call = begin(route, client, parcel, dest, dest->n_services);
    if (!call)
        return;
    call->survey = true;
    for (uint32_t i = 0; i < dest->n_services;)
        i = ask_client(call, dest, i, parcel);
    if (call->n_open == 0)
        call_finish(route, call, STATUS_OK, false);
}

/* As a rule where the client's last one went. That is remembered apart from where its messages go,
 * which it may have other rights to. */
static struct dest *find_dest(struct route *route, const struct client *client,
                              const struct frame *frame, enum status *ret_status)
{
    uint32_t place = client->conn.card->id % ASKED_PLACES;
    uint64_t epoch = route->calls.asked[place].epoch;
    struct dest *dest = epoch == route->epoch ? route->calls.asked[place].dest : NULL;
    if (dest && dest->subject_len == frame->subject_len &&
        memcmp(dest_subject(dest), frame->subject, frame->subject_len) == 0)
        return dest;
    dest = dest_find(route, frame->subject, frame->subject_len, ret_status);
    route->calls.asked[place].dest = dest;
    route->calls.asked[place].epoch = route->epoch;
    return dest;
}

void request_send(struct route *route, struct client *client, const struct parcel *parcel)
{
    const struct frame *frame = parcel->frame;
    enum status status;
    if (!make_way(route, client))
        return;
    struct dest *dest = find_dest(route, client, frame, &status);
    if (!dest)
        request_refuse(client, frame->token, status, NULL);
    else if (frame->mode == REQUEST_ALL)
        send_all(route, client, parcel, dest);
    else
        send_one(route, client, parcel, dest);
}

/* ---- replies ------------------------------------------------------------------- */

static void answered(struct route *route, struct call *call, struct ask *ask)
{
    ask_close(ask);
    call->counts.answered++;
    if (call->n_open > 0)
        return;
    if (call->survey)
        call_finish(route, call, STATUS_OK, false);
    else
        call_free(route, call);
}

/* false: no memory. */
static bool pass_reply(struct conn *requester, const struct parcel *parcel)
{
    struct burst *burst = requester->net->burst;
    if (burst_has_room(burst, 1))
        outq_share_one(&requester->out, burst, parcel->block, parcel->off, parcel->len, NULL);
    else if (outq_push(&requester->out, parcel->block, parcel->off, parcel->len, 1, NULL, NULL,
                       NULL) < 0)
        return false;
    conn_dirty(requester);
    return true;
}

void request_reply(struct route *route, struct client *server, const struct parcel *parcel)
{
    const struct frame *frame = parcel->frame;
    if (!make_way(route, server))
        return;
    struct call *call = call_find(&route->calls, frame->token);
    struct ask *ask = call ? ask_find(call, server) : NULL;
    if (!ask) {
        route->counters->replies_orphaned++;
        refuse_reply(server, frame->token, STATUS_NO_CALL, NULL);
        return;
    }
    if (frame->status > UINT16_MAX) {
        refuse_reply(server, frame->token, STATUS_BAD_FIELD, "status is at most 65535");
        return;
    }
    struct conn *requester = &call->requester->conn;
    if (!surely_fits(requester, parcel->len) && !conn_fits(requester, parcel->len)) {
        call_end(route, call, STATUS_OVERFLOW);
        return;
    }
    uint8_t *bytes = parcel->block->data + parcel->off;
    store_be64(bytes + FRAME_AT_TOKEN, call->reference);
    bool last = !(frame->word & WORD_MORE) || frame->status != 0;
    if (last) /* nothing follows an error reply, whatever it says */
        bytes[FRAME_AT_WORD] &= (uint8_t) ~(WORD_MORE >> 24);
    route->counters->replies++;
    if (!pass_reply(requester, parcel))
        conn_cut(requester, STATUS_NO_MEMORY, NULL);
    else if (last)
        answered(route, call, ask);
}
