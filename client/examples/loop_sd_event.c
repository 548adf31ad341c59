/* A client in an sd-event loop: loop_sd_event 'lights.>' 3 */
#include "client/adapters/sd-event.h"

#include "client/examples/loop_common.h"

static void quit(void *loop)
{
    sd_event_exit(loop, 0);
}

int main(int argc, char **argv)
{
    sd_event *event = NULL;
    struct loop_example example = { .quit = quit };
    struct broker_sd_event adapter;
    int r = loop_begin(&example, argc, argv);

    if (r != 0)
        return r;
    if (sd_event_new(&event) >= 0 && broker_sd_event_attach(&adapter, example.b, event) >= 0) {
        example.loop = event;
        sd_event_loop(event);
        broker_sd_event_detach(&adapter);
    }
    r = loop_end(&example);
    sd_event_unref(event);
    return r;
}
