/* Serves two things: a clock, answered inside the callback, and a kettle, which
 * takes its time and may be told that nobody waits any more.
 *
 *     server                 until it is interrupted
 *     server 3               three requests
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <brokerclient.h>

struct kitchen {
    broker *b;
    broker_request *tea; /* one at a time */
    time_t ready;
    long left; /* requests until we stop; negative: never */
};

static void count(struct kitchen *kitchen)
{
    if (kitchen->left > 0)
        kitchen->left--;
}

static void on_clock(broker_service *service, broker_request *request, void *userdata)
{
    time_t now = time(NULL);
    char text[32];
    size_t len = strftime(text, sizeof text, "%FT%TZ", gmtime(&now));

    (void)service;
    broker_reply(request, text, len, 0);
    count(userdata);
}

static void on_cancel(broker_request *request, int status, void *userdata)
{
    struct kitchen *kitchen = userdata;

    fprintf(stderr, "server: no tea: %s\n", broker_status_text(status));
    kitchen->tea = broker_request_drop(request);
}

/* Answered later: the request is ours until then. */
static void on_tea(broker_service *service, broker_request *request, void *userdata)
{
    struct kitchen *kitchen = userdata;
    static const char busy[] = "the kettle is on";

    (void)service;
    if (kitchen->tea) {
        broker_reply_error(request, 1, busy, strlen(busy), 0);
        count(kitchen);
        return;
    }
    kitchen->tea = request;
    kitchen->ready = time(NULL) + 2;
    broker_request_set_cancel_fn(request, on_cancel, kitchen);
}

static void pour(struct kitchen *kitchen)
{
    if (!kitchen->tea || time(NULL) < kitchen->ready)
        return;
    broker_reply(kitchen->tea, "tea", 3, 0);
    kitchen->tea = NULL;
    count(kitchen);
}

static int serve(struct kitchen *kitchen)
{
    broker *b = kitchen->b;
    int r = broker_connect(b, BROKER_DEFAULT);

    if (r == 0)
        r = broker_serve(b, NULL, "clock.now", NULL, on_clock, kitchen);
    if (r == 0)
        r = broker_serve(b, NULL, "kettle.tea", NULL, on_tea, kitchen);
    if (r == 0)
        r = broker_flush(b, BROKER_DEFAULT);
    if (r == 0)
        fprintf(stderr, "server: ready\n");
    while (r >= 0 && kitchen->left != 0) {
        r = broker_wait(b, 100);
        pour(kitchen);
    }
    return r;
}

int main(int argc, char **argv)
{
    struct kitchen kitchen = { .left = argc > 1 ? strtol(argv[1], NULL, 10) : -1 };
    int r = broker_new(&kitchen.b, NULL);

    if (r < 0)
        return 1;
    r = serve(&kitchen);
    if (r < 0)
        fprintf(stderr, "server: %s\n", broker_error_text(kitchen.b));
    broker_close(kitchen.b, BROKER_DEFAULT);
    broker_free(kitchen.b);
    return r < 0 ? broker_status_exit_code(r) : 0;
}
