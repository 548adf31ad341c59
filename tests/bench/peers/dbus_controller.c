#include "tests/bench/peers/dbus_controller.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/bus.h"

#define BACKLOG 4096

/*
 * A policy as AddListener takes it (dbus-broker's src/bus/policy.c): batches for each user, then for ranges of users
 * or groups, the SELinux contexts of names, whether AppArmor is asked, and the type of the bus. A batch is whether
 * one may connect, then the rules for owning a name, sending and receiving. All of them start with a verdict and its
 * priority; the highest wins. An own rule goes on with whether the name that follows is a prefix; the others with
 * name, path, interface, member, type, whether broadcast, and how many descriptors, from and to.
 */
#define OWN_RULE  "btbs"
#define SEND_RULE "btssssuutt"
#define BATCH     "bta(" OWN_RULE ")a(" SEND_RULE ")a(" SEND_RULE ")"
#define POLICY    "(a(u(" BATCH "))a(buu(" BATCH "))a(ss)bs)"

#define ANY_USER   UINT32_MAX
#define ALLOW      1, UINT64_C(1)
#define ALLOW_OWN  ALLOW, 1, ""
#define ALLOW_SEND ALLOW, "", "", "", "", 0, 0, UINT64_C(0), UINT64_MAX
#define NO_ENTRIES 0

static int listen_at(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (strlen(path) >= sizeof(at.sun_path))
        bench_die("%s: too long", path);
    strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0)
        bench_die("%s: %s", path, strerror(errno));
    return fd;
}

/* One batch, of one rule each: everybody may connect, own any name, send and receive anything. */
static void policy_append(sd_bus_message *call)
{
    bus_check(sd_bus_message_append(call, "v", POLICY, 1, ANY_USER, ALLOW, 1, ALLOW_OWN, 1,
                                    ALLOW_SEND, 1, ALLOW_SEND, NO_ENTRIES, NO_ENTRIES, 0,
                                    "session"),
              "policy");
}

static void listener_add(sd_bus *bus, int listener_fd)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *call;

    bus_check(sd_bus_message_new_method_call(bus, &call, NULL, "/org/bus1/DBus/Broker",
                                             "org.bus1.DBus.Broker", "AddListener"),
              "call");
    bus_check(sd_bus_message_append(call, "oh", "/org/bus1/DBus/Listener/0", listener_fd),
              "listener");
    policy_append(call);
    if (sd_bus_call(bus, call, 0, &error, NULL) < 0)
        bench_die("AddListener: %s", error.message);
    sd_bus_message_unref(call);
}

static void controller_run(int broker_fd, int listener_fd)
{
    sd_bus *bus;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bus_check(sd_bus_new(&bus), "new");
    bus_check(sd_bus_set_fd(bus, broker_fd, broker_fd), "fd");
    bus_check(sd_bus_start(bus), "start");
    listener_add(bus, listener_fd);
    for (;;) {
        int n = sd_bus_process(bus, NULL);
        bus_check(n, "process");
        if (n == 0)
            bus_check(sd_bus_wait(bus, UINT64_MAX), "wait");
    }
}

void dbus_broker_become(const char *path)
{
    int listener_fd = listen_at(path);
    int pair[2];
    char fd_text[16];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        bench_die("socketpair: %s", strerror(errno));
    const pid_t controller = fork();
    if (controller < 0)
        bench_die("fork: %s", strerror(errno));
    if (controller == 0) {
        close(pair[1]);
        controller_run(pair[0], listener_fd);
    }
    close(pair[0]);
    snprintf(fd_text, sizeof(fd_text), "%d", pair[1]);
    execlp("dbus-broker", "dbus-broker", "--controller", fd_text, "--machine-id",
           "0123456789abcdef0123456789abcdef", "--max-bytes", "2147483647", "--max-fds", "1000000",
           "--max-matches", "100000000", "--max-objects", "100000000", NULL);
    bench_die("dbus-broker: %s", strerror(errno));
}
