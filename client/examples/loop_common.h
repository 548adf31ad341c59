/* What the examples of the loops share: a subscription, printed, and an end
 * after so many messages.
 */
#ifndef EXAMPLES_LOOP_COMMON_H
#define EXAMPLES_LOOP_COMMON_H

#include <stdio.h>
#include <stdlib.h>

#include <brokerclient.h>

struct loop_example {
    broker *b;
    long left;
    void (*quit)(void *loop); /* ends the loop */
    void *loop;
};

static inline void loop_on_message(broker_subscription *sub, const broker_message *m,
                                   void *userdata)
{
    struct loop_example *example = userdata;
    size_t len;

    (void)sub;
    broker_message_payload(m, &len);
    printf("%s: %zu bytes\n", broker_message_subject(m, NULL), len);
    fflush(stdout);
    if (--example->left == 0)
        example->quit(example->loop);
}

static inline void loop_on_event(broker *b, const struct broker_event *event, void *userdata)
{
    (void)b;
    (void)userdata;
    if (event->kind == BROKER_EVENT_CONNECTED)
        fprintf(stderr, "connected to %s\n", event->text);
    else if (event->kind == BROKER_EVENT_DISCONNECTED)
        fprintf(stderr, "not connected: %s\n", event->text);
}

/* Does not connect: the loop will. 0, or an exit code. */
static inline int loop_begin(struct loop_example *example, int argc, char **argv)
{
    int r;

    if (argc < 3 || broker_new(&example->b, NULL) < 0) {
        fprintf(stderr, "usage: %s PATTERN COUNT\n", argv[0]);
        return 64;
    }
    example->left = strtol(argv[2], NULL, 10);
    broker_set_event_fn(example->b, loop_on_event, NULL);
    r = broker_subscribe(example->b, NULL, argv[1], NULL, loop_on_message, example);
    if (r == 0)
        return 0;
    fprintf(stderr, "%s: %s\n", argv[1], broker_error_text(example->b));
    broker_free(example->b);
    return broker_status_exit_code(r);
}

static inline int loop_end(struct loop_example *example)
{
    int r = broker_close(example->b, BROKER_DEFAULT);

    broker_free(example->b);
    return broker_status_exit_code(r);
}

#endif
