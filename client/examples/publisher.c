/* Publishes each argument, or each line of its input, and waits until the
 * broker has routed them.
 *
 *     publisher lights.hall on off
 *     journalctl -f -o cat | publisher log.journal
 */
#include <stdio.h>
#include <string.h>

#include <brokerclient.h>

static int complain(const broker *b, const char *what, int64_t status)
{
    fprintf(stderr, "publisher: %s: %s\n", what, broker_error_text(b));
    return broker_status_exit_code((int)status);
}

/* What the broker refuses, it refuses later, by the messages' numbers. */
static void on_event(broker *b, const struct broker_event *event, void *userdata)
{
    (void)b;
    if (event->kind != BROKER_EVENT_REFUSED)
        return;
    fprintf(stderr, "publisher: messages %llu to %llu were refused: %s\n",
            (unsigned long long)event->first, (unsigned long long)event->last, event->text);
    *(int *)userdata = broker_status_exit_code(event->status);
}

static int64_t publish_lines(broker *b, const char *subject)
{
    char line[4096];
    int64_t r = 0;

    while (r >= 0 && fgets(line, sizeof line, stdin))
        r = broker_publish(b, subject, line, strcspn(line, "\n"), 0);
    return r;
}

static int64_t publish_all(broker *b, int argc, char **argv)
{
    int64_t r = 0;

    if (argc == 2)
        return publish_lines(b, argv[1]);
    broker_cork(b); /* they leave together */
    for (int i = 2; r >= 0 && i < argc; i++)
        r = broker_publish(b, argv[1], argv[i], strlen(argv[i]), 0);
    if (r >= 0)
        r = broker_uncork(b);
    return r;
}

int main(int argc, char **argv)
{
    int exit_code = 0;
    broker *b;
    int64_t r;

    if (argc < 2 || broker_new(&b, NULL) < 0) {
        fprintf(stderr, "usage: publisher SUBJECT [PAYLOAD]...\n");
        return 64;
    }
    broker_set_event_fn(b, on_event, &exit_code);
    r = broker_connect(b, BROKER_DEFAULT);
    if (r == 0)
        r = publish_all(b, argc, argv);
    if (r >= 0)
        r = broker_flush(b, BROKER_DEFAULT);
    if (r < 0)
        exit_code = complain(b, argv[1], r);
    while (broker_process(b) > 0) /* what came meanwhile */
        ;
    broker_close(b, BROKER_DEFAULT);
    broker_free(b);
    return exit_code;
}
