#include "proto/transport/unix_socket.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "proto/transport/sys.h"

int unix_sockaddr(struct sockaddr_un *ret, const struct address *address)
{
    size_t len = strlen(address->name);
    size_t lead = address->kind == ADDRESS_ABSTRACT; /* a NUL in front */

    if (!address_is_unix(address))
        return -EAFNOSUPPORT;
    if (len == 0)
        return -EINVAL;
    if (len > ADDRESS_PATH_MAX)
        return -ENAMETOOLONG;
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(ret->sun_path + lead, address->name, len);
    /* An abstract name ends where the length says, a path at its NUL. */
    return (int)(offsetof(struct sockaddr_un, sun_path) + len + 1);
}

static int open_with(const struct address *address,
                     int (*use)(int fd, const struct sockaddr *addr, socklen_t len))
{
    struct sockaddr_un addr;
    int len = unix_sockaddr(&addr, address);
    int fd, r;

    if (len < 0)
        return len;
    fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return fd;
    r = use(fd, (const struct sockaddr *)&addr, (socklen_t)len);
    if (r < 0) {
        sys_close(fd);
        return r;
    }
    return fd;
}

int unix_connect(const struct address *address)
{
    int r;

    /* A non-blocking connect on AF_UNIX never sleeps but for a lock; whatever
     * interrupted it, this socket was not connected. */
    do
        r = open_with(address, sys_connect);
    while (r == -EINTR);
    return r;
}

int unix_bind(const struct address *address)
{
    return open_with(address, sys_bind);
}

int unix_listen(int fd)
{
    return sys_listen(fd, INT_MAX); /* the kernel lowers it to net.core.somaxconn */
}
