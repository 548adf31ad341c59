/* A client in a libevent loop: loop_libevent 'lights.>' 3 */
#include "client/adapters/libevent.h"

#include "client/examples/loop_common.h"

static void quit(void *loop)
{
    event_base_loopbreak(loop);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct loop_example example = { .quit = quit, .loop = base };
    struct broker_libevent adapter;
    int r = loop_begin(&example, argc, argv);

    if (r != 0)
        return r;
    if (broker_libevent_attach(&adapter, example.b, base) == 0) {
        event_base_dispatch(base);
        broker_libevent_detach(&adapter);
    }
    r = loop_end(&example);
    event_base_free(base);
    return r;
}
