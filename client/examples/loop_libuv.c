/* A client in a libuv loop: loop_libuv 'lights.>' 3 */
#include "client/adapters/libuv.h"

#include "client/examples/loop_common.h"

static void quit(void *loop)
{
    uv_stop(loop);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct loop_example example = { .quit = quit, .loop = loop };
    struct broker_libuv *adapter;
    int r = loop_begin(&example, argc, argv);

    if (r != 0)
        return r;
    adapter = broker_libuv_attach(example.b, loop);
    if (adapter) {
        uv_run(loop, UV_RUN_DEFAULT);
        broker_libuv_detach(adapter);
        uv_run(loop, UV_RUN_DEFAULT); /* closes what is to be closed */
    }
    r = loop_end(&example);
    uv_loop_close(loop);
    return r;
}
