#include "broker/info.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COUNTER_NAME_MAX = 48 };

/* What the wire allows, and what is in force of the configuration's. */
static void put_limits(msgpack_packer *out, const struct session *session)
{
    struct limits limits = session->quota.limits;
    sys_put_key(out, "limits");
    msgpack_pack_map(out, 7 + LIMITS_KEYS);
    sys_put_uint(out, "max-payload", MAX_PAYLOAD);
    sys_put_uint(out, "max-headers", MAX_HEADERS);
    sys_put_uint(out, "queue-bytes", SUB_QUEUE_BYTES);
    sys_put_uint(out, "queue-messages", SUB_QUEUE_MESSAGES);
    sys_put_uint(out, "connection-bytes", CONN_QUEUE_BYTES);
    sys_put_uint(out, "open-requests", MAX_OPEN_CALLS);
    sys_put_uint(out, "max-timeout-ms", MAX_TIMEOUT_MS);
    for (size_t i = 0; i < LIMITS_KEYS; i++)
        sys_put_uint(out, limits_key(i), *limits_value(&limits, i));
}

static void put_listeners(msgpack_packer *out, const struct listen *listen)
{
    sys_put_key(out, "listeners");
    msgpack_pack_array(out, listen->n);
    for (size_t i = 0; i < listen->n; i++) {
        const char *name = listen_name(listen, i);
        msgpack_pack_str_with_body(out, name, strlen(name));
    }
}

static enum status answer_info(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    const struct info *info = userdata;
    const struct session *session = info->session;
    (void)body;
    msgpack_pack_map(out, 11);
    sys_put_str(out, "version", BROKER_VERSION);
    sys_put_key(out, "instance");
    msgpack_pack_bin_with_body(out, session->instance, INSTANCE_LEN);
    sys_put_uint(out, "pid", (uint64_t)getpid());
    sys_put_uint(out, "uid", getuid());
    sys_put_str(out, "loop", loop_backend_name(session->loop));
    sys_put_uint(out, "uptime-ms",
                 (loop_now_ns(session->loop) - info->since_ns) / UINT64_C(1000000));
    sys_put_uint(out, "clients", session->route.n_clients);
    sys_put_uint(out, "subscriptions", session->route.n_subs);
    sys_put_uint(out, "services", session->route.n_services);
    put_listeners(out, info->listen);
    put_limits(out, session);
    return STATUS_OK;
}

/* A counter's name is a C identifier; on the wire words are joined by '-', as everywhere. */
static void put_counter(msgpack_packer *out, const char *name, uint64_t value)
{
    char key[COUNTER_NAME_MAX];
    size_t n = 0;
    for (; name[n] && n < sizeof key - 1; n++)
        key[n] = name[n] == '_' ? '-' : name[n];
    key[n] = '\0';
    sys_put_uint(out, key, value);
}

/* clock_gettime(2): of all threads, of which there is one. */
static uint64_t cpu_now_ns(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
        return 0;
    return (uint64_t)used.tv_sec * UINT64_C(1000000000) + (uint64_t)used.tv_nsec;
}

static enum status answer_stats(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    const struct info *info = userdata;
    struct counters *counters = info->session->counters;
    (void)body;
    counters->rounds = loop_round(info->session->loop);
    counters->cpu_ns = cpu_now_ns();
    msgpack_pack_map(out, N_COUNTERS);
    for (size_t i = 0; i < N_COUNTERS; i++)
        put_counter(out, counters_name(i), counters_value(counters, i));
    return STATUS_OK;
}

void info_register(struct info *info, struct session *session, const struct listen *listen)
{
    info->session = session;
    info->listen = listen;
    info->since_ns = loop_now_ns(session->loop);
    info->info = (struct sys_service){ "$SYS.info", answer_info, info, NULL, false };
    info->stats = (struct sys_service){ "$SYS.stats", answer_stats, info, NULL, false };
    sys_register(&session->sys, &info->info);
    sys_register(&session->sys, &info->stats);
}
