#include "broker/broker.h"
#include "broker/check.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

/* Started with a standard descriptor closed, a socket would take its number,
 * and the log would be written into it. Before anything else opens one. */
static void hold_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR); /* no close-on-exec: as they are */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* By itself glibc's malloc gives nothing back below twice the largest block
 * ever freed: one message of 16 MiB, and 32 MiB may stay. What queues copy is given back in any
 * order; in the heap, whatever lies above pins it. mallopt(3) */
static void bound_what_malloc_keeps(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

int main(int argc, char **argv)
{
    struct options options;
    hold_standard_descriptors();
    bound_what_malloc_keeps();
    int code = options_parse(&options, argc, argv);
    if (code >= 0)
        return code;
    return options.check ? check_config(&options) : broker_main(&options);
}
