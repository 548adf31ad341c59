#include "tests/kit/health.h"

void health_begin(struct health *health, struct broker_proc *broker)
{
    *health = (struct health){ .broker = broker };
    peer_open(&health->witness, broker);
    peer_ping(&health->witness);
    health->n_fds = broker_proc_n_fds(broker);
    health->rss = broker_proc_rss(broker);
}

void health_check(struct health *health)
{
    if (!broker_proc_running(health->broker))
        fail_msg("the broker has died");
    peer_ping(&health->witness);
}

void health_check_all(struct health *health, int64_t slack_bytes)
{
    health_check(health);
    broker_proc_expect_n_fds(health->broker, health->n_fds);
    int64_t grown = broker_proc_rss(health->broker) - health->rss;
    if (!KIT_SANITIZED && grown > slack_bytes)
        fail_msg("the broker has grown by %lld KiB", (long long)grown / 1024);
}

void health_end(struct health *health)
{
    peer_close(&health->witness);
}
