#include "broker/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"
#include "proto/transport/sys.h"
#include "proto/transport/unix_socket.h"

static const uint64_t PAUSE_NS = (uint64_t)LISTENER_PAUSE_MS * 1000000;

/* A connection that waits holds no more than the kernel's backlog; this ends a
 * walk through it while new ones keep coming. */
enum { REFUSE_MAX = 65536 };

/* What a refused client sent already, up to a HELLO: unread, it would turn its
 * goodbye into a reset. */
enum { REFUSE_DRAIN = 4096 };

struct listener {
    struct loop_fd entry;
    struct timer pause;
    struct loop *loop;
    const struct listener_handler *handler;
    void *userdata;
    struct sockpath *path; /* NULL: not ours to remove */
    int fd;
    int spare;   /* a descriptor to give up at the limit; -1: lost it */
    bool *freed; /* told of the end, while a callback may run */
    char *name;
};

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* -- refusing ------------------------------------------------------------ */

static void refuse(const struct listener *listener, int fd, int status)
{
    char unread[REFUSE_DRAIN];

    if (listener->handler->refused)
        listener->handler->refused(listener->userdata, fd, status);
    (void)sys_shutdown(fd, SHUT_WR);
    (void)sys_recv(fd, unread, sizeof(unread));
    sys_close(fd);
}

/* At the limit the spare makes room for just one. 0, or -errno if not even so. */
static int refuse_next(struct listener *listener)
{
    int fd;

    if (listener->spare < 0)
        listener->spare = open_spare();
    if (listener->spare < 0)
        return -EMFILE;
    listener->spare = sys_close(listener->spare);
    fd = sys_accept(listener->fd);
    if (fd >= 0)
        refuse(listener, fd, STATUS_NO_DESCRIPTORS);
    listener->spare = open_spare();
    return fd < 0 ? fd : 0;
}

void listener_refuse_waiting(struct listener *listener, int status)
{
    for (int i = 0; i < REFUSE_MAX; i++) {
        int fd = sys_accept(listener->fd);

        if (fd == -ECONNABORTED)
            continue;
        if ((fd == -EMFILE || fd == -ENFILE) && refuse_next(listener) == 0)
            continue;
        if (fd < 0)
            return;
        refuse(listener, fd, status);
    }
}

/* -- accepting ----------------------------------------------------------- */

static void on_pause_over(struct timer *timer, uint64_t now_ns)
{
    struct listener *listener =
        (struct listener *)((char *)timer - offsetof(struct listener, pause));

    if (listener->spare < 0)
        listener->spare = open_spare();
    if (loop_mod(listener->loop, &listener->entry, LOOP_IN) < 0)
        (void)loop_arm(listener->loop, timer, now_ns + PAUSE_NS);
}

/* Level-triggered, a backlog that cannot be emptied would make the loop spin. */
static void pause_accepting(struct listener *listener)
{
    uint64_t when_ns = loop_now_ns(listener->loop) + PAUSE_NS;

    if (loop_arm(listener->loop, &listener->pause, when_ns) == 0)
        (void)loop_mod(listener->loop, &listener->entry, LOOP_NONE);
}

/* What to do about accept4(2)'s errno: whether to go on in this round. At the
 * limit it says EMFILE also when nobody waits, which only the spare can tell. */
static bool survive(struct listener *listener, int error)
{
    if (error == -EMFILE || error == -ENFILE)
        error = refuse_next(listener);
    switch (error) {
    case 0:
    case -ECONNABORTED: /* that one left while it waited */
    case -EPROTO:
    case -EPERM: /* a firewall's, or a security module's, word about that one */
    case -ENETDOWN: /* and what else accept(2) passes on, to be taken for "the next, please" */
    case -ENOPROTOOPT:
    case -EHOSTDOWN:
    case -ENONET:
    case -EHOSTUNREACH:
    case -EOPNOTSUPP:
    case -ENETUNREACH:
        return true;
    case -EAGAIN:
        return false;
    default: /* ENOMEM, ENOBUFS, what nobody thought of */
        pause_accepting(listener);
        return false;
    }
}

void listener_accept(struct listener *listener, uint64_t until_ns)
{
    bool freed = false;
    bool go_on = true;

    listener->freed = &freed;
    for (int i = 0; i < LISTENER_ACCEPTS && go_on && !freed; i++) {
        int fd = sys_accept(listener->fd);

        if (fd >= 0)
            listener->handler->accepted(listener->userdata, fd, listener);
        else
            go_on = survive(listener, fd);
        go_on = go_on && loop_clock_ns() < until_ns;
    }
    if (!freed)
        listener->freed = NULL;
}

static void on_connection(struct loop_fd *entry, unsigned events)
{
    struct listener *listener =
        (struct listener *)((char *)entry - offsetof(struct listener, entry));

    (void)events;
    if (listener->handler->waiting)
        listener->handler->waiting(listener->userdata, listener);
    else
        listener_accept(listener, loop_clock_ns() + LISTENER_NS);
}

/* -- making one ---------------------------------------------------------- */

static int open_path(struct listener *listener, const struct address *address,
                     const struct sockpath_options *options, struct setup_error *error)
{
    return sockpath_new(&listener->path, &listener->fd, address->name, options, error);
}

static int open_abstract(struct listener *listener, const struct address *address,
                         struct setup_error *error)
{
    int fd = unix_bind(address);

    if (fd == -EADDRINUSE)
        return setup_fail(error, fd, "%s is in use by another process", listener->name);
    if (fd < 0)
        return setup_fail(error, fd, "cannot bind %s: %s", listener->name, strerror(-fd));
    listener->fd = fd;
    return 0;
}

static int open_address(struct listener *listener, const struct address *address,
                        const struct sockpath_options *options, struct setup_error *error)
{
    int r = -EAFNOSUPPORT;

    if (address->kind == ADDRESS_PATH)
        r = open_path(listener, address, options, error);
    else if (address->kind == ADDRESS_ABSTRACT)
        r = open_abstract(listener, address, error);
    else
        setup_fail(error, r, "%s: this broker listens on unix addresses only", listener->name);
    if (r < 0)
        return r;
    r = unix_listen(listener->fd);
    return r < 0 ? setup_fail(error, r, "cannot listen on %s: %s", listener->name, strerror(-r))
                 : 0;
}

/* The common last step: into the loop, and out to the caller. */
static int start(struct listener **ret, struct listener *listener, struct setup_error *error)
{
    int r;

    listener->spare = open_spare();
    listener->pause.fn = on_pause_over;
    r = loop_add(listener->loop, &listener->entry, listener->fd, LOOP_IN, on_connection);
    if (r < 0)
        return setup_fail(error, r, "cannot wait for connections on %s: %s", listener->name,
                          strerror(-r));
    *ret = listener;
    return 0;
}

static struct listener *listener_alloc(struct loop *loop, const char *name,
                                       const struct listener_handler *handler, void *userdata,
                                       struct setup_error *error)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    char *copy = strdup(name);

    if (!listener || !copy) {
        setup_fail(error, -ENOMEM, "out of memory");
        free(listener);
        free(copy);
        return NULL;
    }
    *listener = (struct listener){
        .loop = loop,
        .handler = handler,
        .userdata = userdata,
        .name = copy,
        .fd = -1,
        .spare = -1,
    };
    return listener;
}

int listener_new(struct listener **ret, struct loop *loop, const struct address *address,
                 const struct sockpath_options *options, const struct listener_handler *handler,
                 void *userdata, struct setup_error *error)
{
    char name[ADDRESS_TEXT_MAX] = "?";
    struct listener *listener;
    int r;

    (void)address_format(address, name, sizeof(name));
    listener = listener_alloc(loop, name, handler, userdata, error);
    if (!listener)
        return -ENOMEM;
    r = open_address(listener, address, options, error);
    if (r == 0)
        r = start(ret, listener, error);
    if (r < 0)
        listener_free(listener);
    return r;
}

static int check_adopted(int fd, const char *name, struct setup_error *error)
{
    int domain = 0, type = 0, listening = 0;
    int r = sys_getsockopt_int(fd, SOL_SOCKET, SO_DOMAIN, &domain);

    if (r < 0)
        return setup_fail(error, r, "inherited descriptor %d (%s) is no socket", fd, name);
    if (sys_getsockopt_int(fd, SOL_SOCKET, SO_TYPE, &type) < 0 || domain != AF_UNIX ||
        type != SOCK_STREAM)
        return setup_fail(error, -EPROTOTYPE,
                          "inherited socket %d (%s) is no AF_UNIX stream (ListenStream=/path)", fd,
                          name);
    if (sys_getsockopt_int(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening) < 0 || !listening)
        return setup_fail(
            error, -EINVAL,
            "inherited socket %d (%s) does not listen (Accept=yes does not work here)", fd, name);
    return 0;
}

/* The flag belongs to the open socket and was the opener's choice; accept4(2)
 * that sleeps would stop the broker. */
static int make_nonblocking(int fd, const char *name, struct setup_error *error)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return setup_fail(error, -errno, "cannot set up inherited socket %d (%s): %m", fd, name);
    return 0;
}

int listener_adopt(struct listener **ret, struct loop *loop, int fd, const char *name,
                   const struct listener_handler *handler, void *userdata,
                   struct setup_error *error)
{
    struct listener *listener;
    int r = check_adopted(fd, name, error);

    if (r == 0)
        r = make_nonblocking(fd, name, error);
    if (r < 0)
        return r;
    listener = listener_alloc(loop, name, handler, userdata, error);
    if (!listener)
        return -ENOMEM;
    listener->fd = fd;
    r = start(ret, listener, error);
    if (r < 0) {
        listener->fd = -1; /* stays the caller's */
        listener_free(listener);
    }
    return r;
}

struct listener *listener_free(struct listener *listener)
{
    if (!listener)
        return NULL;
    if (listener->freed)
        *listener->freed = true;
    loop_del(listener->loop, &listener->entry);
    loop_disarm(listener->loop, &listener->pause);
    sockpath_free(listener->path);
    sys_close(listener->fd);
    sys_close(listener->spare);
    free(listener->name);
    free(listener);
    return NULL;
}

const char *listener_name(const struct listener *listener)
{
    return listener->name;
}
