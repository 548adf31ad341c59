/* Serving with the client library: who asks, and what holds of a request that is answered later. */
#include <brokerclient.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/live/live.h"

struct server {
    broker *b;
    broker_service *service;
    int n_requests;
    broker_request *kept;
    struct broker_credentials who; /* of the last request */
    int who_status;
};

static broker *client(const struct live *live)
{
    broker_options *options;
    broker *b;

    assert_int_equal(broker_options_new(&options), 0);
    assert_int_equal(broker_options_set_url(options, broker_proc_url(live->proc)), 0);
    assert_int_equal(broker_new(&b, options), 0);
    broker_options_free(options);
    assert_int_equal(broker_connect(b, 5000), 0);
    return b;
}

/** Answers, but for "keep", which it keeps. */
static void on_request(broker_service *service, broker_request *request, void *userdata)
{
    struct server *server = userdata;
    const broker_message *m = broker_request_message(request);
    size_t len;
    const char *payload = broker_message_payload(m, &len);

    assert_ptr_equal(broker_request_service(request), service);
    server->n_requests++;
    server->who_status = broker_message_credentials(m, &server->who);
    if (len == 4 && memcmp(payload, "keep", 4) == 0)
        server->kept = request;
    else
        assert_int_equal(broker_reply(request, "x", 1, 0), 0);
}

static void serve(const struct live *live, struct server *ret, int credentials)
{
    broker_service_options *options;

    *ret = (struct server){ .b = client(live) };
    assert_int_equal(broker_service_options_new(&options), 0);
    assert_int_equal(broker_service_options_set_max_open(options, 8), 0);
    assert_int_equal(broker_service_options_set_credentials(options, credentials), 0);
    assert_int_equal(broker_serve(ret->b, &ret->service, "s.*", options, on_request, ret), 0);
    assert_null(broker_service_options_free(options));
    assert_int_equal(broker_flush(ret->b, 5000), 0);
    assert_int_equal(broker_service_status(ret->service), 0);
    assert_string_equal(broker_service_pattern(ret->service), "s.*");
    assert_ptr_equal(broker_service_broker(ret->service), ret->b);
}

static void await_requests(struct server *server, int n)
{
    const int64_t end_ns = kit_now_ns() + INT64_C(5000000000);

    while (server->n_requests < n && kit_now_ns() < end_ns)
        broker_wait(server->b, 100);
    assert_int_equal(server->n_requests, n);
}

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    assert_non_null(broker_call_broker(call));
    *(int *)userdata = result->status ? result->status : 1;
}

/** Asks, in this process, and has the server answer. */
static void ask(broker *b, struct server *server, const char *payload)
{
    static int done; /* of a request that is kept it is written late, or never */
    int n = server->n_requests + 1;

    done = 0;
    assert_int_equal(broker_call_start(b, NULL, "s.a", payload, strlen(payload), 0, 5000, NULL,
                                       on_done, &done),
                     0);
    await_requests(server, n);
    while (!done && !server->kept)
        broker_wait(b, 100);
}

static void expect_self(const struct broker_credentials *who, uint64_t id)
{
    static const struct broker_credentials blank;

    assert_int_equal(who->id, id);
    assert_int_equal(who->uid, getuid());
    assert_int_equal(who->gid, getgid());
    assert_int_equal(who->pid, getpid());
    assert_int_equal(who->n_groups, getgroups(0, NULL));
    assert_memory_equal(who->reserved, blank.reserved, sizeof blank.reserved);
}

static void a_server_sees_who_asks(void **state)
{
    struct live live = live_begin();
    broker *b = client(&live);
    struct server server;

    (void)state;
    serve(&live, &server, 1);
    for (int i = 0; i < 3; i++) {
        server.who = (struct broker_credentials){ 0 };
        ask(b, &server, "now");
        assert_int_equal(server.who_status, 0);
        expect_self(&server.who, broker_id(b));
    }
    broker_free(b);
    broker_free(server.b);
    live_end(&live);
}

static void a_server_that_does_not_ask_is_not_told(void **state)
{
    struct live live = live_begin();
    broker *b = client(&live);
    struct server server;

    (void)state;
    serve(&live, &server, 0);
    ask(b, &server, "now");
    assert_int_equal(server.who_status, -BROKER_E_INVALID);
    broker_free(b);
    broker_free(server.b);
    live_end(&live);
}

/* Another process than the server's: the pid is that of the one that asks. */
static void the_caller_is_named_not_the_server(void **state)
{
    struct live live = live_begin();
    struct server server;
    int status;

    (void)state;
    serve(&live, &server, 1);
    pid_t pid = fork();
    if (pid == 0) {
        broker *b = NULL;
        broker_options *options = NULL;
        int ok = broker_options_new(&options) == 0 &&
                 broker_options_set_url(options, broker_proc_url(live.proc)) == 0 &&
                 broker_new(&b, options) == 0 &&
                 broker_call_wait(b, "s.a", "now", 3, 0, 5000, NULL, NULL, NULL, NULL) == 0;

        _exit(ok ? 0 : 1);
    }
    await_requests(&server, 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(server.who_status, 0);
    assert_int_equal(server.who.pid, pid);
    assert_int_equal(server.who.uid, getuid());
    broker_free(server.b);
    live_end(&live);
}

/* The credentials belong to the request, whatever the table of senders has since become. */
static void a_kept_request_still_says_who_asked(void **state)
{
    struct live live = live_begin();
    broker *b = client(&live);
    struct server server;
    struct broker_credentials who;

    (void)state;
    serve(&live, &server, 1);
    ask(b, &server, "keep");
    uint64_t id = broker_id(b);
    broker_proc_kill(live.proc);
    while (broker_is_connected(server.b))
        broker_wait(server.b, 100); /* which forgets all senders */
    while (broker_process(server.b) > 0)
        ;
    assert_int_equal(broker_message_credentials(broker_request_message(server.kept), &who), 0);
    expect_self(&who, id);
    server.service = broker_service_free(server.service);
    assert_null(broker_request_service(server.kept));
    assert_null(broker_request_drop(server.kept));
    broker_free(b);
    broker_free(server.b);
    broker_proc_free(live.proc);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_server_sees_who_asks),
        kit_test(a_server_that_does_not_ask_is_not_told),
        kit_test(the_caller_is_named_not_the_server),
        kit_test(a_kept_request_still_says_who_asked),
    };

    return kit_run("services", tests, KIT_LENGTH(tests));
}
