#include "broker/reload.h"

#include <stdio.h>
#include <string.h>

#include "broker/watch/log.h"

enum {
    PAGE = 25,        /* values in one answer of $SYS.config: 64 KiB hold so many of the longest */
    SHOWN_MAX = 1024, /* bytes of one: no line of a file is longer */
};

/* ---- making it anew ------------------------------------------------------------------ */

static void log_errors(const struct config_errors *errors)
{
    for (const char *error = NULL; (error = config_errors_next(errors, error));)
        log_err("%s", error);
    if (errors->n_more > 0)
        log_err("%zu more", errors->n_more);
}

static void log_kept(const struct config_errors *kept)
{
    for (const char *line = NULL; (line = config_errors_next(kept, line));)
        log_warn("%s", line);
}

int reload_first(struct reload *reload)
{
    int r = config_load(&reload->config, reload->source, NULL, &reload->errors, &reload->kept);
    if (r < 0)
        log_errors(&reload->errors);
    return r;
}

bool reload_run(struct reload *reload, const char *asked)
{
    struct config *now = NULL, *before = reload->config;
    config_errors_clear(&reload->errors);
    config_errors_clear(&reload->kept);
    if (config_load(&now, reload->source, before, &reload->errors, &reload->kept) < 0) {
        config_errors_clear(&reload->kept); /* of what did not come to be */
        log_errors(&reload->errors);
        log_err("%s: the configuration stays as it was", asked);
        return false;
    }
    if (reload->ops->apply(reload->userdata, before, now) < 0) {
        config_errors_add(&reload->errors, NULL, 0, "out of memory");
        config_errors_clear(&reload->kept);
        log_errors(&reload->errors);
        log_err("%s: the configuration stays as it was", asked);
        config_unref(now);
        return false;
    }
    log_kept(&reload->kept);
    reload->config = now;
    config_unref(before);
    log_info("%s: the configuration was read again", asked);
    return true;
}

/* ---- $SYS.reload -------------------------------------------------------------------------- */

static void put_sentences(msgpack_packer *out, const char *key, const struct config_errors *errors)
{
    sys_put_key(out, key);
    msgpack_pack_array(out, errors->n);
    for (const char *error = NULL; (error = config_errors_next(errors, error));)
        msgpack_pack_str_with_body(out, error, strlen(error));
}

static enum status answer_reload(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    struct reload *reload = userdata;
    if (body && body->type != MSGPACK_OBJECT_MAP)
        return STATUS_BAD_FIELD;
    bool done = reload_run(reload, "reload");
    msgpack_pack_map(out, 4);
    sys_put_bool(out, "reloaded", done);
    put_sentences(out, "errors", &reload->errors);
    sys_put_uint(out, "more-errors", reload->errors.n_more);
    put_sentences(out, "needs-restart", &reload->kept);
    return STATUS_OK;
}

/* ---- $SYS.config --------------------------------------------------------------------------- */

static void put_value(msgpack_packer *out, const struct config *config, const char *section,
                      const char *key, char *value, struct config_origin origin)
{
    char from[CONFIG_ORIGIN_MAX];
    config_origin_format(config, origin, from);
    config_make_safe(from);
    config_make_safe(value);
    msgpack_pack_map(out, 4);
    sys_put_str(out, "section", section);
    sys_put_str(out, "key", key);
    sys_put_str(out, "value", *value ? value : NULL);
    sys_put_str(out, "origin", from);
}

_Static_assert(CONFIG_LISTEN == 0, "a line each for addresses, then the keys behind LISTEN");

static size_t n_listen_lines(const struct config *config)
{
    return config->n_listen ? config->n_listen : 1;
}

static size_t n_key_lines(const struct config *config)
{
    return n_listen_lines(config) + N_CONFIG_KEYS - 1;
}

static void put_key(msgpack_packer *out, const struct config *config, size_t line)
{
    size_t n_listen = n_listen_lines(config);
    enum config_key key = line < n_listen ? CONFIG_LISTEN : (unsigned)(line - n_listen + 1);
    struct config_key_info info = config_key_info(key);
    struct config_origin origin = config->values[key].origin;
    char value[SHOWN_MAX];
    if (line < config->n_listen) {
        snprintf(value, sizeof value, "%s", config->listen[line].text);
        origin = config->listen[line].origin;
    } else {
        config_show(config, key, value, sizeof value);
    }
    put_value(out, config, info.section, info.name, value, origin);
}

static void put_setting(msgpack_packer *out, const struct config *config,
                        const struct config_setting *setting)
{
    char section[SHOWN_MAX], value[SHOWN_MAX];
    snprintf(section, sizeof section, "rule \"%s\"", setting->rule);
    snprintf(value, sizeof value, "%s", setting->value);
    put_value(out, config, section, setting->key, value, setting->origin);
}

/* The lines from `first` on, as many as an answer has. */
static void put_page(msgpack_packer *out, const struct config *config, size_t first)
{
    size_t n_keys = n_key_lines(config), n = n_keys + config->n_settings;
    size_t end = n - first < PAGE ? n : first + PAGE;
    msgpack_pack_map(out, 2);
    sys_put_key(out, "values");
    msgpack_pack_array(out, end - first);
    for (size_t line = first; line < end; line++) {
        if (line < n_keys)
            put_key(out, config, line);
        else
            put_setting(out, config, &config->settings[line - n_keys]);
    }
    sys_put_key(out, "next");
    if (end < n)
        msgpack_pack_uint64(out, end);
    else
        msgpack_pack_nil(out);
}

static enum status answer_config(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    const struct config *config = ((const struct reload *)userdata)->config;
    const msgpack_object *after = sys_field(body, "after");
    size_t n = n_key_lines(config) + config->n_settings;
    if ((body && body->type != MSGPACK_OBJECT_MAP) ||
        (after && after->type != MSGPACK_OBJECT_POSITIVE_INTEGER &&
         after->type != MSGPACK_OBJECT_NIL))
        return STATUS_BAD_FIELD;
    bool from_start = !after || after->type == MSGPACK_OBJECT_NIL;
    uint64_t first = from_start ? 0 : after->via.u64;
    put_page(out, config, first < n ? (size_t)first : n);
    return STATUS_OK;
}

/* ---- the whole -------------------------------------------------------------------------------- */

void reload_init(struct reload *reload, const struct config_source *source,
                 const struct reload_ops *ops, void *userdata)
{
    memset(reload, 0, sizeof *reload);
    reload->source = source;
    reload->ops = ops;
    reload->userdata = userdata;
}

void reload_deinit(struct reload *reload)
{
    reload->config = config_unref(reload->config);
}

void reload_register(struct reload *reload, struct sys_registry *registry)
{
    reload->config_service =
        (struct sys_service){ "$SYS.config", answer_config, reload, NULL, true };
    reload->reload_service =
        (struct sys_service){ "$SYS.reload", answer_reload, reload, NULL, true };
    sys_register(registry, &reload->config_service);
    sys_register(registry, &reload->reload_service);
}
