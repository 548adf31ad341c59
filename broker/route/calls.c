#include "broker/route/calls.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/route/request.h"
#include "broker/route/route.h"

enum { SLOT_BITS = 20, SLOTS_MIN = 64, REFS_MIN = 64, SPARE_MAX = 256 };

/* ---- the table ------------------------------------------------------------ */

int call_table_init(struct call_table *table)
{
    *table = (struct call_table){ .n_refs = REFS_MIN };
    table->refs = calloc(REFS_MIN, sizeof(struct call *));
    return table->refs ? 0 : -ENOMEM;
}

void call_table_deinit(struct call_table *table)
{
    while (table->spare) {
        struct call *call = table->spare;
        table->spare = call->next;
        free(call);
    }
    free(table->slots);
    free(table->free_slots);
    free(table->refs);
    *table = (struct call_table){ 0 };
}

static bool grow_slots(struct call_table *table)
{
    uint32_t n = table->n_slots ? table->n_slots * 2 : SLOTS_MIN;
    if (n > MAX_OPEN_CALLS)
        return false;
    struct call **slots = reallocarray(table->slots, n, sizeof(struct call *));
    if (slots)
        table->slots = slots;
    uint32_t *free_slots = reallocarray(table->free_slots, n, sizeof(uint32_t));
    if (free_slots)
        table->free_slots = free_slots;
    if (!slots || !free_slots)
        return false;
    for (uint32_t i = n; i-- > table->n_slots;) {
        table->slots[i] = NULL;
        table->free_slots[table->n_free++] = i;
    }
    table->n_slots = n;
    return true;
}

static struct call **ref_bucket(struct call *const *refs, uint32_t n_refs,
                                const struct client *requester, uint64_t reference)
{
    uint64_t h = reference ^ (requester->conn.card->id * UINT64_C(0x9e3779b97f4a7c15));
    h *= UINT64_C(0xd6e8feb86659fd93);
    return (struct call **)&refs[(h >> 32) & (n_refs - 1)];
}

static void grow_refs(struct call_table *table)
{
    uint32_t n = table->n_refs * 2;
    struct call **refs = calloc(n, sizeof(struct call *));
    if (!refs)
        return;
    for (uint32_t i = 0; i < table->n_refs; i++) {
        for (struct call *call = table->refs[i], *next; call; call = next) {
            next = call->next_ref;
            struct call **bucket = ref_bucket(refs, n, call->requester, call->reference);
            call->next_ref = *bucket;
            *bucket = call;
        }
    }
    free(table->refs);
    table->refs = refs;
    table->n_refs = n;
}

struct call *call_find(const struct call_table *table, uint64_t token)
{
    uint32_t slot = (uint32_t)token & (MAX_OPEN_CALLS - 1);
    struct call *call = slot < table->n_slots ? table->slots[slot] : NULL;
    return call && call->token == token ? call : NULL;
}

struct call *call_find_reference(const struct call_table *table, const struct client *requester,
                                 uint64_t reference)
{
    struct call *call = *ref_bucket(table->refs, table->n_refs, requester, reference);
    while (call && !(call->requester == requester && call->reference == reference))
        call = call->next_ref;
    return call;
}

/* ---- a call ---------------------------------------------------------------- */

static void on_deadline(struct timer *timer, uint64_t now_ns)
{
    struct call *call = (struct call *)((char *)timer - offsetof(struct call, timer));
    (void)now_ns;
    call_end(call->requester->route, call, STATUS_TIMEOUT);
}

static struct call *take_spare(struct call_table *table)
{
    struct call *call = table->spare;
    if (!call)
        return malloc(sizeof *call);
    table->spare = call->next;
    table->n_spare--;
    return call;
}

/* Takes NULL. */
static void give_spare(struct call_table *table, struct call *call)
{
    if (!call || table->n_spare == SPARE_MAX) {
        free(call);
        return;
    }
    call->next = table->spare;
    table->spare = call;
    table->n_spare++;
}

struct call *call_new(struct route *route, struct client *requester, uint64_t reference,
                      uint32_t n_asks)
{
    struct call_table *table = &route->calls;
    if (table->n_free == 0 && !grow_slots(table))
        return NULL;
    struct call *call = take_spare(table);
    struct ask *asks = !call || n_asks == 1 ? NULL : calloc(n_asks, sizeof *asks);
    if (!call || (n_asks != 1 && !asks)) {
        give_spare(table, call);
        return NULL;
    }
    uint32_t slot = table->free_slots[--table->n_free];
    *call = (struct call){
        .token = ++table->serial << SLOT_BITS | slot,
        .reference = reference,
        .requester = requester,
        .asks = n_asks == 1 ? &call->only : asks,
        .timer.fn = on_deadline,
    };
    table->slots[slot] = call;
    if (++table->n_open > table->n_refs)
        grow_refs(table);
    struct call **bucket = ref_bucket(table->refs, table->n_refs, requester, reference);
    call->next_ref = *bucket;
    *bucket = call;
    call->next = requester->calls;
    if (call->next)
        call->next->prev = call;
    requester->calls = call;
    requester->n_calls++;
    return call;
}

/* Takes it out of everything by which it could be found. To tell somebody something may be
 * the end of that client, and of all its calls: so this comes first. */
static void call_unlink(struct route *route, struct call *call)
{
    struct call_table *table = &route->calls;
    struct client *requester = call->requester;
    struct call **link = ref_bucket(table->refs, table->n_refs, requester, call->reference);
    while (*link != call)
        link = &(*link)->next_ref;
    *link = call->next_ref;
    uint32_t slot = (uint32_t)call->token & (MAX_OPEN_CALLS - 1);
    table->slots[slot] = NULL;
    table->free_slots[table->n_free++] = slot;
    table->n_open--;
    loop_disarm(route->net->loop, &call->timer);
    *(call->prev ? &call->prev->next : &requester->calls) = call->next;
    if (call->next)
        call->next->prev = call->prev;
}

static void call_release(struct call *call)
{
    struct client *requester = call->requester;
    if (call->asks != &call->only)
        free(call->asks);
    give_spare(&requester->route->calls, call);
    /* Not before it was told: the last one may be the end of a half-closed connection. */
    if (--requester->n_calls == 0)
        conn_finish(&requester->conn);
}

void call_free(struct route *route, struct call *call)
{
    call_unlink(route, call);
    call_release(call);
}

void call_finish(struct route *route, struct call *call, enum status status, bool left_queue)
{
    call_unlink(route, call);
    request_tell_end(call, status, left_queue);
    call_release(call);
}

/* ---- asks ------------------------------------------------------------------ */

static void request_left(struct entry_hook *hook, bool sent)
{
    struct ask *ask = (struct ask *)hook;
    ask->sent = sent;
    ask->entry = NULL;
}

void ask_open(struct call *call, struct service *service, struct entry *entry)
{
    struct ask *ask = &call->asks[call->n_asks++];
    struct client *server = service->reg.client;
    *ask = (struct ask){
        .hook = { .left = request_left, .lane = &service->reg.lane },
        .call = call,
        .service = service,
        .server = server,
        .server_id = server->conn.card->id,
        .entry = entry,
        .next = server->asks,
    };
    entry_watch(entry, &ask->hook);
    audience_ref(&service->reg.lane.solo);
    service->n_open++;
    call->n_open++;
    if (ask->next)
        ask->next->prev = ask;
    server->asks = ask;
}

void ask_close(struct ask *ask)
{
    ask->state = ASK_DONE;
    ask->call->n_open--;
    ask->service->n_open--;
    if (ask->entry) /* what cannot be taken back any more goes on without us */
        outq_remove(&ask->server->conn.out, ask->entry);
    *(ask->prev ? &ask->prev->next : &ask->server->asks) = ask->next;
    if (ask->next)
        ask->next->prev = ask->prev;
    lane_unref(&ask->service->reg.lane);
}

struct ask *call_find_ask(struct call *call, const struct client *server)
{
    uint32_t low = 0;
    uint32_t high = call->n_asks;
    uint64_t id = server->conn.card->id;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (call->asks[mid].server_id < id)
            low = mid + 1;
        else
            high = mid;
    }
    struct ask *ask = low < call->n_asks ? &call->asks[low] : NULL;
    return ask && ask->state == ASK_OPEN && ask->server == server ? ask : NULL;
}

/* ---- the end ----------------------------------------------------------------- */

static void count_end(struct route *route, struct call *call, enum status status, uint32_t n)
{
    if (status == STATUS_TIMEOUT)
        call->counts.timed_out += n;
    else
        call->counts.cancelled += n;
    route->counters->calls_timeout += status == STATUS_TIMEOUT;
    route->counters->calls_overflow += status == STATUS_OVERFLOW;
    route->counters->calls_cancelled +=
        status == STATUS_CANCELLED || status == STATUS_REQUESTER_GONE;
}

void call_end(struct route *route, struct call *call, enum status status)
{
    count_end(route, call, status, call->n_open);
    for (uint32_t i = 0; i < call->n_asks; i++) {
        struct ask *ask = &call->asks[i];
        ask->cancel = ask->state == ASK_OPEN && ask->sent;
        if (ask->state == ASK_OPEN)
            ask_close(ask);
    }
    call_unlink(route, call);
    for (uint32_t i = 0; i < call->n_asks; i++) {
        if (call->asks[i].cancel)
            request_cancel(call->asks[i].server, call->token, status);
    }
    if (status != STATUS_REQUESTER_GONE)
        request_tell_end(call, status, false);
    call_release(call);
}

static void server_gone(struct route *route, struct ask *ask)
{
    struct call *call = ask->call;
    bool left_queue = ask->sent;
    ask_close(ask);
    call->counts.gone++;
    route->counters->calls_server_gone++;
    if (call->n_open == 0)
        call_finish(route, call, call->survey ? STATUS_OK : STATUS_SERVER_GONE, left_queue);
}

void calls_server_gone(struct route *route, struct client *server)
{
    while (server->asks)
        server_gone(route, server->asks);
}

/* The newest stand first, and leave the queue last. */
void calls_server_deaf(struct route *route, struct client *server)
{
    while (server->asks && !server->asks->sent)
        server_gone(route, server->asks);
}

void calls_requester_gone(struct route *route, struct client *requester)
{
    while (requester->calls)
        call_end(route, requester->calls, STATUS_REQUESTER_GONE);
}
