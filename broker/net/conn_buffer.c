/* The kernel's send buffer of a connection: how large it is, and that it is charged.
 *
 * What the peer does not read lies there, so it begins with what is basic of kernel-bytes. One
 * that was blocked, took something, and is blocked again has a stream to take, and gets as
 * much as its share allows; when it has not been blocked for a while the buffer is made small
 * again. That takes nothing back which was sent: it is charged for as long as the kernel
 * holds it.
 */
#include <sys/socket.h>

#include "broker/net/conn_internal.h"
#include "proto/transport/sys.h"

#define MS UINT64_C(1000000)

enum { BUFFER_MAX = 2 << 20, QUIET_MS = 1000 };

/* The kernel makes it twice as large (socket(7)). What it says then, or `n_bytes`. May fail, and
 * nothing is lost then. */
static uint32_t set_size(struct conn *conn, uint32_t n_bytes)
{
    int size = (int)(n_bytes / 2);
    if (sys_setsockopt_int(conn->io.fd, SOL_SOCKET, SO_SNDBUFFORCE, size) < 0)
        (void)sys_setsockopt_int(conn->io.fd, SOL_SOCKET, SO_SNDBUF, size);
    if (sys_getsockopt_int(conn->io.fd, SOL_SOCKET, SO_SNDBUF, &size) < 0 || size <= 0)
        return n_bytes;
    return (uint32_t)size;
}

void conn_buffer_start(struct conn *conn)
{
    struct account *account = &conn->account;
    uint32_t size = account_basic(account, QUOTA_KERNEL_BYTES);
    (void)account_set(account, QUOTA_KERNEL_BYTES, size, NULL);
    (void)sys_setsockopt_int(conn->io.fd, SOL_SOCKET, SO_SNDBUF, (int)(size / 2));
}

static uint32_t largest(uint64_t room)
{
    uint32_t size = BUFFER_MAX;
    while (size > room)
        size /= 2;
    return size;
}

/* The refusal is counted. */
static void refuse(struct conn *conn)
{
    uint32_t now = conn->account.use[QUOTA_KERNEL_BYTES];
    if (now < BUFFER_MAX &&
        account_set(&conn->account, QUOTA_KERNEL_BYTES, UINT64_C(2) * now, NULL) != STATUS_OK)
        (void)conn->net->ops->refused(conn, QUOTA_KERNEL_BYTES);
}

static void raise(struct conn *conn)
{
    struct account *account = &conn->account;
    uint32_t size = largest(account_room(account, QUOTA_KERNEL_BYTES));
    if (size <= account->use[QUOTA_KERNEL_BYTES]) {
        refuse(conn);
        return;
    }
    if (!conn_get_more(conn) || account_set(account, QUOTA_KERNEL_BYTES, size, NULL) != STATUS_OK)
        return;
    conn->more->has_buffer = true;
    uint32_t got = set_size(conn, size);
    if (got < size)
        (void)account_set(account, QUOTA_KERNEL_BYTES, got, NULL);
}

void conn_buffer_blocked(struct conn *conn, bool was_blocked)
{
    uint64_t now = loop_now_ns(conn->net->loop);
    if (was_blocked && conn->sent_ns == now)
        raise(conn);
    if (conn->more)
        conn->more->blocked_ns = now;
}

void conn_buffer_quiet(struct conn *conn)
{
    struct account *account = &conn->account;
    uint64_t quiet_ns = loop_now_ns(conn->net->loop) - conn->more->blocked_ns;
    if (!conn->more->has_buffer || conn->out.blocked || quiet_ns < QUIET_MS * MS)
        return;
    uint32_t size = account_basic(account, QUOTA_KERNEL_BYTES);
    (void)set_size(conn, size);
    int held = sys_outq(conn->io.fd);
    conn->more->has_buffer = held > 0 && (uint32_t)held > size;
    if (conn->more->has_buffer)
        size = (uint32_t)held;
    if (size < account->use[QUOTA_KERNEL_BYTES])
        (void)account_set(account, QUOTA_KERNEL_BYTES, size, NULL);
}
