#include "broker/route/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/route/request.h"
#include "broker/route/route.h"

#define MS UINT64_C(1000000)

enum { SLOT_BITS = 20, SLOTS_MIN = 64, REFS_MIN = 64, SPARE_MAX = 256 };

/* ---- the table ------------------------------------------------------------ */

int call_table_init(struct route *route)
{
    struct call_table *table = &route->calls;
    *table = (struct call_table){ .n_refs = REFS_MIN };
    table->refs = calloc(REFS_MIN, sizeof(struct call *));
    route->net->entries.request_queued = ask_queued;
    return table->refs ? 0 : -ENOMEM;
}

static void call_destroy(struct route *route, struct call *call)
{
    loop_disarm(route->net->loop, &call->timer);
    free(call);
}

void call_table_deinit(struct route *route)
{
    struct call_table *table = &route->calls;
    while (table->spare) {
        struct call *call = table->spare;
        table->spare = call->next;
        call_destroy(route, call);
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

/* References and the ids of connections are for others to choose, or to guess: so both factors hold
 * the seed, and both halves of the product count, as in subject_hash. */
static struct call **ref_bucket(const struct call_table *table, const struct client *requester,
                                uint64_t reference)
{
    uint64_t seed = requester->route->seed;
    uint64_t key = seed ^ (requester->conn.card->id * UINT64_C(0x9e3779b97f4a7c15));
    __extension__ unsigned __int128 product = (unsigned __int128)(reference ^ seed) * (key | 1);
    uint64_t hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    return &table->refs[hash & (table->n_refs - 1)];
}

static void link_ref(struct call_table *table, struct call *call)
{
    struct call **bucket = ref_bucket(table, call->requester, call->reference);
    call->next_ref = *bucket;
    call->ref_link = bucket;
    if (call->next_ref)
        call->next_ref->ref_link = &call->next_ref;
    *bucket = call;
}

static void unlink_ref(struct call *call)
{
    *call->ref_link = call->next_ref;
    if (call->next_ref)
        call->next_ref->ref_link = call->ref_link;
}

static void grow_refs(struct call_table *table)
{
    struct call_table old = *table;
    struct call **refs = calloc(old.n_refs * 2, sizeof(struct call *));
    if (!refs)
        return;
    table->refs = refs;
    table->n_refs = old.n_refs * 2;
    for (uint32_t i = 0; i < old.n_refs; i++) {
        for (struct call *call = old.refs[i], *next; call; call = next) {
            next = call->next_ref;
            link_ref(table, call);
        }
    }
    free(old.refs);
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
    struct call *call = *ref_bucket(table, requester, reference);
    while (call && !(call->requester == requester && call->reference == reference))
        call = call->next_ref;
    return call;
}

/* ---- a call ---------------------------------------------------------------- */

/* Most calls end long before their deadline, and the one that comes into their place has a later one.
 * So the timer is left as it is: it may fire too early, in another call, or in none. */
static void on_deadline(struct timer *timer, uint64_t now_ns)
{
    struct call *call = (struct call *)((char *)timer - offsetof(struct call, timer));
    if (!call->requester)
        return;
    struct route *route = call->requester->route;
    if (call->deadline_ns <= now_ns)
        call_end(route, call, STATUS_TIMEOUT);
    else
        (void)loop_arm(route->net->loop, timer, call->deadline_ns); /* into the place it had */
}

/* Its timer's place is reserved with it: arming cannot fail. */
static struct call *make_call(struct route *route)
{
    struct call *call = NULL;
    if (net_reserve_timers(route->net, route->calls.n_open + 1) == 0)
        call = malloc(sizeof *call);
    if (call)
        call->timer = (struct timer){ .fn = on_deadline };
    return call;
}

static struct call *take_spare(struct call_table *table)
{
    struct call *call = table->spare;
    if (call) {
        table->spare = call->next;
        table->n_spare--;
    }
    return call;
}

static void give_spare(struct route *route, struct call *call)
{
    struct call_table *table = &route->calls;
    if (table->n_spare == SPARE_MAX) {
        call_destroy(route, call);
        return;
    }
    call->requester = NULL;
    call->next = table->spare;
    table->spare = call;
    table->n_spare++;
}

static void take_slot(struct call_table *table, struct call *call)
{
    uint32_t slot = table->free_slots[--table->n_free];
    call->token = ++table->serial << SLOT_BITS | slot;
    table->slots[slot] = call;
    if (++table->n_open > table->n_refs)
        grow_refs(table);
}

static void give_slot(struct call_table *table, const struct call *call)
{
    uint32_t slot = (uint32_t)call->token & (MAX_OPEN_CALLS - 1);
    table->slots[slot] = NULL;
    table->free_slots[table->n_free++] = slot;
    table->n_open--;
}

static void set_deadline(struct loop *loop, struct call *call, uint64_t timeout_ms)
{
    if (timeout_ms > MAX_TIMEOUT_MS)
        timeout_ms = MAX_TIMEOUT_MS;
    call->deadline_ns = loop_now_ns(loop) + timeout_ms * MS;
    if (!call->timer.place || call->timer.when_ns > call->deadline_ns)
        (void)loop_arm(loop, &call->timer, call->deadline_ns);
}

static void link_call(struct client *requester, struct call *call)
{
    call->prev = NULL;
    call->next = requester->calls;
    if (call->next)
        call->next->prev = call;
    requester->calls = call;
    requester->n_calls += call->n_charged;
}

static void unlink_call(struct client *requester, struct call *call)
{
    *(call->prev ? &call->prev->next : &requester->calls) = call->next;
    if (call->next)
        call->next->prev = call->prev;
}

struct call *call_new(struct route *route, struct client *requester, uint64_t reference,
                      uint64_t timeout_ms, uint32_t n_asks)
{
    struct call_table *table = &route->calls;
    if (table->n_free == 0 && !grow_slots(table))
        return NULL;
    struct call *call = take_spare(table);
    if (!call && !(call = make_call(route)))
        return NULL;
    call->asks = n_asks == 1 ? &call->only : calloc(n_asks, sizeof *call->asks);
    if (!call->asks) {
        give_spare(route, call);
        return NULL;
    }
    call->requester = requester;
    call->topic = NULL;
    call->reference = reference;
    call->survey = false;
    call->n_charged = n_asks;
    call->n_asks = call->n_open = 0;
    memset(&call->counts, 0, sizeof call->counts);
    take_slot(table, call);
    link_ref(table, call);
    link_call(requester, call);
    set_deadline(route->net->loop, call, timeout_ms);
    return call;
}

/* Takes it out of everything by which it could be found. To tell somebody something may be
 * the end of that client, and of all its calls: so this comes first. */
static void call_unlink(struct route *route, struct call *call)
{
    unlink_ref(call);
    give_slot(&route->calls, call);
    unlink_call(call->requester, call);
}

static void call_release(struct call *call)
{
    struct client *requester = call->requester;
    if (call->asks != &call->only)
        free(call->asks);
    topic_unref(call->topic);
    requester->n_calls -= call->n_charged;
    give_spare(requester->route, call);
    if (requester->n_calls > 0)
        return;
    if (requester->conn.account.use[QUOTA_REQUESTS] > LIMITS_BASIC_REQUESTS)
        account_trim(&requester->conn.account, QUOTA_REQUESTS, 0);
    /* Not before it was told: the last one may be the end of a half-closed connection. */
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
        ask->cancel = ask->state == ASK_OPEN && !ask_waits(ask);
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

void ask_gone(struct route *route, struct ask *ask)
{
    struct call *call = ask->call;
    bool left_queue = !ask_waits(ask);
    ask_close(ask);
    call->counts.gone++;
    route->counters->calls_server_gone++;
    if (call->n_open == 0)
        call_finish(route, call, call->survey ? STATUS_OK : STATUS_SERVER_GONE, left_queue);
}

void calls_server_gone(struct route *route, struct client *server)
{
    while (server->asks)
        ask_gone(route, server->asks);
}

/* The newest stand first, and leave the queue last. */
void calls_server_deaf(struct route *route, struct client *server)
{
    while (server->asks && ask_waits(server->asks))
        ask_gone(route, server->asks);
}

void calls_requester_gone(struct route *route, struct client *requester)
{
    while (requester->calls)
        call_end(route, requester->calls, STATUS_REQUESTER_GONE);
}
