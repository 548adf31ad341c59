/* A client in a libev loop: loop_libev 'lights.>' 3 */
#include "client/adapters/libev.h"

#include "client/examples/loop_common.h"

static void quit(void *loop)
{
    ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct loop_example example = { .quit = quit, .loop = loop };
    struct broker_libev adapter;
    int r = loop_begin(&example, argc, argv);

    if (r != 0)
        return r;
    broker_libev_attach(&adapter, example.b, loop);
    ev_run(loop, 0);
    broker_libev_detach(&adapter);
    r = loop_end(&example);
    ev_loop_destroy(loop);
    return r;
}
