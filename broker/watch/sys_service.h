/* $SYS services: how a layer answers for what it knows.
 *
 * The layer that knows the answer registers it here, embedded in its own state;
 * the session layer finds it when a request comes and sends what it wrote. An
 * answer is one msgpack map. (PROTOCOL.md, "$SYS".)
 */
#pragma once

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/status.h"

struct sys_service {
    const char *subject;    /* "$SYS.info", constant */
    /* Writes the answer to `body` (NULL: the request was empty; else well
     * formed). STATUS_OK, or what the error reply carries. */
    enum status (*answer)(void *userdata, const msgpack_object *body, msgpack_packer *out);
    void *userdata;
    struct sys_service *next;
    bool admin; /* asked of administrators only (guard/policy.h, VERB_ADMIN) */
};

struct sys_registry {
    struct sys_service *first;
};

/* The service must outlive the registry. */
void sys_register(struct sys_registry *registry, struct sys_service *service);
/* NULL: nobody answers for this subject. */
struct sys_service *sys_lookup(const struct sys_registry *registry, const char *subject,
                               size_t len);

/* The value of a string key in a map; NULL if there is none, or no map. */
const msgpack_object *sys_field(const msgpack_object *body, const char *key);

/* What is packed, as long as there is memory for it. Where that gives out, nothing more is
 * kept, and what is there is no whole value: who packs goes on, who sends looks at `failed`. */
struct sys_body {
    msgpack_sbuffer bytes;
    bool failed;
};

/* An empty one, and the packer that writes to it. */
void sys_body_init(struct sys_body *body, msgpack_packer *out);
void sys_body_deinit(struct sys_body *body);

/* One pair of a map. A NULL string is nil. */
void sys_put_uint(msgpack_packer *out, const char *key, uint64_t value);
void sys_put_str(msgpack_packer *out, const char *key, const char *value);
/* "pid": nil if it is not known (0). */
void sys_put_pid(msgpack_packer *out, pid_t pid);
void sys_put_bool(msgpack_packer *out, const char *key, bool value);
void sys_put_key(msgpack_packer *out, const char *key);
