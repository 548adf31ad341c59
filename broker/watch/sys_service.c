#include "broker/watch/sys_service.h"

#include <string.h>

void sys_register(struct sys_registry *registry, struct sys_service *service)
{
    service->next = registry->first;
    registry->first = service;
}

struct sys_service *sys_lookup(const struct sys_registry *registry, const char *subject,
                               size_t len)
{
    struct sys_service *service = registry->first;
    while (service &&
           !(strlen(service->subject) == len && memcmp(service->subject, subject, len) == 0))
        service = service->next;
    return service;
}

const msgpack_object *sys_field(const msgpack_object *body, const char *key)
{
    if (!body || body->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < body->via.map.size; i++) {
        const msgpack_object_kv *kv = &body->via.map.ptr[i];
        if (kv->key.type == MSGPACK_OBJECT_STR && kv->key.via.str.size == strlen(key) &&
            memcmp(kv->key.via.str.ptr, key, strlen(key)) == 0)
            return &kv->val;
    }
    return NULL;
}

static int write_body(void *userdata, const char *bytes, size_t len)
{
    struct sys_body *body = userdata;
    if (!body->failed)
        body->failed = msgpack_sbuffer_write(&body->bytes, bytes, len) != 0;
    return body->failed ? -1 : 0;
}

void sys_body_init(struct sys_body *body, msgpack_packer *out)
{
    body->failed = false;
    msgpack_sbuffer_init(&body->bytes);
    msgpack_packer_init(out, body, write_body);
}

void sys_body_deinit(struct sys_body *body)
{
    msgpack_sbuffer_destroy(&body->bytes);
}

void sys_put_key(msgpack_packer *out, const char *key)
{
    msgpack_pack_str_with_body(out, key, strlen(key));
}

void sys_put_uint(msgpack_packer *out, const char *key, uint64_t value)
{
    sys_put_key(out, key);
    msgpack_pack_uint64(out, value);
}

void sys_put_str(msgpack_packer *out, const char *key, const char *value)
{
    sys_put_key(out, key);
    if (value)
        msgpack_pack_str_with_body(out, value, strlen(value));
    else
        msgpack_pack_nil(out);
}

void sys_put_pid(msgpack_packer *out, pid_t pid)
{
    sys_put_key(out, "pid");
    if (pid > 0)
        msgpack_pack_int(out, pid);
    else
        msgpack_pack_nil(out);
}

void sys_put_bool(msgpack_packer *out, const char *key, bool value)
{
    sys_put_key(out, key);
    if (value)
        msgpack_pack_true(out);
    else
        msgpack_pack_false(out);
}
