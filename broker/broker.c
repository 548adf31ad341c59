#include "broker/broker.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#    include <systemd/sd-daemon.h>
#endif

#include "broker/harden/coredump.h"
#include "broker/harden/privileges.h"
#include "broker/harden/syscalls.h"
#include "broker/hoard.h"
#include "broker/info.h"
#include "broker/listen.h"
#include "broker/loop/loop.h"
#include "broker/loop/signals.h"
#include "broker/net/turns.h"
#include "broker/reload.h"
#include "broker/session/session.h"
#include "broker/watch/log.h"

struct broker {
    struct loop *loop;
    struct signals *signals;
    struct listen listen;
    struct counters counters;
    struct session session;
    struct info info;
    struct hoard hoard;
    struct reload reload;
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

static void on_waiting(void *userdata, struct listener *from)
{
    struct broker *broker = userdata;
    (void)from;
    turns_want_arrivals(&broker->session.net);
}

static void let_in(void *userdata, uint64_t until_ns)
{
    struct broker *broker = userdata;
    for (size_t i = 0; i < broker->listen.n; i++)
        listener_accept(broker->listen.listeners[i], until_ns);
}

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
    .waiting = on_waiting,
    .accepted = on_accepted,
    .refused = on_refused,
};

/* ---- stopping ---------------------------------------------------------------- */

static void on_drain_limit(struct timer *timer, uint64_t now_ns)
{
    struct broker *broker = (struct broker *)((char *)timer - offsetof(struct broker, drain_timer));
    (void)now_ns;
    loop_stop(broker->loop);
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
    listen_refuse(&broker->listen); /* a successor can start while this one drains */
    session_drain(&broker->session);
    uint64_t limit = loop_now_ns(broker->loop) + DRAIN_LIMIT_MS * UINT64_C(1000000);
    if (loop_arm(broker->loop, &broker->drain_timer, limit) < 0)
        loop_stop(broker->loop);
}

/* ---- the configuration ---------------------------------------------------------- */

/* What changes while the broker runs. `before` is NULL at the start. */
static int broker_apply_config(void *userdata, const struct config *before,
                               const struct config *now)
{
    struct broker *broker = userdata;
    enum log_level level = LOG_LEVEL_INFO;
    (void)before;
    int r = session_set_policy(&broker->session, now->policy);
    if (r < 0)
        return r;
    (void)log_level_parse(&level, config_text(now, CONFIG_LOG_LEVEL));
    log_set_level(level);
    session_set_limits(&broker->session, &now->limits);
    return 0;
}

static const struct reload_ops reload_ops = { .apply = broker_apply_config };

static void on_reload(void *userdata)
{
    struct broker *broker = userdata;
    reload_run(&broker->reload, "SIGHUP");
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
    syscalls_report();
    hoard_round(&broker->hoard);
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

/* What may need privileges: the sockets, with their locks. 0, or the exit code. */
static int start_listening(struct broker *broker)
{
    const struct config *config = broker->reload.config;
    int r = loop_new(&broker->loop, config_text(config, CONFIG_LOOP));
    if (r < 0)
        return os_error("the event loop", r);
    r = signals_new(&broker->signals, broker->loop, &signals_handler, broker);
    if (r < 0)
        return os_error("signals", r);
    raise_descriptor_limit();
    broker->listen.loop = broker->loop;
    broker->listen.handler = &listener_handler;
    broker->listen.userdata = broker;
    return listen_open(&broker->listen, config);
}

/* Nobody has been served yet. */
static int give_up_privileges(const struct config *config)
{
    struct config_run_as who = config_run_as(config);
    if (config_is_set(config, CONFIG_RUN_AS)) {
        if (privileges_drop(who.uid, who.gid) < 0)
            return EXIT_OSERR;
        privileges_check_files(config);
    }
    enum syscalls_mode mode = (enum syscalls_mode)config_number(config, CONFIG_SECCOMP);
    return syscalls_restrict(mode) < 0 ? EXIT_OSERR : 0;
}

static int start_serving(struct broker *broker)
{
    int r = session_init(&broker->session, broker->loop, &broker->counters);
    if (r < 0)
        return os_error("the session layer", r);
    broker->session.net.let_in = let_in;
    broker->session.net.let_in_userdata = broker;
    r = broker_apply_config(broker, NULL, broker->reload.config);
    if (r < 0)
        return os_error("the policy", r);
    hoard_init(&broker->hoard, &broker->session);
    info_register(&broker->info, &broker->session, &broker->listen);
    reload_register(&broker->reload, &broker->session.sys);
    broker->drain_timer.fn = on_drain_limit;
    broker->log_timer.fn = on_log_timer;
    loop_set_hook(broker->loop, on_round, broker);
    return 0;
}

/* 0, or the exit code. */
static int start(struct broker *broker)
{
    int code = start_listening(broker);
    if (code == 0)
        code = give_up_privileges(broker->reload.config);
    return code == 0 ? start_serving(broker) : code;
}

static struct broker *broker_free(struct broker *broker)
{
    listen_close(&broker->listen);
    if (broker->session.loop)
        session_deinit(&broker->session);
    if (broker->loop) {
        hoard_deinit(&broker->hoard);
        loop_disarm(broker->loop, &broker->drain_timer);
        loop_disarm(broker->loop, &broker->log_timer);
    }
    if (broker->signals)
        signals_free(broker->signals);
    loop_free(broker->loop);
    reload_deinit(&broker->reload);
    free(broker);
    return NULL;
}

/* With the configuration that it is to have. 0, or the exit code. */
static int make(struct broker **ret, const struct options *options)
{
    struct broker *broker = calloc(1, sizeof *broker);
    if (!broker)
        return os_error("memory", -ENOMEM);
    reload_init(&broker->reload, &options->source, &reload_ops, broker);
    int r = reload_first(&broker->reload);
    if (r < 0) {
        broker_free(broker);
        return r == -ENOMEM ? EXIT_OSERR : EXIT_CONFIG;
    }
    *ret = broker;
    return 0;
}

int broker_main(const struct options *options)
{
    struct broker *broker = NULL;
    log_open(STDERR_FILENO, "brokerd", LOG_LEVEL_INFO);
    coredump_spare_payloads();
    int code = privileges_fence() < 0 ? EXIT_OSERR : make(&broker, options);
    if (code == 0)
        code = start(broker);
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
