/* The broker is killed under load and comes back: so do its clients, by themselves, and every
 * application knows of every message what became of it.
 *
 * One process drives all clients with the loop contract, as a program with a loop of its own does. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <brokerclient.h>

#include "tests/kit/broker_proc.h"
#include "tests/kit/runner.h"

enum { N_PUBLISHERS = 4, N_SUBSCRIBERS = 4, N_CLIENTS = N_PUBLISHERS + N_SUBSCRIBERS };
enum { LOAD_MS = 300, DOWN_MS = 300, BACK_MS = 1000, BURST = 50, MS = 1000000 };

struct ranges {
    uint64_t n;         /* messages told of */
    uint64_t last;      /* the highest number told of */
    bool in_order;      /* each behind the one before */
};

struct app {
    broker *b;
    broker_subscription *sub;
    uint64_t n_sent;         /* publishes that returned a number */
    uint64_t last_sent;
    uint64_t confirmed;      /* the last number confirmed */
    uint64_t n_received;
    struct ranges not_sent;
    struct ranges unknown;
    int n_connected;
    int n_disconnected;
    int n_unknown_gaps;
    int64_t back_ns;
};

static void note(struct ranges *ranges, uint64_t first, uint64_t last)
{
    ranges->in_order &= first > ranges->last && last >= first;
    ranges->n += last - first + 1;
    ranges->last = last;
}

static void on_event(broker *b, const struct broker_event *event, void *userdata)
{
    struct app *app = userdata;
    (void)b;
    switch (event->kind) {
    case BROKER_EVENT_CONNECTED:
        app->n_connected++;
        app->back_ns = kit_now_ns();
        break;
    case BROKER_EVENT_DISCONNECTED:
        app->n_disconnected++;
        break;
    case BROKER_EVENT_NOT_SENT:
        note(&app->not_sent, event->first, event->last);
        break;
    case BROKER_EVENT_UNKNOWN:
        note(&app->unknown, event->first, event->last);
        break;
    case BROKER_EVENT_REFUSED:
    case BROKER_EVENT_CLOSED:
        fail_msg("%s", event->text);
    }
}

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct app *app = userdata;
    (void)sub;
    (void)m;
    app->n_received++;
}

static void on_notice(broker_subscription *sub, const struct broker_notice *notice, void *userdata)
{
    struct app *app = userdata;
    (void)sub;
    if (notice->kind == BROKER_NOTICE_GAP) {
        assert_true(notice->count == UINT64_MAX);
        app->n_unknown_gaps++;
    }
}

static void on_confirmed(broker *b, int status, const struct broker_confirmation *c,
                         void *userdata)
{
    struct app *app = userdata;
    (void)b;
    if (status == 0)
        app->confirmed = c->last;
}

static void open_app(struct app *app, const char *url)
{
    broker_options *options;
    app->not_sent.in_order = app->unknown.in_order = true;
    assert_int_equal(broker_options_new(&options), 0);
    assert_int_equal(broker_options_set_url(options, url), 0);
    assert_int_equal(broker_new(&app->b, options), 0);
    broker_options_free(options);
    broker_set_event_fn(app->b, on_event, app);
    assert_int_equal(broker_connect(app->b, BROKER_DEFAULT), 0);
}

static void subscribe(struct app *app)
{
    assert_int_equal(broker_subscribe(app->b, &app->sub, "load.>", NULL, on_message, app), 0);
    broker_subscription_set_notice_fn(app->sub, on_notice, app);
    assert_int_equal(broker_flush(app->b, BROKER_DEFAULT), 0);
    assert_int_equal(broker_subscription_status(app->sub), 0);
}

static void publish_burst(struct app *app)
{
    char payload[128] = "load";
    if (!broker_is_connected(app->b))
        return;
    broker_cork(app->b);
    for (int i = 0; i < BURST; i++) {
        int64_t number = broker_publish(app->b, "load.test", payload, sizeof payload, 0);
        if (number < 0)
            break;
        app->n_sent++;
        app->last_sent = (uint64_t)number;
    }
    broker_confirm_async(app->b, on_confirmed, app);
    broker_uncork(app->b);
}

static int timeout_of(struct app *apps, int64_t until_ns)
{
    int64_t at = until_ns;
    for (int i = 0; i < N_CLIENTS; i++) {
        uint64_t deadline = broker_deadline_ns(apps[i].b);
        if (deadline < (uint64_t)at)
            at = (int64_t)deadline;
    }
    int64_t left = (at - kit_now_ns() + MS - 1) / MS;
    return left < 0 ? 0 : (int)left;
}

/* One round of a loop; publishes too if `load`. */
static void turn(struct app *apps, bool load, int64_t until_ns)
{
    struct pollfd fds[N_CLIENTS];
    for (int i = 0; load && i < N_PUBLISHERS; i++)
        publish_burst(&apps[i]);
    for (int i = 0; i < N_CLIENTS; i++)
        fds[i] = (struct pollfd){ broker_fd(apps[i].b), broker_events(apps[i].b), 0 };
    poll(fds, N_CLIENTS, load ? 0 : timeout_of(apps, until_ns));
    for (int i = 0; i < N_CLIENTS; i++)
        assert_true(broker_process(apps[i].b) >= 0);
}

static void turn_until(struct app *apps, bool load, int64_t until_ns)
{
    while (kit_now_ns() < until_ns)
        turn(apps, load, until_ns);
}

static bool all_are_back(const struct app *apps)
{
    for (int i = 0; i < N_CLIENTS; i++) {
        if (apps[i].n_connected < 2)
            return false;
    }
    return true;
}

static int64_t last_back_ns(const struct app *apps)
{
    int64_t last = 0;
    for (int i = 0; i < N_CLIENTS; i++)
        last = apps[i].back_ns > last ? apps[i].back_ns : last;
    return last;
}

/* Every number is confirmed, or told as unknown, or as not sent: once. */
static void check_fates(const struct app *app)
{
    assert_true(app->not_sent.in_order && app->unknown.in_order);
    assert_int_equal(app->confirmed, app->last_sent);
    assert_true(app->n_sent >= app->unknown.n + app->not_sent.n);
    if (app->unknown.n > 0 && app->not_sent.n > 0)
        assert_true(app->not_sent.last > app->unknown.last);
}

static uint64_t sum_received(const struct app *apps)
{
    uint64_t n = 0;
    for (int i = N_PUBLISHERS; i < N_CLIENTS; i++)
        n += apps[i].n_received;
    return n;
}

static void clients_come_back_and_know_what_was_lost(void **state)
{
    (void)state;
    struct app apps[N_CLIENTS] = { 0 };
    struct broker_proc *proc = broker_proc_new();
    broker_proc_start(proc, NULL);
    for (int i = 0; i < N_CLIENTS; i++)
        open_app(&apps[i], broker_proc_url(proc));
    for (int i = N_PUBLISHERS; i < N_CLIENTS; i++)
        subscribe(&apps[i]);

    turn_until(apps, true, kit_now_ns() + LOAD_MS * MS);
    uint64_t received = sum_received(apps);
    assert_true(received > 0);
    broker_proc_kill(proc);
    turn_until(apps, true, kit_now_ns() + DOWN_MS * MS);
    for (int i = 0; i < N_CLIENTS; i++) {
        assert_false(broker_is_connected(apps[i].b));
        assert_int_equal(broker_publish(apps[i].b, "load.test", "x", 1, 0),
                         -BROKER_E_NOT_CONNECTED);
    }

    broker_proc_start(proc, NULL);
    int64_t listening_ns = kit_now_ns();
    while (!all_are_back(apps) && kit_now_ns() < listening_ns + 5LL * 1000 * MS)
        turn(apps, false, listening_ns + 5LL * 1000 * MS);
    for (int i = 0; i < N_CLIENTS; i++) {
        assert_int_equal(apps[i].n_connected, 2);
        assert_int_equal(apps[i].n_disconnected, 1);
        assert_true(apps[i].back_ns - listening_ns < BACK_MS * MS);
    }

    print_message("all back %lld ms after the broker listened again\n",
                  (long long)(last_back_ns(apps) - listening_ns) / MS);

    received = sum_received(apps);
    turn_until(apps, true, kit_now_ns() + LOAD_MS * MS);
    for (int i = 0; i < N_PUBLISHERS; i++) {
        struct broker_confirmation c;
        assert_int_equal(broker_confirm(apps[i].b, &c, BROKER_DEFAULT), 0);
        apps[i].confirmed = c.last;
        check_fates(&apps[i]);
        print_message("publisher %d: %llu sent, %llu unknown, %llu not sent\n", i,
                      (unsigned long long)apps[i].n_sent, (unsigned long long)apps[i].unknown.n,
                      (unsigned long long)apps[i].not_sent.n);
    }
    assert_true(sum_received(apps) > received); /* the subscriptions are in force again */
    for (int i = N_PUBLISHERS; i < N_CLIENTS; i++)
        assert_int_equal(apps[i].n_unknown_gaps, 1);
    for (int i = 0; i < N_CLIENTS; i++)
        broker_free(apps[i].b);
    assert_int_equal(broker_proc_stop(proc), 0);
    broker_proc_free(proc);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(clients_come_back_and_know_what_was_lost),
    };
    return kit_run("restart", tests, KIT_LENGTH(tests));
}
