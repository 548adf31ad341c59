#include "client/lib/handle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/post.h"
#include "proto/status.h"
#include "proto/transport/sys.h"

bool handle_is_ours(const broker *b)
{
    return b->page->ours && (b->pid == 0 || b->pid == getpid());
}

int handle_check(broker *b)
{
    if (!handle_is_ours(b))
        return handle_fail(b, BROKER_E_FORKED, NULL);
    if (b->state == STATE_CLOSED)
        return handle_fail(b, BROKER_E_CLOSED, NULL);
    return 0;
}

int handle_fail(broker *b, int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (format)
        vsnprintf(b->error, sizeof b->error, format, args);
    else
        snprintf(b->error, sizeof b->error, "%s", status_sentence((uint32_t)status));
    va_end(args);
    return -status;
}

/* To be called when what it hangs on has changed. */
static void set_gate(broker *b)
{
    size_t end = b->max_payload < POST_BIG ? b->max_payload + 1 : POST_BIG;

    /* Without MADV_WIPEONFORK every publish must ask getpid(2). */
    if (b->state != STATE_OPEN || b->hold == 0 || !b->page->ours || b->pid != 0)
        end = 0;
    b->page->gather_end = end;
}

void handle_state(broker *b, enum state state)
{
    b->state = state;
    set_gate(b);
}

void handle_hold(broker *b)
{
    if (b->hold++ == 0)
        set_gate(b);
}

void handle_unhold(broker *b)
{
    if (--b->hold == 0)
        set_gate(b);
}

void handle_enter(broker *b)
{
    b->depth++;
}

/* What callbacks might still have looked at. */
static void empty_graveyard(broker *b)
{
    calls_reuse(&b->calls);
    while (b->graveyard) {
        struct buried *thing = b->graveyard;

        b->graveyard = thing->next;
        free(thing);
    }
}

static void destroy(broker *b)
{
    b->depth = 0;
    regs_deinit(b);
    calls_deinit(b);
    confirms_deinit(b);
    requests_deinit(b);
    peers_clear(b);
    losses_deinit(b);
    empty_graveyard(b);
    inbox_deinit(&b->in);
    outbox_deinit(&b->out);
    sys_close(b->fd);
    sys_close(b->dead_fd);
    munmap(b->page, (size_t)sysconf(_SC_PAGESIZE));
    free(b);
}

bool handle_leave(broker *b)
{
    if (--b->depth > 0)
        return !b->freed;
    empty_graveyard(b);
    if (!b->freed)
        return true;
    destroy(b);
    return false;
}

void handle_bury(broker *b, void *thing)
{
    struct buried *buried = thing;

    if (b->depth == 0) {
        free(thing);
        return;
    }
    buried->next = b->graveyard;
    b->graveyard = buried;
}

static struct fork_page *page_new(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? NULL : page;
}

static uint64_t random_seed(void)
{
    uint64_t seed = deadline_now();

    /* Only spreads reconnects: a clock will do where there is no entropy yet. */
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) < 0)
        seed ^= (uint64_t)getpid() << 32;
    return seed;
}

static void init(broker *b, const broker_options *options)
{
    if (options)
        b->options = *options;
    else
        options_init(&b->options);
    b->fd = b->dead_fd = -1;
    b->epoch = b->dispatch_epoch = 1;
    b->in.limit = b->options.inbox_bytes;
    b->out.limit = b->options.outbox_bytes;
    b->max_payload = MAX_PAYLOAD;
    b->publish_timeout_ms = BROKER_DEFAULT;
    b->random = random_seed();
    received_init(&b->received, b);
    kept_init(&b->kept);
    b->page->ours = true;
    /* Linux 4.14; where there is none, getpid(2) has to do. */
    if (madvise(b->page, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) < 0)
        b->pid = getpid();
}

int broker_new(broker **ret, const broker_options *options)
{
    broker *b = calloc(1, sizeof *b);

    if (!b)
        return -BROKER_E_NO_MEMORY;
    b->page = page_new();
    if (!b->page) {
        free(b);
        return -BROKER_E_NO_MEMORY;
    }
    init(b, options);
    *ret = b;
    return 0;
}

broker *broker_free(broker *b)
{
    if (!b || b->freed)
        return NULL;
    if (b->depth == 0 || !handle_is_ours(b)) {
        destroy(b);
        return NULL;
    }
    /* Inside a callback: cut off now, freed when it is over. */
    b->freed = b->halt = b->stop = true;
    handle_state(b, STATE_CLOSED);
    b->fd = sys_close(b->fd);
    outbox_reset(&b->out);
    return NULL;
}

const char *broker_error_text(const broker *b)
{
    return b->error;
}

int broker_is_connected(const broker *b)
{
    return b->state == STATE_OPEN && handle_is_ours(b);
}

uint64_t broker_id(const broker *b)
{
    return broker_is_connected(b) ? b->id : 0;
}

const uint8_t *broker_instance(const broker *b)
{
    return broker_is_connected(b) ? b->instance : NULL;
}

const char *broker_url(const broker *b)
{
    return broker_is_connected(b) ? b->url : NULL;
}

const char *broker_server_version(const broker *b)
{
    return broker_is_connected(b) ? b->server : NULL;
}

size_t broker_max_payload(const broker *b)
{
    return b->max_payload;
}

void broker_set_event_fn(broker *b, broker_event_fn fn, void *userdata)
{
    b->event_fn = fn;
    b->event_data = userdata;
}
