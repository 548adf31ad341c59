/* A client in a poll(2) loop of its own.
 *
 *     loop_poll 'lights.>' 3
 */
#include "client/adapters/poll.h"

#include "client/examples/loop_common.h"

static void quit(void *loop)
{
    *(int *)loop = 0;
}

int main(int argc, char **argv)
{
    int running = 1;
    struct loop_example example = { .quit = quit, .loop = &running };
    int r = loop_begin(&example, argc, argv);

    if (r != 0)
        return r;
    while (running) {
        struct pollfd fds[1];

        broker_poll_prepare(example.b, &fds[0]);
        poll(fds, 1, broker_poll_timeout(example.b, -1));
        if (broker_poll_process(example.b, &fds[0]) < 0)
            break;
    }
    return loop_end(&example);
}
