/*
 * One end of a stream of exactly so many messages, for bench_instructions.py to count instructions over.
 *
 *     counted URL pub COUNT SIZE SUBJECT…     publishes corked, the subjects in turn
 *     counted URL sub COUNT PATTERN…          prints "ready", ends after COUNT messages
 */
#include <brokerclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIZE 65536

static _Noreturn void die(const char *text, broker *b)
{
    fprintf(stderr, "counted: %s: %s\n", text, b ? broker_error_text(b) : "no memory");
    exit(1);
}

static broker *connect_to(const char *url)
{
    broker_options *options;
    broker *b;

    if (broker_options_new(&options) < 0 || broker_options_set_url(options, url) < 0 ||
        broker_options_set_reconnect(options, 0) < 0 || broker_new(&b, options) < 0)
        die("open", NULL);
    broker_options_free(options);
    if (broker_connect(b, BROKER_DEFAULT) < 0)
        die("connect", b);
    return b;
}

static void publish(broker *b, unsigned long count, size_t size, char *subjects[], int n_subjects)
{
    static char payload[MAX_SIZE];

    broker_cork(b);
    for (unsigned long n = 0; n < count;) {
        for (int i = 0; i < n_subjects && n < count; i++, n++) {
            if (broker_publish(b, subjects[i], payload, size, 0) < 0)
                die("publish", b);
        }
    }
    /* Under valgrind the other end is slow to take it all. */
    broker_set_publish_timeout(b, BROKER_FOREVER);
    if (broker_uncork(b) < 0 || broker_flush(b, BROKER_FOREVER) < 0)
        die("uncork", b);
}

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    unsigned long *left = userdata;

    (void)m;
    if (--*left == 0)
        broker_stop(broker_subscription_broker(sub));
}

static void subscribe(broker *b, unsigned long count, char *patterns[], int n_patterns)
{
    unsigned long left = count;
    broker_subscription *sub;

    for (int i = 0; i < n_patterns; i++) {
        if (broker_subscribe(b, &sub, patterns[i], NULL, on_message, &left) < 0)
            die("subscribe", b);
    }
    if (broker_flush(b, BROKER_FOREVER) < 0)
        die("flush", b);
    puts("ready");
    fflush(stdout);
    if (broker_run(b) < 0)
        die("run", b);
}

int main(int argc, char *argv[])
{
    const char *role = argc > 4 ? argv[2] : "";
    const unsigned long count = argc > 4 ? strtoul(argv[3], NULL, 10) : 0;

    if (strcmp(role, "sub") != 0 && (strcmp(role, "pub") != 0 || argc < 6)) {
        fprintf(stderr, "usage: counted URL pub COUNT SIZE SUBJECT… | URL sub COUNT PATTERN…\n");
        return 64;
    }
    broker *b = connect_to(argv[1]);
    if (strcmp(role, "sub") == 0) {
        subscribe(b, count, argv + 4, argc - 4);
    } else {
        size_t size = strtoul(argv[4], NULL, 10);
        publish(b, count, size < MAX_SIZE ? size : MAX_SIZE, argv + 5, argc - 5);
    }
    broker_close(b, BROKER_DEFAULT);
    broker_free(b);
    return 0;
}
