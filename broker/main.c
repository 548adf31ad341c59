#include "broker/broker.h"

#include <fcntl.h>
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

int main(int argc, char **argv)
{
    struct options options;
    hold_standard_descriptors();
    int code = options_parse(&options, argc, argv);
    return code >= 0 ? code : broker_main(&options);
}
