#include "tests/live/wire_send.h"

#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"

void wire_await_read(int fd)
{
    const int64_t end_ns = kit_now_ns() + WIRE_PATIENCE_MS * INT64_C(1000000);
    int left = 1;

    while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0 && kit_now_ns() < end_ns)
        sched_yield();
}

void wire_send(int fd, const uint8_t *bytes, size_t len, size_t split)
{
    size_t at = 0;

    while (split != WIRE_AT_ONCE && at < len - 1 && (split == WIRE_BYTE_BY_BYTE || at < split)) {
        size_t n = split == WIRE_BYTE_BY_BYTE ? 1 : split;
        if (raw_try_send(fd, bytes + at, n, WIRE_PATIENCE_MS) < 0)
            return;
        wire_await_read(fd);
        at += n;
    }
    (void)raw_try_send(fd, bytes + at, len - at, WIRE_PATIENCE_MS);
}
