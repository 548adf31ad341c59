/* The subject of requests that are open, shared by those that are about the same: a policy that
 * comes later asks for it. Made by the list of receivers that the first of them found.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct topic {
    uint32_t refs;
    uint16_t len;
    char text[];
};

/* One reference; copies. NULL: no memory. */
static inline struct topic *topic_new(const char *subject, size_t len)
{
    struct topic *topic = malloc(sizeof *topic + len);
    if (!topic)
        return NULL;
    topic->refs = 1;
    topic->len = (uint16_t)len;
    memcpy(topic->text, subject, len);
    return topic;
}

/* Takes NULL. */
static inline void topic_unref(struct topic *topic)
{
    if (topic && --topic->refs == 0)
        free(topic);
}
