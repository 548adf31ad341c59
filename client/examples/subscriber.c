/* Prints what is published on a pattern, with who sent it, and what was lost.
 *
 *     subscriber 'lights.>'          until it is interrupted
 *     subscriber 'lights.>' 3        three messages
 */
#include <stdio.h>
#include <stdlib.h>

#include <brokerclient.h>

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct broker_credentials who;
    size_t len;
    const char *payload = broker_message_payload(m, &len);

    (void)sub;
    (void)userdata;
    printf("%s: %zu bytes", broker_message_subject(m, NULL), len);
    if (!(broker_message_flags(m) & BROKER_MSGPACK))
        printf(" \"%.*s\"", (int)len, payload);
    if (broker_message_credentials(m, &who) == 0)
        printf(" from uid %u, pid %d", who.uid, who.pid);
    putchar('\n');
    fflush(stdout);
}

/* A subscription says when it is in force, when messages are missing, and when
 * it is over: then there is nothing more to run for. */
static void on_notice(broker_subscription *sub, const struct broker_notice *notice,
                      void *userdata)
{
    switch (notice->kind) {
    case BROKER_NOTICE_ACTIVE:
        fprintf(stderr, "subscriber: %s is in force\n", broker_subscription_pattern(sub));
        break;
    case BROKER_NOTICE_GAP:
        if (notice->count == UINT64_MAX)
            printf("some messages may be missing: %s\n", notice->text);
        else
            printf("%llu messages are missing: %s\n", (unsigned long long)notice->count,
                   notice->text);
        break;
    case BROKER_NOTICE_REFUSED:
    case BROKER_NOTICE_ENDED:
        fprintf(stderr, "subscriber: %s\n", notice->text);
        *(int *)userdata = broker_status_exit_code(notice->status);
        broker_stop(broker_subscription_broker(sub));
        break;
    }
}

static int subscribe(broker *b, const char *pattern, const char *count, int *exit_code)
{
    broker_sub_options *options = NULL;
    broker_subscription *sub;
    int r = broker_sub_options_new(&options);

    if (r == 0)
        r = broker_sub_options_set_credentials(options, 1);
    if (r == 0 && count)
        r = broker_sub_options_set_after(options, strtoull(count, NULL, 10));
    if (r == 0)
        r = broker_subscribe(b, &sub, pattern, options, on_message, NULL);
    if (r == 0)
        broker_subscription_set_notice_fn(sub, on_notice, exit_code);
    broker_sub_options_free(options);
    return r;
}

int main(int argc, char **argv)
{
    int exit_code = 0;
    broker *b;
    int r;

    if (argc < 2 || broker_new(&b, NULL) < 0) {
        fprintf(stderr, "usage: subscriber PATTERN [COUNT]\n");
        return 64;
    }
    r = broker_connect(b, BROKER_DEFAULT);
    if (r == 0)
        r = subscribe(b, argv[1], argc > 2 ? argv[2] : NULL, &exit_code);
    if (r == 0)
        r = broker_run(b);
    if (r < 0) {
        fprintf(stderr, "subscriber: %s\n", broker_error_text(b));
        exit_code = broker_status_exit_code(r);
    }
    broker_close(b, BROKER_DEFAULT);
    broker_free(b);
    return exit_code;
}
