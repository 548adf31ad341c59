#include "broker/broker.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "broker/info.h"
#include "broker/loop/loop.h"
#include "broker/loop/signals.h"
#include "broker/net/inherited.h"
#include "broker/net/listener.h"
#include "broker/session/session.h"
#include "proto/transport/default_path.h"

struct broker {
    struct loop *loop;
    struct signals *signals;
    struct listener *listeners[INFO_LISTENERS_MAX];
    char *shown[INFO_LISTENERS_MAX]; /* of one that was handed over: address and name */
    size_t n_listeners;
    struct counters counters;
    struct session session;
    struct info info;
    struct timer drain_timer;
    struct timer log_timer; /* stderr did not take all */
};

static void tell_systemd(const char *state)
{
#ifdef HAVE_SYSTEMD
    sd_notify(0, state);
#else
    (void)state;
#endif
}

/* ---- listening ------------------------------------------------------------- */

static void on_accepted(void *userdata, int fd, struct listener *from)
{
    struct broker *broker = userdata;
    session_adopt(&broker->session, fd, listener_name(from));
}

static void on_refused(void *userdata, int fd, int status)
{
    struct broker *broker = userdata;
    broker->counters.refused_descriptors += status == STATUS_NO_DESCRIPTORS;
    broker->counters.refused_shutdown += status == STATUS_SHUTTING_DOWN;
    session_turn_away(fd, (enum status)status, NULL);
}

static const struct listener_handler listener_handler = {
    .accepted = on_accepted,
    .refused = on_refused,
};

static int listen_failed(const struct setup_error *error, int code)
{
    log_err("%s", error->why);
    return code == -EADDRINUSE ? EXIT_UNAVAILABLE : EXIT_CANTCREAT;
}

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

static int adopt(struct broker *broker, const struct inherited *inherited,
                 struct setup_error *error)
{
    size_t i = broker->n_listeners;
    if (i == INFO_LISTENERS_MAX)
        return setup_fail(error, -E2BIG, "systemd passed more than %d sockets",
                          INFO_LISTENERS_MAX);
    int r = listener_adopt(&broker->listeners[i], broker->loop, inherited->fd, inherited->name,
                           &listener_handler, broker, error);
    if (r == 0)
        broker->shown[broker->n_listeners++] = show_inherited(inherited);
    return r;
}

static int listen_inherited(struct broker *broker)
{
    struct setup_error error = { "" };
    struct inherited *list = NULL;
    int n = inherited_take(&list, &error);
    int r = n < 0 ? n : 0;
    for (int i = 0; i < n && r == 0; i++)
        r = adopt(broker, &list[i], &error);
    inherited_free(list, n > 0 ? (size_t)n : 0);
    return r < 0 ? listen_failed(&error, r) : 0;
}

static int listen_on(struct broker *broker, const struct address *address,
                     const struct sockpath_options *options)
{
    struct setup_error error = { "" };
    int r = listener_new(&broker->listeners[broker->n_listeners], broker->loop, address, options,
                         &listener_handler, broker, &error);
    if (r < 0)
        return listen_failed(&error, r);
    broker->n_listeners++;
    return 0;
}

static int listen_default(struct broker *broker, const struct options *options)
{
    struct sockpath_options socket = options->socket;
    struct address address;
    bool system = options->scope ? options->scope == 's' : getuid() == 0;
    int r = 0;
    socket.parent_mode = system ? 0755 : 0700;
    if (system && !options->has_mode)
        socket.mode = SOCKPATH_MODE_SYSTEM;
    if (system)
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
    return listen_on(broker, &address, &socket);
}

static int listen_all(struct broker *broker, const struct options *options)
{
    int code = listen_inherited(broker);
    for (size_t i = 0; i < options->n_listen && code == 0; i++)
        code = listen_on(broker, &options->listen[i], &options->socket);
    if (code == 0 && broker->n_listeners == 0)
        code = listen_default(broker, options);
    for (size_t i = 0; i < broker->n_listeners && code == 0; i++) {
        broker->info.listeners[i] =
            broker->shown[i] ? broker->shown[i] : listener_name(broker->listeners[i]);
        log_info("listening on %s", broker->info.listeners[i]);
    }
    broker->info.n_listeners = broker->n_listeners;
    return code;
}

/* ---- stopping ---------------------------------------------------------------- */

static void on_drain_limit(struct timer *timer, uint64_t now_ns)
{
    struct broker *broker =
        (struct broker *)((char *)timer - offsetof(struct broker, drain_timer));
    (void)now_ns;
    loop_stop(broker->loop);
}

/* Gives the path back at once, so that a successor can start while this one drains. */
static struct listener *close_listener(struct listener *listener)
{
    listener_refuse_waiting(listener, STATUS_SHUTTING_DOWN);
    return listener_free(listener);
}

static void on_stop(void *userdata, int signo)
{
    struct broker *broker = userdata;
    if (broker->session.draining) {
        log_info("%s again: not waiting any longer", strsignal(signo));
        loop_stop(broker->loop);
        return;
    }
    log_info("%s: saying goodbye to %u clients", strsignal(signo), broker->session.net.n_conns);
    tell_systemd("STOPPING=1");
    for (size_t i = 0; i < broker->n_listeners; i++)
        broker->listeners[i] = close_listener(broker->listeners[i]);
    broker->info.n_listeners = 0;
    session_drain(&broker->session);
    uint64_t limit = loop_now_ns(broker->loop) + DRAIN_LIMIT_MS * UINT64_C(1000000);
    if (loop_arm(broker->loop, &broker->drain_timer, limit) < 0)
        loop_stop(broker->loop);
}

static void on_reload(void *userdata)
{
    (void)userdata;
    log_info("SIGHUP: there is no configuration to read again");
}

static const struct signals_handler signals_handler = { .stop = on_stop, .reload = on_reload };

/* ---- the round ------------------------------------------------------------------ */

static void flush_log(struct broker *broker)
{
    uint64_t now = loop_now_ns(broker->loop);
    if (log_flush(now))
        loop_arm(broker->loop, &broker->log_timer, now + LOG_RETRY_MS * UINT64_C(1000000));
    broker->counters.log_lines_lost = log_lines_lost();
}

/* The round that it makes flushes the log. */
static void on_log_timer(struct timer *timer, uint64_t now_ns)
{
    (void)timer;
    (void)now_ns;
}

static void on_round(void *userdata)
{
    struct broker *broker = userdata;
    session_round(&broker->session);
    flush_log(broker);
    if (broker->session.draining && session_is_empty(&broker->session))
        loop_stop(broker->loop);
}

/* As many connections as the system lets us have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warn("the limit of open files stays as it is: %s", strerror(errno));
}

static int os_error(const char *what, int code)
{
    log_err("%s: %s", what, strerror(-code));
    return EXIT_OSERR;
}

static int start(struct broker *broker, const struct options *options)
{
    int r = loop_new(&broker->loop, options->loop);
    if (r < 0)
        return os_error("the event loop", r);
    r = signals_new(&broker->signals, broker->loop, &signals_handler, broker);
    if (r < 0)
        return os_error("signals", r);
    raise_descriptor_limit();
    r = session_init(&broker->session, broker->loop, &broker->counters);
    if (r < 0)
        return os_error("the session layer", r);
    info_register(&broker->info, &broker->session);
    broker->drain_timer.fn = on_drain_limit;
    broker->log_timer.fn = on_log_timer;
    loop_set_hook(broker->loop, on_round, broker);
    return listen_all(broker, options);
}

static struct broker *broker_free(struct broker *broker)
{
    for (size_t i = 0; i < broker->n_listeners; i++) {
        listener_free(broker->listeners[i]);
        free(broker->shown[i]);
    }
    if (broker->session.loop)
        session_deinit(&broker->session);
    if (broker->loop) {
        loop_disarm(broker->loop, &broker->drain_timer);
        loop_disarm(broker->loop, &broker->log_timer);
    }
    if (broker->signals)
        signals_free(broker->signals);
    loop_free(broker->loop);
    free(broker);
    return NULL;
}

int broker_main(const struct options *options)
{
    struct broker *broker = calloc(1, sizeof *broker);
    log_open(STDERR_FILENO, "brokerd", options->log_level);
    int code = broker ? start(broker, options) : os_error("memory", -ENOMEM);
    if (code == 0) {
        tell_systemd("READY=1");
        log_flush(loop_now_ns(broker->loop));
        int r = loop_run(broker->loop);
        code = r < 0 ? os_error("waiting for events", r) : EXIT_SUCCESS;
    }
    if (broker)
        broker_free(broker);
    if (code == 0)
        log_info("ended in good order");
    log_close();
    return code;
}
