#include "tests/bench/peers/redis_publisher.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/peers/bench.h"

#define WRITE_AT_LEN 65536
#define MAX_HEAD_LEN 256 /* of a command, all but its payload */

redisContext *redis_dial(void)
{
    redisContext *redis = redisConnectUnix(bench_options->address);

    if (!redis || redis->err)
        bench_die("connect: %s", redis ? redis->errstr : "no memory");
    redis->reader->maxbuf = 0; /* keep the input buffer when it runs empty */
    return redis;
}

void redis_check(redisContext *redis, int status, const char *what)
{
    if (status != REDIS_OK)
        bench_die("%s: %s", what, redis->errstr);
}

static redisReply *reply_check(redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_ERROR)
        bench_die("redis says %s", reply->str);
    return reply;
}

redisReply *redis_parsed(redisContext *redis)
{
    void *reply;

    redis_check(redis, redisGetReplyFromReader(redis, &reply), "parse");
    return reply_check(reply);
}

redisReply *redis_next(redisContext *redis)
{
    void *reply;

    redis_check(redis, redisGetReply(redis, &reply), "read");
    return reply_check(reply);
}

/* -- pipelined PUBLISH ----------------------------------------------------------------------- */

struct redis_publisher {
    redisContext *redis;
    char *command;
    size_t command_room;
    size_t unsent_len;
    uint64_t n_owed; /* answers to PUBLISH that have not been taken */
};

struct redis_publisher *redis_publisher_open(void)
{
    struct redis_publisher *publisher = calloc(1, sizeof(*publisher));

    if (!publisher)
        bench_die("no memory");
    publisher->redis = redis_dial();
    return publisher;
}

static void answers_take(struct redis_publisher *publisher)
{
    struct pollfd readable = { publisher->redis->fd, POLLIN, 0 };

    while (publisher->n_owed) {
        redisReply *reply = redis_parsed(publisher->redis);
        if (reply) {
            freeReplyObject(reply);
            publisher->n_owed--;
        } else if (poll(&readable, 1, 0) <= 0) {
            return;
        } else {
            redis_check(publisher->redis, redisBufferRead(publisher->redis), "read");
        }
    }
}

void redis_publisher_flush(struct redis_publisher *publisher)
{
    for (int done = 0; !done;)
        redis_check(publisher->redis, redisBufferWrite(publisher->redis, &done), "write");
    publisher->unsent_len = 0;
    answers_take(publisher);
}

static void command_reserve(struct redis_publisher *publisher, size_t len)
{
    if (len <= publisher->command_room)
        return;
    free(publisher->command);
    publisher->command = malloc(len);
    publisher->command_room = len;
    if (!publisher->command)
        bench_die("no memory");
}

void redis_publisher_send(struct redis_publisher *publisher, const char *subject,
                          const void *payload, size_t len)
{
    command_reserve(publisher, MAX_HEAD_LEN + len + 2);
    char *command = publisher->command;
    size_t head_len =
        snprintf(command, MAX_HEAD_LEN, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n",
                 strlen(subject), subject, len);
    memcpy(command + head_len, payload, len);
    memcpy(command + head_len + len, "\r\n", 2);
    redis_check(publisher->redis,
                redisAppendFormattedCommand(publisher->redis, command, head_len + len + 2),
                "append");
    publisher->n_owed++;
    publisher->unsent_len += head_len + len + 2;
    if (publisher->unsent_len >= WRITE_AT_LEN)
        redis_publisher_flush(publisher);
}
