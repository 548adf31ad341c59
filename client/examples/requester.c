/* Asks one server and prints its answer; with -a all of them, as they answer.
 *
 *     requester clock.now
 *     requester -a clock.now
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <brokerclient.h>

static int ask_one(broker *b, const char *subject, const char *text)
{
    uint32_t error = 0;
    void *payload = NULL;
    size_t len = 0;
    int r = broker_call_wait(b, subject, text, strlen(text), 0, BROKER_DEFAULT, &payload, &len,
                                NULL, &error);

    if (r == 0)
        printf("%.*s\n", (int)len, (const char *)payload);
    else if (r == -BROKER_E_FAILED)
        fprintf(stderr, "requester: error %u: %.*s\n", error, (int)len, (const char *)payload);
    else
        fprintf(stderr, "requester: %s\n", broker_error_text(b));
    free(payload);
    return r;
}

static void on_reply(broker_call *call, const broker_message *part, void *userdata)
{
    size_t len;
    const char *payload = broker_message_payload(part, &len);

    (void)call;
    (void)userdata;
    if (broker_message_status(part) != 0)
        printf("%llu: error %u\n", (unsigned long long)broker_message_sender(part),
               broker_message_status(part));
    else
        printf("%llu: %.*s\n", (unsigned long long)broker_message_sender(part), (int)len,
               payload);
}

struct survey {
    broker *b;
    int status;
};

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    struct survey *survey = userdata;

    (void)call;
    survey->status = result->status;
    if (result->status < 0)
        fprintf(stderr, "requester: %s\n", result->text);
    else
        printf("%llu asked, %llu answered\n", (unsigned long long)result->asked,
               (unsigned long long)result->answered);
    broker_stop(survey->b);
}

static int ask_all(broker *b, const char *subject, const char *text)
{
    struct survey survey = { .b = b };
    int r = broker_call_start(b, NULL, subject, text, strlen(text), BROKER_SURVEY,
                                 BROKER_DEFAULT, on_reply, on_done, &survey);

    if (r < 0)
        fprintf(stderr, "requester: %s\n", broker_error_text(b));
    else
        r = broker_run(b);
    return r < 0 ? r : survey.status;
}

int main(int argc, char **argv)
{
    int all = argc > 1 && strcmp(argv[1], "-a") == 0;
    const char *subject = argc > 1 + all ? argv[1 + all] : NULL;
    const char *text = argc > 2 + all ? argv[2 + all] : "";
    broker *b;
    int r;

    if (!subject || broker_new(&b, NULL) < 0) {
        fprintf(stderr, "usage: requester [-a] SUBJECT [PAYLOAD]\n");
        return 64;
    }
    r = broker_connect(b, BROKER_DEFAULT);
    if (r < 0)
        fprintf(stderr, "requester: %s\n", broker_error_text(b));
    else
        r = all ? ask_all(b, subject, text) : ask_one(b, subject, text);
    broker_close(b, BROKER_DEFAULT);
    broker_free(b);
    return broker_status_exit_code(r);
}
