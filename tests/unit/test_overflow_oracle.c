/* The policies in the middle of a burst, compared with a queue of numbers that knows nothing of
 * bursts, entries and shares.
 */
#include "broker/route/overflow.h"

#include "proto/subject.h"
#include "tests/unit/route_kit.h"

/* What a queue of one lane must hold, message by message. */
struct model {
    const char *pattern;
    enum policy policy;
    uint32_t max_messages;
    uint32_t max_bytes;
    uint64_t first; /* numbers[first % HELD] .. numbers[next % HELD] are queued */
    uint64_t next;
    uint32_t n_bytes;
    uint64_t n_lost;
    struct lane *lane;
    struct {
        uint32_t number, len;
    } held[256];
};

static bool model_fits(const struct model *m, uint32_t len)
{
    uint64_t n = m->next - m->first;
    return n == 0 || (n < m->max_messages && m->n_bytes + len <= m->max_bytes);
}

static void model_message(struct model *m, const char *subject, uint32_t number, uint32_t len)
{
    if (!pattern_match(m->pattern, strlen(m->pattern), subject, strlen(subject)))
        return;
    for (; m->policy == POLICY_DROP_OLD && !model_fits(m, len); m->first++, m->n_lost++)
        m->n_bytes -= m->held[m->first % COUNT_OF(m->held)].len;
    if (!model_fits(m, len)) {
        m->n_lost++;
        return;
    }
    m->held[m->next % COUNT_OF(m->held)].number = number;
    m->held[m->next++ % COUNT_OF(m->held)].len = len;
    m->n_bytes += len;
}

enum { MODELS = 5 };

static void models_sub(struct cli *s, struct model *models)
{
    enum status status;
    for (uint32_t i = 0; i < MODELS; i++)
        cli_sub(s, i + 1, models[i].pattern, .policy = models[i].policy,
                .messages = models[i].max_messages, .bytes = models[i].max_bytes);
    const struct dest *dest = dest_find(&session.route, "a.x", 3, &status); /* the other, and it */
    for (uint32_t i = 0; i < MODELS; i++)
        models[i].lane = dest->receivers[1].to->lanes[i];
}

/* Everything in one read, with what pushes to the queue meanwhile. */
static void publish_train(struct cli *p, struct model *models, uint64_t *random, uint32_t *number)
{
    static const char *const subjects[] = { "a.x", "a.y", "b.x" };
    static uint8_t train[100000];
    size_t len = 0;
    for (uint64_t n = 1 + random_below(random, 60); n > 0; n--) {
        const char *subject = subjects[random_below(random, COUNT_OF(subjects))];
        struct frame frame = {
            .op = OP_MESSAGE,
            .subject = subject,
            .subject_len = strlen(subject),
            .payload_len = 8 + random_below(random, 200),
        };
        size_t head = frame_write_head(train + len, &frame);
        memset(train + len + head, 0, frame.payload_len);
        store_be64(train + len + head, ++*number);
        for (int i = 0; i < MODELS; i++)
            model_message(&models[i], subject, *number, (uint32_t)(head + frame.payload_len));
        len += head + frame.payload_len;
    }
    assert_int_equal(write(p->fd, train, len), len);
}

/* The lanes that it is for, each with the number that comes next. */
static void model_heard(struct cli *s, struct model *models, const struct heard *h)
{
    for (uint32_t i = 0; h->op == OP_MESSAGE && i < s->n_sids; i++) {
        struct model *m = &models[s->sids[i] - 1];
        if (s->sids[i] > MODELS)
            continue;
        assert_true(m->first < m->next);
        assert_int_equal(number_of(h), m->held[m->first++ % COUNT_OF(m->held)].number);
    }
    if (h->op == OP_GAP)
        models[h->e.gap.sid - 1].n_lost -= h->e.gap.count;
}

/* A queue of which nothing leaves has exactly what its policy says, however many messages came
 * at once, whichever of them shared a burst, and whatever else was queued meanwhile. */
static void a_burst_gets_what_the_policy_says(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct model models[MODELS] = {
            { "a.*", POLICY_DROP_OLD, 7, 1 << 20 }, { "a.x", POLICY_DROP_NEW, 100, 900 },
            { "*.x", POLICY_DROP_NEW, 5, 1 << 20 }, { "a.>", POLICY_DROP_OLD, 50, 700 },
            { ">", POLICY_DROP_OLD, 200, 9000 },
        };
        uint64_t random = seed;
        uint32_t number = 0;
        start();
        struct cli *p = cli_open();
        struct cli *other = cli_open();
        cli_sub(other, 1, "a.*");
        small_buffers = true;
        struct cli *s = cli_open();
        cli_sub(s, MODELS + 1, "$plug");
        models_sub(s, models);
        cli_publish(p, "$plug", 0, 30000);
        turn();
        assert_true(s->client->conn.out.blocked);
        for (int i = 0; i < 30; i++) {
            publish_train(p, models, &random, &number);
            if (i % 3 == 0)
                cli_ref(s, OP_PING, 1);
            turn();
            for (int j = 0; j < MODELS; j++) {
                assert_int_equal(models[j].lane->n_messages, models[j].next - models[j].first);
                assert_int_equal(models[j].lane->n_bytes, models[j].n_bytes);
                assert_int_equal(models[j].lane->n_lost, models[j].n_lost);
            }
        }
        for (struct heard *h; (h = hear(s));)
            model_heard(s, models, h);
        for (int j = 0; j < MODELS; j++)
            assert_true(models[j].first == models[j].next && models[j].n_lost == 0);
        cli_close(s);
        cli_close(other);
        cli_close(p);
        stop();
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_burst_gets_what_the_policy_says),
    };
    return kit_run("overflow_oracle", tests, KIT_LENGTH(tests));
}
