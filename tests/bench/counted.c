/*
 * The two ends of the streams and calls that bench_instructions.py counts instructions over.
 *
 *     counted URL answer    subscribes and answers as it is asked to, until its connection ends
 *     counted URL drive     does what its standard input says, and prints "done" after each line:
 *
 *     listen PATTERN…                 the other end subscribes to these, and to nothing else
 *     publish BATCHES EACH SUBJECT…   the subjects in turn
 *     at-once BATCHES EACH SUBJECT…   not corked
 *     flags BATCHES EACH SUBJECT      every other payload is said to be msgpack
 *     headers BATCHES EACH SUBJECT    headers of twelve lengths in turn
 *     ask BATCHES EACH                requests, EACH of them open at a time
 *     mark                            both ends enter counted_mark(), where callgrind writes down what it counted
 *
 * A batch leaves in one piece that the kernel keeps whole, and is answered before the next one begins. So how many
 * frames meet in one read does not depend on how fast who is.
 */
#include <brokerclient.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 128, MAX_SUBJECTS = 64, MAX_LINE = 4096, HEADER_LENGTHS = 12 };

#define DO   "counted.do"
#define ECHO "counted.echo"

/* Not on the stack, where the environment decides on what page they lie. */
static char payload[SIZE], line[MAX_LINE], words[MAX_LINE];
static char subjects[MAX_SUBJECTS][64];

/* What callgrind is told to count, or to stop at, by name. */
void counted_mark(void);
void counted_ask(broker *b, unsigned n);

static _Noreturn void die(const char *text, broker *b)
{
    fprintf(stderr, "counted: %s: %s\n", text, b ? broker_error_text(b) : "no memory");
    exit(1);
}

__attribute__((noinline)) void counted_mark(void)
{
    __asm__ volatile("");
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

/* ---- the end that answers ---- */

static broker_subscription *subs[MAX_SUBJECTS];

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    (void)sub;
    (void)m;
    (void)userdata;
}

static void listen_to(broker *b, char *patterns)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MAX_SUBJECTS; i++)
        subs[i] = broker_subscription_free(subs[i]);
    for (char *p = strtok(patterns, " "); p && n < MAX_SUBJECTS; p = strtok(NULL, " ")) {
        if (broker_subscribe(b, &subs[n++], p, NULL, on_message, NULL) < 0)
            die("subscribe", b);
    }
}

static void on_do(broker_service *service, broker_request *request, void *userdata)
{
    broker *b = broker_service_broker(service);
    size_t len;
    const char *text = broker_message_payload(broker_request_message(request), &len);

    (void)userdata;
    snprintf(words, sizeof words, "%.*s", (int)len, text);
    if (strncmp(words, "listen", 6) == 0)
        listen_to(b, words + 6);
    else if (strcmp(words, "mark") == 0)
        counted_mark();
    if (broker_reply(request, NULL, 0, 0) < 0)
        die("reply", b);
}

static void on_echo(broker_service *service, broker_request *request, void *userdata)
{
    size_t len;
    const void *bytes = broker_message_payload(broker_request_message(request), &len);

    (void)service;
    (void)userdata;
    broker_reply(request, bytes, len, 0);
}

static void answer(broker *b)
{
    if (broker_serve(b, NULL, DO, NULL, on_do, NULL) < 0 ||
        broker_serve(b, NULL, ECHO, NULL, on_echo, NULL) < 0 || broker_flush(b, BROKER_FOREVER) < 0)
        die("serve", b);
    puts("ready");
    fflush(stdout);
    broker_run(b);
}

/* ---- the end that drives ---- */

static void tell_other(broker *b, const char *text)
{
    if (broker_call_wait(b, DO, text, strlen(text), 0, BROKER_FOREVER, NULL, NULL, NULL, NULL) < 0)
        die("ask the other end", b);
}

static void publish_one(broker *b, const char *how, const char *subject, unsigned i)
{
    /* {"n": bytes, 0 to 11 of them} */
    static const char header[16] = "\x81\xa1n\xc4";
    static char headers[32];
    unsigned flags = how[0] == 'f' ? i % 2 * BROKER_MSGPACK : 0;
    int64_t r;

    if (how[0] == 'h') {
        memcpy(headers, header, sizeof header);
        headers[4] = (char)(i % HEADER_LENGTHS);
        r = broker_publish_headers(b, subject, headers, 5 + i % HEADER_LENGTHS, payload, SIZE, 0);
    } else {
        r = broker_publish(b, subject, payload, SIZE, flags);
    }
    if (r < 0)
        die("publish", b);
}

static void publish(broker *b, const char *how, unsigned batches, unsigned each,
                    unsigned n_subjects)
{
    bool corked = how[0] != 'a';

    for (unsigned batch = 0; batch < batches; batch++) {
        if (corked)
            broker_cork(b);
        for (unsigned i = 0, at = 0; i < each; i++, at = at + 1 < n_subjects ? at + 1 : 0)
            publish_one(b, how, subjects[at], i);
        /* The request comes by itself: behind it messages for the same queue would go another way. */
        if (broker_confirm(b, NULL, BROKER_FOREVER) < 0)
            die("confirm", b);
        if (corked && broker_uncork(b) < 0)
            die("uncork", b);
        tell_other(b, "sync");
    }
}

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    if (result->status != 0)
        die("a call", broker_call_broker(call));
    --*(unsigned *)userdata;
}

__attribute__((noinline)) void counted_ask(broker *b, unsigned n)
{
    unsigned left = n;

    broker_cork(b);
    for (unsigned i = 0; i < n; i++) {
        if (broker_call_start(b, NULL, ECHO, payload, SIZE, 0, BROKER_FOREVER, NULL, on_done,
                              &left) < 0)
            die("call", b);
    }
    broker_uncork(b);
    while (left > 0 && broker_wait(b, BROKER_FOREVER) >= 0)
        ;
    if (left > 0)
        die("wait", b);
}

static unsigned read_subjects(void)
{
    unsigned n = 0;

    for (char *p = strtok(NULL, " \n"); p && n < MAX_SUBJECTS; p = strtok(NULL, " \n"))
        snprintf(subjects[n++], sizeof subjects[0], "%s", p);
    return n;
}

static unsigned read_number(void)
{
    const char *word = strtok(NULL, " \n");

    return word ? (unsigned)strtoul(word, NULL, 10) : 0;
}

static void obey(broker *b)
{
    const char *what = strtok(line, " \n");
    unsigned batches = read_number(), each = read_number();

    if (!what)
        return;
    if (strcmp(what, "ask") == 0) {
        while (batches-- > 0)
            counted_ask(b, each);
    } else {
        unsigned n = read_subjects();

        if (n > 0)
            publish(b, what, batches, each, n);
    }
}

static void drive(broker *b)
{
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "listen", 6) == 0) {
            tell_other(b, line);
        } else if (strcmp(line, "mark") == 0) {
            tell_other(b, line);
            counted_mark();
        } else {
            obey(b);
        }
        puts("done");
        fflush(stdout);
    }
    broker_close(b, BROKER_DEFAULT);
}

int main(int argc, char *argv[])
{
    bool drives = argc == 3 && strcmp(argv[2], "drive") == 0;
    broker *b;

    if (!drives && (argc != 3 || strcmp(argv[2], "answer") != 0)) {
        fprintf(stderr, "usage: counted URL drive|answer\n");
        return 64;
    }
    b = connect_to(argv[1]);
    if (drives)
        drive(b);
    else
        answer(b);
    broker_free(b);
    return 0;
}
