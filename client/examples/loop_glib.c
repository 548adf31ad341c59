/* A client in a GLib main loop: loop_glib 'lights.>' 3 */
#include "client/adapters/glib.h"

#include "client/examples/loop_common.h"

static void quit(void *loop)
{
    g_main_loop_quit(loop);
}

int main(int argc, char **argv)
{
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    struct loop_example example = { .quit = quit, .loop = loop };
    GSource *source;
    int r = loop_begin(&example, argc, argv);

    if (r != 0)
        return r;
    source = broker_glib_attach(example.b, NULL);
    g_main_loop_run(loop);
    broker_glib_detach(source);
    r = loop_end(&example);
    g_main_loop_unref(loop);
    return r;
}
