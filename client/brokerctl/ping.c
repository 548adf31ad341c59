/* brokerctl ping: the way to the broker and back. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/session.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const struct usage usage = {
    .verb = "ping",
    .operands = "",
    .about = "Sends a barrier to the broker and waits for it to come back, N times one after\n"
             "the other.",
    .example = "  brokerctl ping --count 1000",
};

struct rtt {
    uint64_t n, min_ns, max_ns, sum_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void rtt_add(struct rtt *rtt, uint64_t ns)
{
    if (!rtt->n || ns < rtt->min_ns)
        rtt->min_ns = ns;
    if (ns > rtt->max_ns)
        rtt->max_ns = ns;
    rtt->sum_ns += ns;
    rtt->n++;
}

static void print_rtt(const struct ctl *ctl, const broker *b, const struct rtt *rtt)
{
    _cleanup_text_ struct text line = TEXT_INIT;
    const char *url = broker_url(b) ? broker_url(b) : "";
    double min = (double)rtt->min_ns / 1e3, max = (double)rtt->max_ns / 1e3;
    double avg = (double)rtt->sum_ns / (double)rtt->n / 1e3;

    if (ctl->json) {
        text_puts(&line, "{\"url\":");
        text_add_json(&line, url, strlen(url));
        text_printf(&line,
                    ",\"count\":%" PRIu64 ",\"min-us\":%.1f,\"avg-us\":%.1f,\"max-us\":%.1f}\n",
                    rtt->n, min, avg, max);
    } else {
        text_add_safe(&line, url, strlen(url));
        text_printf(&line, ": %" PRIu64 " round trip%s, min %.1f avg %.1f max %.1f us\n", rtt->n,
                    rtt->n == 1 ? "" : "s", min, avg, max);
    }
    print_out(&line);
}

static int ping(struct session *session, uint64_t count, int timeout_ms, struct rtt *rtt)
{
    while (rtt->n < count) {
        uint64_t begin = now_ns();
        int status = broker_flush(session->b, timeout_ms);

        if (status < 0)
            return session_failure(session, status, "no answer to ping %" PRIu64, rtt->n + 1);
        rtt_add(rtt, now_ns() - begin);
    }
    return 0;
}

int verb_ping(struct ctl *ctl, int argc, char **argv)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    uint64_t count = 1;
    int timeout_ms = 5000;
    const struct option_spec specs[] = {
        { "count", 'n', OPTION_COUNT, &count, "N", "how many times (1)" },
        { "timeout", 't', OPTION_DURATION, &timeout_ms, "TIME",
          "wait so long for each answer (5s)" },
    };
    struct operands operands;
    struct rtt rtt = { 0 };
    int code = options_parse(ctl, &usage, specs, sizeof specs / sizeof *specs, argc, argv,
                             &operands);

    if (code >= 0)
        return code;
    if (operands.n)
        return options_misuse("takes no operand: '%s'", operands.v[0]);
    code = session_open(&session, ctl, "ping", false);
    if (code == 0)
        code = ping(&session, count, timeout_ms, &rtt);
    if (rtt.n)
        print_rtt(ctl, session.b, &rtt);
    return session_close(&session, code);
}
