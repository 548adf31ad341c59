#include "tests/fault/stage.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/fault.h"
#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"

enum { SETTLE_MS = 20000, AWAIT_MS = 30 };

/* -- failing --------------------------------------------------------------------------------- */

static const char *about_scenario = "";
static const char *about_wish = "";

void stage_about(const char *scenario, const char *wish)
{
    about_scenario = scenario;
    about_wish = wish;
}

static void show(const struct actor *actor)
{
    print_error("  %s: fd %d%s%s%s%s, farewell %d, %zu questions open", actor->name, actor->fd,
                actor->deaf ? ", deaf" : "", actor->over ? ", over" : "", actor->cut ? ", cut" : "",
                actor->is_shut ? ", shut" : "", actor->farewell, actor->n_open);
    for (size_t i = 0; i < actor->n_open && i < 4; i++)
        print_error(" %s %llu", opcode_name(actor->open[i].op),
                    (unsigned long long)actor->open[i].ref);
    print_error(", %zu bytes to write\n", actor->out.len - actor->out.at);
}

_Noreturn void stage_fail(const struct stage *stage, const char *format, ...)
{
    char text[400];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    for (size_t i = 0; stage && i < stage->n_actors; i++)
        show(stage->actors[i]);
    fail_msg("%s; %s (%s failed last): %s", about_scenario, about_wish, fault_what_failed(), text);
    abort(); /* never reached: fail_msg leaves by longjmp */
}

/* -- actors ---------------------------------------------------------------------------------- */

void stage_init(struct stage *stage, const char *socket, const char *config, pid_t broker)
{
    *stage = (struct stage){ .socket = socket, .config = config, .broker = broker };
}

void stage_deinit(struct stage *stage)
{
    for (size_t i = 0; i < stage->n_actors; i++) {
        actor_deinit(stage->actors[i]);
        free(stage->actors[i]);
    }
    stage->n_actors = 0;
}

struct actor *stage_connect(struct stage *stage, const char *name)
{
    struct actor *actor = calloc(1, sizeof(*actor));

    assert_non_null(actor);
    if (stage->n_actors == ACTORS_MAX)
        stage_fail(stage, "more than %d actors", ACTORS_MAX);
    *actor = (struct actor){ .stage = stage, .name = name, .farewell = -1 };
    stage->actors[stage->n_actors++] = actor;
    actor->fd = raw_try_open(stage->socket);
    if (actor->fd < 0)
        stage_fail(stage, "%s cannot connect: %s", name, strerror(-actor->fd));
    return actor;
}

struct actor *stage_actor(struct stage *stage, const char *name)
{
    struct actor *actor = stage_connect(stage, name);

    actor_hello(actor);
    return actor;
}

struct stream *stage_stream(struct stage *stage, struct actor *from, unsigned number)
{
    struct stream *stream = &stage->streams[number];

    assert_in_range(number, 0, STREAMS_MAX - 1);
    if (stream->from && stream->from != from)
        stage_fail(stage, "stream %u is %s's", number, stream->from->name);
    stream->from = from;
    return stream;
}

/* -- reading and writing ----------------------------------------------------------------------- */

static short events_of(const struct actor *actor)
{
    bool writes = actor->out.at < actor->out.len;

    return (short)((actor->deaf ? 0 : POLLIN) | (writes ? POLLOUT : 0));
}

static void serve(struct actor *actor, short events)
{
    if (events & (POLLOUT | POLLERR | POLLHUP))
        actor_write(actor);
    if (!actor->deaf && events & (POLLIN | POLLERR | POLLHUP))
        actor_read(actor);
}

/* One wait, and all who can go on do. */
static void turn(struct stage *stage, int timeout_ms)
{
    struct pollfd fds[ACTORS_MAX];
    struct actor *who[ACTORS_MAX];
    nfds_t n = 0;

    for (size_t i = 0; i < stage->n_actors; i++) {
        struct actor *actor = stage->actors[i];
        if (actor->fd >= 0 && !actor->over && events_of(actor)) {
            fds[n] = (struct pollfd){ .fd = actor->fd, .events = events_of(actor) };
            who[n++] = actor;
        }
    }
    if (poll(fds, n, timeout_ms) <= 0)
        return;
    for (nfds_t i = 0; i < n; i++) {
        if (fds[i].revents && who[i]->fd >= 0)
            serve(who[i], fds[i].revents);
    }
}

static const struct actor *unsettled(const struct stage *stage)
{
    for (size_t i = 0; i < stage->n_actors; i++) {
        if (!actor_is_settled(stage->actors[i]))
            return stage->actors[i];
    }
    return NULL;
}

void stage_settle(struct stage *stage)
{
    const int64_t end_ns = kit_now_ns() + SETTLE_MS * INT64_C(1000000);
    const struct actor *actor;

    for (size_t i = 0; i < stage->n_actors; i++) {
        if (stage->actors[i]->fd >= 0)
            actor_write(stage->actors[i]);
    }
    while ((actor = unsettled(stage))) {
        if (kit_now_ns() > end_ns)
            stage_fail(stage, "%s still waits for an answer after %d ms", actor->name, SETTLE_MS);
        turn(stage, 100);
    }
}

void stage_run(struct stage *stage, int ms)
{
    const int64_t end_ns = kit_now_ns() + ms * INT64_C(1000000);

    for (int64_t now_ns = kit_now_ns(); now_ns < end_ns; now_ns = kit_now_ns())
        turn(stage, (int)((end_ns - now_ns) / 1000000) + 1);
}

void stage_await(struct stage *stage, const struct actor *actor, uint8_t op, uint64_t n)
{
    const int64_t end_ns =
        kit_now_ns() + (stage->is_exact ? SETTLE_MS : AWAIT_MS) * INT64_C(1000000);

    while (actor->n_of[op] < n && !actor->over && kit_now_ns() < end_ns)
        turn(stage, 10);
}

void stage_barrier(struct stage *stage)
{
    for (size_t i = 0; i < stage->n_actors; i++) {
        if (!stage->actors[i]->deaf)
            actor_ping(stage->actors[i]);
    }
    stage_settle(stage);
}

/* -- the books ------------------------------------------------------------------------------- */

static bool is_there(const struct actor *actor)
{
    return actor->fd >= 0 && !actor->over && !actor->is_shut && actor->farewell < 0;
}

/* Messages that were routed. */
static uint64_t accepted(const struct stage *stage, unsigned streams, bool *ret_exact)
{
    uint64_t n = 0;

    *ret_exact = true;
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        const struct stream *stream = &stage->streams[i];
        if (!(streams & 1u << i) || !stream->from)
            continue;
        *ret_exact = *ret_exact && is_there(stream->from);
        for (uint32_t number = 0; number < stream->n_sent; number++)
            n += !stream->refused[number];
    }
    return n;
}

static void check_sum(const struct stage *stage, const char *who, uint32_t sid, unsigned streams,
                      uint64_t delivered, uint64_t lost)
{
    bool exact;
    uint64_t n = accepted(stage, streams, &exact);

    if (delivered + lost > n || (exact && delivered + lost < n))
        stage_fail(stage, "%s, subscription %u: %llu delivered and %llu announced as lost, of %llu",
                   who, sid, (unsigned long long)delivered, (unsigned long long)lost,
                   (unsigned long long)n);
}

static void check_tally(const struct stage *stage, const struct actor *actor,
                        const struct tally *tally)
{
    if (!tally->active && tally->n_delivered > 0 && is_there(actor))
        stage_fail(stage, "%s: subscription %u was refused, and messages come", actor->name,
                   tally->sid);
    if (tally->active && !tally->loose && !tally->group && !actor->deaf && is_there(actor))
        check_sum(stage, actor->name, tally->sid, tally->streams, tally->n_delivered,
                  tally->n_lost);
}

/* All members there: together they have all. */
static void check_group(const struct stage *stage, int group)
{
    uint64_t delivered = 0, lost = 0;
    unsigned streams = 0, n_active = 0;
    bool complete = true;

    for (size_t i = 0; i < stage->n_actors; i++) {
        const struct actor *actor = stage->actors[i];
        for (size_t j = 0; j < actor->n_tallies; j++) {
            const struct tally *tally = &actor->tally[j];
            if (tally->group != group)
                continue;
            complete = complete && is_there(actor) && !tally->loose;
            streams |= tally->streams;
            n_active += tally->active;
            delivered += tally->n_delivered;
            lost += tally->n_lost;
        }
    }
    if (n_active > 0 && complete)
        check_sum(stage, "a queue group", (uint32_t)group, streams, delivered, lost);
}

static void check_streams(const struct stage *stage)
{
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        const struct stream *stream = &stage->streams[i];
        for (uint32_t number = 0; number < stream->n_sent; number++) {
            if (stream->refused[number] && stream->arrived[number])
                stage_fail(stage, "message %u of stream %u was refused, and arrived", number, i);
        }
    }
}

void stage_check(struct stage *stage)
{
    int groups = 0;

    stage->n_ended = stage->n_untold = stage->n_silent = 0;
    for (size_t i = 0; i < stage->n_actors; i++) {
        const struct actor *actor = stage->actors[i];
        for (size_t j = 0; j < actor->n_tallies; j++) {
            check_tally(stage, actor, &actor->tally[j]);
            groups |= 1 << actor->tally[j].group;
        }
        if ((actor->over || actor->farewell >= 0) && !actor->may_end) {
            stage->n_ended++;
            stage->n_untold += actor->farewell < 0;
            stage->n_silent += actor->farewell < 0 && !actor->torn;
        }
    }
    for (int group = 1; groups >> group; group++) {
        if (groups & 1 << group)
            check_group(stage, group);
    }
    check_streams(stage);
}

/* -- what became of it ------------------------------------------------------------------------- */

void stage_outcome(const struct stage *stage, struct outcome *ret)
{
    static const uint8_t counted[] = { OP_WELCOME, OP_PONG,    OP_OK,    OP_ERROR, OP_CONFIRMED,
                                       OP_ENDED,   OP_REQUEST, OP_REPLY, OP_END,   OP_CANCEL };

    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < stage->n_actors; i++) {
        const struct actor *actor = stage->actors[i];
        for (size_t j = 0; j < KIT_LENGTH(counted); j++)
            ret->n_of[i][counted[j]] = actor->n_of[counted[j]];
        for (size_t j = 0; j < actor->n_tallies; j++) {
            bool exact = !actor->may_end && !actor->tally[j].group;
            ret->n_heard[i] += exact ? actor->tally[j].n_delivered + actor->tally[j].n_lost : 0;
        }
        ret->n_refused[i] = actor->n_refused;
        ret->farewell[i] = actor->farewell;
    }
}

const char *outcome_difference(const struct outcome *is, const struct outcome *should_be)
{
    static char text[120];

    for (size_t i = 0; i < ACTORS_MAX; i++) {
        for (uint8_t op = 0; op < OPCODES_MAX; op++) {
            if (is->n_of[i][op] == should_be->n_of[i][op])
                continue;
            snprintf(text, sizeof(text), "actor %zu got %llu %s instead of %llu", i,
                     (unsigned long long)is->n_of[i][op], opcode_name(op),
                     (unsigned long long)should_be->n_of[i][op]);
            return text;
        }
        if (is->n_heard[i] != should_be->n_heard[i] ||
            is->n_refused[i] != should_be->n_refused[i] ||
            is->farewell[i] != should_be->farewell[i]) {
            snprintf(text, sizeof(text),
                     "actor %zu heard of %llu messages instead of %llu, "
                     "%llu refused, farewell %d",
                     i, (unsigned long long)is->n_heard[i],
                     (unsigned long long)should_be->n_heard[i],
                     (unsigned long long)is->n_refused[i], is->farewell[i]);
            return text;
        }
    }
    return NULL;
}
