/*
 * A connection to redis, and one that publishes in a pipeline. Every function ends the process if it fails.
 */
#pragma once

#include <hiredis/hiredis.h>
#include <stddef.h>

redisContext *redis_dial(void);
void redis_check(redisContext *redis, int status, const char *what);

/* Waits for a reply. The caller frees it. */
redisReply *redis_next(redisContext *redis);

/* The next reply that is whole in what has been read already, or NULL. The caller frees it. */
redisReply *redis_parsed(redisContext *redis);

struct redis_publisher;

struct redis_publisher *redis_publisher_open(void);

/* Appends a PUBLISH to the pipeline, and flushes that when there are 64 KiB. */
void redis_publisher_send(struct redis_publisher *publisher, const char *subject,
                          const void *payload, size_t len);

/* Writes the pipeline, and takes such answers to PUBLISH as are there. */
void redis_publisher_flush(struct redis_publisher *publisher);
