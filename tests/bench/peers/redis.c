/*
 * redis-server over AF_UNIX, by hiredis.
 *
 * PUBLISH is pipelined, as "Pipelining" in hiredis' README has it: redisAppendFormattedCommand() collects commands
 * in the context's output buffer, redisBufferWrite() writes it at each 64 KiB and at a flush, and the integers that
 * redis answers with are read when there are some. The commands are put together here, since hiredis' printf-like
 * formatter is slower. Subscribers read with redisBufferRead() and take from the reader whatever is whole.
 *
 * A pattern with a wildcard is a PSUBSCRIBE. A request is a message on one channel, its answer one on another.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/peer.h"
#include "tests/bench/peers/readers.h"
#include "tests/bench/peers/redis_publisher.h"

#define ANSWER_SUBJECT "svc.reply"

/* The payload is the last of ["message", channel, payload] and of ["pmessage", pattern, channel, payload]. */
static const redisReply *reply_payload(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3)
        bench_die("a reply of type %d is no message", reply->type);
    return reply->element[reply->elements - 1];
}

/* -- publish --------------------------------------------------------------------------------- */

static void *pub_open(unsigned index)
{
    (void)index;
    return redis_publisher_open();
}

static void pub_send(void *publisher, const char *subject, const void *payload, size_t len)
{
    redis_publisher_send(publisher, subject, payload, len);
}

static void pub_flush(void *publisher)
{
    redis_publisher_flush(publisher);
}

/* -- subscribe ------------------------------------------------------------------------------- */

static void *subscriber_open(unsigned connection)
{
    unsigned n;
    const char *const *patterns = bench_patterns(connection, &n);
    redisContext *redis = redis_dial();

    for (unsigned i = 0; i < n; i++) {
        const char *command = strchr(patterns[i], '*') ? "PSUBSCRIBE %s" : "SUBSCRIBE %s";
        redis_check(redis, redisAppendCommand(redis, command, patterns[i]), "append");
    }
    for (unsigned i = 0; i < n; i++)
        freeReplyObject(redis_next(redis));
    return redis;
}

/* One read, and all messages that are whole after it. */
static bool subscriber_take(void *redis, unsigned connection)
{
    redisReply *reply;
    bool ended = false;

    redis_check(redis, redisBufferRead(redis), "read");
    while ((reply = redis_parsed(redis))) {
        const redisReply *payload = reply_payload(reply);
        ended |= bench_take(connection, payload->str, payload->len);
        freeReplyObject(reply);
    }
    return ended;
}

static int subscriber_fd(void *data)
{
    const redisContext *redis = data;

    return redis->fd;
}

static void subs_run(unsigned first, unsigned n)
{
    static const struct reader reader = { subscriber_open, subscriber_fd, subscriber_take, true };

    readers_run(&reader, first, n);
}

/* -- request --------------------------------------------------------------------------------- */

static redisContext *listener_open(const char *subject)
{
    redisContext *redis = redis_dial();

    redis_check(redis, redisAppendCommand(redis, "SUBSCRIBE %s", subject), "append");
    freeReplyObject(redis_next(redis));
    return redis;
}

static void serve_run(void)
{
    redisContext *requests = listener_open(REQUEST_SUBJECT);
    struct redis_publisher *answers = redis_publisher_open();

    bench_ready();
    for (;;) {
        for (redisReply *reply = redis_next(requests); reply; reply = redis_parsed(requests)) {
            const redisReply *payload = reply_payload(reply);
            redis_publisher_send(answers, ANSWER_SUBJECT, payload->str, payload->len);
            freeReplyObject(reply);
        }
        redis_publisher_flush(answers);
    }
}

/* A publisher, and where its answers come to. */
struct requester {
    struct redis_publisher *requests;
    redisContext *answers;
};

static void *req_open(void)
{
    static struct requester requester;

    requester.answers = listener_open(ANSWER_SUBJECT);
    requester.requests = redis_publisher_open();
    return &requester;
}

static void req_send(void *requester, const void *payload, size_t len)
{
    redis_publisher_send(((struct requester *)requester)->requests, REQUEST_SUBJECT, payload, len);
}

static void req_flush(void *requester)
{
    redis_publisher_flush(((struct requester *)requester)->requests);
}

static unsigned req_wait(void *requester)
{
    redisContext *answers = ((struct requester *)requester)->answers;
    unsigned n = 0;

    for (redisReply *reply = redis_next(answers); reply; reply = redis_parsed(answers)) {
        freeReplyObject(reply);
        n++;
    }
    return n;
}

static void idle_run(unsigned n)
{
    char subject[32];

    for (unsigned i = 0; i < n; i++) {
        snprintf(subject, sizeof(subject), "idle.%u", i);
        listener_open(subject);
    }
    bench_ready();
}

const struct peer peer = {
    .name = "redis",
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .subs_run = subs_run,
    .serve_run = serve_run,
    .req_open = req_open,
    .req_send = req_send,
    .req_flush = req_flush,
    .req_wait = req_wait,
    .idle_run = idle_run,
};
