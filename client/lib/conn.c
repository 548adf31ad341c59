#include "client/lib/conn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/input.h"
#include "client/lib/output.h"
#include "client/lib/text.h"
#include "proto/transport/sys.h"
#include "proto/transport/unix_socket.h"

enum {
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 5000,
    BACKLOG_MS = 10,  /* the broker lives, its backlog is full */
    SETTLED_MS = 1000 /* a connection that held so long is worth a retry at once */
};

/* ±50 %, so that a thousand clients of one broker do not come back as one. */
static uint64_t jitter_ns(broker *b, uint32_t ms)
{
    uint64_t ns = ms * NS_PER_MS;

    b->random = b->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ns / 2 + (b->random >> 32) * ns / UINT32_MAX;
}

static void plan_retry(broker *b)
{
    b->backoff_ms = b->backoff_ms ? b->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (b->backoff_ms > BACKOFF_MOST_MS)
        b->backoff_ms = BACKOFF_MOST_MS;
    b->retry_ns = deadline_now() + jitter_ns(b, b->backoff_ms);
}

/* The socket is out of use, but its number is not given back yet (handle.h). */
static void drop_socket(broker *b)
{
    if (b->fd < 0)
        return;
    sys_shutdown(b->fd, SHUT_RDWR);
    sys_close(b->dead_fd);
    b->dead_fd = b->fd;
    b->fd = -1;
    inbox_cut(&b->in);
    outbox_reset(&b->out);
}

/* Of several addresses the refusal of one says more than that another is not
 * there. */
static void attempt_failed(broker *b, int status, bool may_retry, const char *reason)
{
    size_t len = strlen(b->reasons);

    snprintf(b->reasons + len, sizeof b->reasons - len, "%s%s: %s", len > 0 ? "; " : "", b->url,
             reason);
    if (b->attempt_status == 0 || b->attempt_status == BROKER_E_UNREACHABLE)
        b->attempt_status = status;
    b->may_retry = may_retry && b->attempt_status == BROKER_E_UNREACHABLE;
}

static int connect_status(int error)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
        return BROKER_E_DENIED;
    case -EAGAIN:
    case -ENOENT:
    case -ENOTDIR:
    case -ECONNREFUSED:
        return BROKER_E_UNREACHABLE;
    case -EAFNOSUPPORT:
        return BROKER_E_UNSUPPORTED;
    default:
        return BROKER_E_SYSTEM;
    }
}

static const char *connect_reason(int error)
{
    switch (error) {
    case -EAGAIN:
        return "too many others wait to be let in";
    case -EAFNOSUPPORT:
        return "only unix: is supported yet";
    default:
        return strerror(-error);
    }
}

static void fail_connect(broker *b, int error)
{
    int status = connect_status(error);

    if (error == -EAGAIN)
        b->retry_ns = deadline_now() + jitter_ns(b, BACKLOG_MS);
    attempt_failed(b, status, status == BROKER_E_UNREACHABLE, connect_reason(error));
    handle_fail(b, status, "cannot reach a broker at %s: %s", b->url, connect_reason(error));
}

static void fail_trust(broker *b, const char *reason)
{
    attempt_failed(b, BROKER_E_UNTRUSTED_BROKER, false, reason);
    handle_fail(b, BROKER_E_UNTRUSTED_BROKER, "the broker at %s %s", b->url, reason);
}

/* Who listens there must be root, ourselves, or whom the URL names: else a
 * stranger who was quicker to bind the name would get everything we send. */
static bool is_trusted(broker *b, int fd, const struct address *address)
{
    struct ucred peer = { .uid = (uid_t)-1 };
    socklen_t len = sizeof peer;
    int r = sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    uid_t own = geteuid();
    char reason[160];

    if (r == 0 &&
        (address->has_uid ? peer.uid == address->uid : peer.uid == 0 || peer.uid == own))
        return true;
    if (r < 0)
        snprintf(reason, sizeof reason, "runs as nobody knows whom: %s", strerror(-r));
    else if (address->has_uid)
        snprintf(reason, sizeof reason, "runs as uid %u; trusted is only uid %u, by its ?uid=%u",
                 peer.uid, address->uid, address->uid);
    else
        snprintf(reason, sizeof reason,
                 "runs as uid %u; trusted are root and your own uid %u (name another with ?uid=%u)",
                 peer.uid, own, peer.uid);
    fail_trust(b, reason);
    return false;
}

static bool try_address(broker *b, const struct address *address)
{
    int fd;

    address_format(address, b->url, sizeof b->url);
    fd = unix_connect(address);
    if (fd < 0) {
        fail_connect(b, fd);
        return false;
    }
    if (!is_trusted(b, fd, address)) {
        sys_close(fd);
        return false;
    }
    b->fd = fd;
    return true;
}

static void fail_url(broker *b, const struct address_error *error)
{
    const char *url = secure_getenv("BROKER_URL");
    char text[TEXT_MAX];

    text_copy(text, &(struct piece){ url, url ? strlen(url) : 0 }, BROKER_E_BAD_ADDRESS);
    handle_fail(b, BROKER_E_BAD_ADDRESS, "BROKER_URL is no address: %s (at byte %zu of '%s')",
                error->why, error->at, text);
}

static void fail_memory(broker *b)
{
    attempt_failed(b, BROKER_E_NO_MEMORY, false, "");
    handle_fail(b, BROKER_E_NO_MEMORY, "no memory to connect");
}

static bool find_addresses(broker *b)
{
    struct address_error error = { 0, "it cannot be read" };
    int r = 0;

    if (b->options.addresses.n > 0)
        b->addresses = b->options.addresses;
    else
        r = default_path_client(&b->addresses, b->options.scope, &error);
    if (r == 0)
        return true;
    attempt_failed(b, BROKER_E_BAD_ADDRESS, false, "");
    if (r == -EINVAL)
        fail_url(b, &error);
    else
        handle_fail(b, BROKER_E_BAD_ADDRESS, "cannot look for the user's broker: %s",
                    r == -ENXIO ? "XDG_RUNTIME_DIR is not set"
                                : "the path below XDG_RUNTIME_DIR is longer than 107 bytes");
    return false;
}

/* No address did. Told once, as a connection that was lost would be. */
static void attempt_over(broker *b)
{
    struct loss *loss = b->next_loss;

    b->n_tried = 0;
    if (b->addresses.n > 1)
        handle_fail(b, b->attempt_status, "cannot reach a broker at %s", b->reasons);
    if (b->retry_ns <= deadline_now())
        plan_retry(b);
    if (b->connecting || b->told_down || !loss)
        return;
    b->next_loss = NULL;
    b->told_down = true;
    loss->status = b->attempt_status;
    loss->for_good = !b->options.reconnect;
    snprintf(loss->text, sizeof loss->text, "%.*s", TEXT_MAX - 1, b->error);
    loss_add(b, loss);
    if (loss->for_good)
        handle_state(b, STATE_CLOSED);
}

static void attempt(broker *b)
{
    if (!b->next_loss)
        b->next_loss = loss_new();
    if (b->n_tried == 0) {
        b->attempt_status = 0;
        b->reasons[0] = '\0';
        if (!b->next_loss)
            fail_memory(b);
        else if (!find_addresses(b))
            b->addresses.n = 0;
    }
    while (b->next_loss && b->n_tried < b->addresses.n) {
        if (try_address(b, &b->addresses.at[b->n_tried++])) {
            greet_start(b);
            return;
        }
    }
    attempt_over(b);
}

void conn_step(broker *b)
{
    if (b->state == STATE_IDLE && deadline_now() >= b->retry_ns)
        attempt(b);
    else if (b->state == STATE_GREETING && deadline_over(b->greet_ns))
        conn_lost(b, BROKER_E_TIMEOUT, "the broker at %s did not answer in time", b->url);
}

uint64_t conn_deadline(const broker *b)
{
    switch (b->state) {
    case STATE_IDLE:
        return b->retry_ns;
    case STATE_GREETING:
        return b->greet_ns;
    default:
        return DEADLINE_NEVER;
    }
}

/* What was sent and what was not, as far as this side can know. */
static void judge(broker *b, struct loss *loss)
{
    uint64_t sent;

    loss->n_not_sent = outbox_unsent(&b->out);
    if (loss->n_not_sent >= b->posting)
        loss->n_not_sent -= b->posting; /* broker_publish itself will say so */
    sent = b->n_published - loss->n_not_sent;
    loss->n_unknown = sent > b->n_confirmed ? sent - b->n_confirmed : 0;
    loss->next_base = b->n_published;
    loss->epoch = b->epoch;
    loss->was_open = true;
    calls_lost(b, b->out.sent);
    regs_lost(b);
}

static void lost_open(broker *b, int status)
{
    struct loss *loss = b->next_loss;
    bool for_good = b->state == STATE_LEAVING || !b->options.reconnect;

    b->next_loss = NULL;
    judge(b, loss);
    loss->status = status;
    loss->for_good = for_good;
    snprintf(loss->text, sizeof loss->text, "%.*s", TEXT_MAX - 1, b->error);
    b->lost_sent = b->out.sent;
    drop_socket(b);
    loss_add(b, loss);
    b->epoch++;
    b->told_down = true;
    handle_state(b, for_good ? STATE_CLOSED : STATE_IDLE);
    if (deadline_now() - b->opened_ns < SETTLED_MS * NS_PER_MS) {
        plan_retry(b);
    } else {
        b->backoff_ms = 0;
        b->retry_ns = 0;
    }
}

void conn_lost(broker *b, int status, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    if (b->fd < 0)
        return;
    if (b->state == STATE_LEAVING && status == BROKER_E_VANISHED)
        status = BROKER_E_LEFT;
    va_start(args, format);
    if (format)
        vsnprintf(text, sizeof text, format, args);
    va_end(args);
    handle_fail(b, status, "%s", format ? text : broker_status_text(status));
    if (b->state != STATE_GREETING) {
        lost_open(b, status);
        return;
    }
    drop_socket(b);
    attempt_failed(b, status, false, b->error);
    handle_state(b, STATE_IDLE);
    b->retry_ns = 0; /* the next address */
    if (b->n_tried >= b->addresses.n)
        attempt_over(b);
}

void conn_close(broker *b, int status, const char *text)
{
    struct loss *loss = b->next_loss ? b->next_loss : loss_new();

    drop_socket(b);
    b->next_loss = NULL;
    handle_state(b, STATE_CLOSED);
    if (!loss)
        return;
    loss->status = status;
    loss->for_good = true;
    snprintf(loss->text, sizeof loss->text, "%s", text);
    loss_add(b, loss);
}
