#include "broker/net/inherited.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD

#    include <systemd/sd-daemon.h>

/* An array of `n` from libsystemd's names, which are then the array's. */
static struct inherited *make_list(char **names, size_t n)
{
    struct inherited *list = calloc(n, sizeof(*list));

    for (size_t i = 0; list && i < n; i++)
        list[i] = (struct inherited){ .fd = SD_LISTEN_FDS_START + (int)i, .name = names[i] };
    return list;
}

static void free_names(char **names)
{
    for (char **name = names; name && *name; name++)
        free(*name);
    free(names);
}

int inherited_take(struct inherited **ret, struct setup_error *error)
{
    char **names = NULL;
    struct inherited *list;
    int n = sd_listen_fds_with_names(1, &names);

    if (n < 0)
        return setup_fail(error, n, "cannot take the sockets of LISTEN_FDS: %s", strerror(-n));
    if (n == 0) {
        free_names(names);
        return 0;
    }
    list = make_list(names, (size_t)n);
    if (!list) {
        free_names(names);
        return setup_fail(error, -ENOMEM, "out of memory");
    }
    free(names); /* the array; its strings moved into the list */
    *ret = list;
    return n;
}

#else

/* LISTEN_PID says who is meant: variables that a parent left are not for us. */
int inherited_take(struct inherited **ret, struct setup_error *error)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");

    (void)ret;
    if (!pid || !fds || strtol(pid, NULL, 10) != (long)getpid() || strtol(fds, NULL, 10) <= 0)
        return 0;
    return setup_fail(
        error, -EOPNOTSUPP,
        "LISTEN_FDS hands over %s sockets, but this brokerd was built without systemd "
        "support",
        fds);
}

#endif

struct inherited *inherited_free(struct inherited *list, size_t n)
{
    for (size_t i = 0; list && i < n; i++)
        free(list[i].name);
    free(list);
    return NULL;
}
