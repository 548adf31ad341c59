/* One order for all, under load: four publishers, three subscribers, 20,000 messages each. */
#include "tests/live/live.h"

#define N_PUBS  4
#define N_SUBS  3
#define PER_PUB 20000
#define N_ALL   (N_PUBS * PER_PUB)
#define LATE_S  20

struct seen {
    uint32_t *order; /* publisher << 24 | number */
    size_t n;
    uint32_t next[N_PUBS];
};

static void take_all(struct wire *sub, struct wire *const *pubs, struct seen *seen)
{
    struct wire_frame f;

    while (wire_take(sub, &f)) {
        if (f.op == OP_SELECT)
            continue;
        if (f.op != OP_MESSAGE)
            fail_msg("opcode %d came; only messages should", f.op);
        uint32_t number, from = 0;
        assert_in_range(f.frame.payload_len, sizeof(number), 200);
        memcpy(&number, f.frame.payload, sizeof(number));
        while (from < N_PUBS && pubs[from]->id != f.frame.id)
            from++;
        assert_true(from < N_PUBS);
        assert_int_equal(number, seen->next[from]);
        seen->next[from]++;
        assert_true(seen->n < N_ALL);
        seen->order[seen->n++] = from << 24 | number;
    }
}

static void prepare(struct wire *pub, uint32_t salt)
{
    static const char *const subjects[] = { "o.a", "o.b", "o.c.d" };
    uint8_t payload[200] = { 0 };

    wire_cork(pub);
    for (uint32_t n = 0; n < PER_PUB; n++) {
        memcpy(payload, &n, sizeof(n));
        wire_publish(pub, subjects[(n / 7 + salt) % 3], payload, 4 + n % 190);
    }
}

static void four_publishers_three_subscribers_one_order(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *all[N_PUBS + N_SUBS];
    struct wire **pubs = all, **subs = all + N_PUBS;
    struct seen seen[N_SUBS] = { { 0 } };
    static const char *const patterns[N_SUBS] = { "o.>", ">", "o.>" };

    for (uint32_t i = 0; i < N_PUBS; i++) {
        pubs[i] = wire_open(live.path);
        prepare(pubs[i], i);
    }
    for (int i = 0; i < N_SUBS; i++) {
        subs[i] = wire_open(live.path);
        seen[i].order = calloc(N_ALL, sizeof(uint32_t));
        assert_non_null(seen[i].order);
        wire_sub(subs[i], &(struct wire_sub){ .sid = 1, .pattern = patterns[i] });
    }
    wire_sub(subs[1], &(struct wire_sub){ .sid = 2, .pattern = "o.b" });
    wire_sub(subs[2], &(struct wire_sub){ .sid = 3, .pattern = "*.a", .queue_messages = 500 });

    const int64_t end_ns = kit_now_ns() + LATE_S * INT64_C(1000000000);
    while (seen[0].n + seen[1].n + seen[2].n < (size_t)N_SUBS * N_ALL) {
        if (kit_now_ns() > end_ns)
            fail_msg("%zu, %zu, %zu of %d", seen[0].n, seen[1].n, seen[2].n, N_ALL);
        for (int i = 0; i < N_PUBS; i++)
            wire_push(pubs[i]);
        for (int i = 0; i < N_SUBS; i++)
            take_all(subs[i], pubs, &seen[i]);
        wire_poll(all, KIT_LENGTH(all), 1000);
    }
    for (int i = 1; i < N_SUBS; i++)
        assert_memory_equal(seen[i].order, seen[0].order, N_ALL * sizeof(uint32_t));
    for (int i = 0; i < N_SUBS; i++)
        free(seen[i].order);
    for (int i = 0; i < N_PUBS + N_SUBS; i++)
        wire_close(all[i]);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(four_publishers_three_subscribers_one_order),
    };
    return kit_run("order", tests, KIT_LENGTH(tests));
}
