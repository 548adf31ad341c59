#include "broker/listen.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "broker/net/inherited.h"
#include "broker/options.h"
#include "broker/watch/log.h"
#include "proto/status.h"
#include "proto/transport/default_path.h"

static int failed(const struct setup_error *error, int code)
{
    log_err("%s", error->why);
    return code == -EADDRINUSE ? EXIT_UNAVAILABLE : EXIT_CANTCREAT;
}

/* ---- what systemd hands over ------------------------------------------------------------ */

/* "unix:/run/a.sock (a.socket)": where a socket that was handed over is bound, and the
 * name that it came with. NULL if it is bound nowhere that we know. */
static char *show_inherited(const struct inherited *inherited)
{
    enum { HEAD = offsetof(struct sockaddr_un, sun_path) };
    struct sockaddr_un bound = { 0 };
    struct address address = { .kind = ADDRESS_PATH };
    socklen_t len = sizeof bound;
    char text[ADDRESS_TEXT_MAX], *shown = NULL;
    if (getsockname(inherited->fd, (struct sockaddr *)&bound, &len) < 0 || len <= HEAD + 1 ||
        len > sizeof bound)
        return NULL;
    bool abstract = bound.sun_path[0] == '\0';
    if (abstract)
        address.kind = ADDRESS_ABSTRACT;
    memcpy(address.name, bound.sun_path + abstract, len - HEAD - abstract);
    if (address_format(&address, text, sizeof text) < 0 ||
        asprintf(&shown, "%s (%s)", text, inherited->name) < 0)
        return NULL;
    return shown;
}

static int adopt(struct listen *listen, const struct inherited *inherited,
                 struct setup_error *error)
{
    size_t i = listen->n;
    if (i == LISTEN_MAX)
        return setup_fail(error, -E2BIG, "systemd passed more than %d sockets", LISTEN_MAX);
    int r = listener_adopt(&listen->listeners[i], listen->loop, inherited->fd, inherited->name,
                           listen->handler, listen->userdata, error);
    if (r == 0)
        listen->shown[listen->n++] = show_inherited(inherited);
    return r;
}

static int open_inherited(struct listen *listen)
{
    struct setup_error error = { "" };
    struct inherited *list = NULL;
    int n = inherited_take(&list, &error);
    int r = n < 0 ? n : 0;
    for (int i = 0; i < n && r == 0; i++)
        r = adopt(listen, &list[i], &error);
    inherited_free(list, n > 0 ? (size_t)n : 0);
    return r < 0 ? failed(&error, r) : 0;
}

/* ---- our own ------------------------------------------------------------------------------ */

static int open_one(struct listen *listen, const struct address *address,
                    const struct sockpath_options *options)
{
    struct setup_error error = { "" };
    int r = listener_new(&listen->listeners[listen->n], listen->loop, address, options,
                         listen->handler, listen->userdata, &error);
    if (r < 0)
        return failed(&error, r);
    listen->n++;
    return 0;
}

static struct sockpath_options path_options(const struct config *config)
{
    struct sockpath_options options = SOCKPATH_OPTIONS_INIT;
    options.mode = (mode_t)config_number(config, CONFIG_MODE);
    if (config_is_set(config, CONFIG_RUN_AS)) { /* as if it were that user's from the first */
        struct config_run_as who = config_run_as(config);
        options.owner = options.heir = who.uid;
        options.group = who.gid;
    }
    if (config_is_set(config, CONFIG_OWNER))
        options.owner = (uid_t)config_number(config, CONFIG_OWNER);
    if (config_is_set(config, CONFIG_GROUP))
        options.group = (gid_t)config_number(config, CONFIG_GROUP);
    return options;
}

static int open_default(struct listen *listen, const struct config *config)
{
    struct sockpath_options options = path_options(config);
    struct address address;
    int r = 0;
    options.parent_mode = config->system ? 0755 : 0700;
    if (config->system)
        default_path_system(&address);
    else
        r = default_path_user(&address);
    if (r == -ENXIO) {
        log_err("XDG_RUNTIME_DIR is not set, so there is no place for a user's socket: set it, or "
                "name a socket with --listen unix:/path");
        return EXIT_CANTCREAT;
    }
    if (r < 0) {
        log_err("the default socket's path is too long: name another with --listen unix:/path");
        return EXIT_CANTCREAT;
    }
    return open_one(listen, &address, &options);
}

int listen_open(struct listen *listen, const struct config *config)
{
    struct sockpath_options options = path_options(config);
    int code = open_inherited(listen);
    for (size_t i = 0; i < config->n_listen && code == 0; i++)
        code = open_one(listen, &config->listen[i].address, &options);
    if (code == 0 && listen->n == 0)
        code = open_default(listen, config);
    for (size_t i = 0; i < listen->n && code == 0; i++)
        log_info("listening on %s", listen_name(listen, i));
    return code;
}

const char *listen_name(const struct listen *listen, size_t i)
{
    return listen->shown[i] ? listen->shown[i] : listener_name(listen->listeners[i]);
}

void listen_refuse(struct listen *listen)
{
    for (size_t i = 0; i < listen->n; i++)
        listener_refuse_waiting(listen->listeners[i], STATUS_SHUTTING_DOWN);
    listen_close(listen);
}

void listen_close(struct listen *listen)
{
    for (size_t i = 0; i < listen->n; i++) {
        listener_free(listen->listeners[i]);
        free(listen->shown[i]);
    }
    listen->n = 0;
}
