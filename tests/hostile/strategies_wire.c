/* What one can do without saying anything sensible: fragments, nonsense, and coming and going. */
#include <string.h>

#include "tests/hostile/strategies.h"

/* -- half-frames ----------------------------------------------------------------------------- */

enum { WHOLE = 4096 };

static struct link one_frame = LINK_INIT;

static void half_begin(struct foe *foe)
{
    static const uint8_t payload[WHOLE];

    if (!one_frame.own)
        link_put_message(&one_frame, "foe.half", payload, sizeof payload);
    link_put_hello(&foe->link);
}

static void half_more(struct foe *foe)
{
    size_t half = one_frame.own_len / 2;

    if (foe->step == 0)
        link_lend(&foe->link, one_frame.own, half);
    else
        link_lend(&foe->link, one_frame.own + half + foe->step - 1, 1);
    foe->step = half + foe->step == one_frame.own_len ? 0 : foe->step + 1;
}

const struct strategy strategy_half_frames = {
    .name = "half-frames",
    .what = "sends half a frame on each connection, and the rest byte by byte",
    .begin = half_begin,
    .more = half_more,
};

/* -- error-flood ----------------------------------------------------------------------------- */

static void put_reply(struct link *link, uint64_t token)
{
    link_put_frame(link, &(struct frame){ .op = OP_REPLY, .token = token });
}

/* Each of these is answered by an ERROR or a REFUSED of its own. */
static void fill_errors(struct link *link)
{
    for (uint64_t i = 0; i < 200; i++) {
        link_put_unsub(link, 1 + i);
        link_put_sub(link, 1 + i, "foe..wrong");
        link_put_sub(link, 0, "foe.sid");
        put_reply(link, UINT64_C(0x1234567800000000) + i);
        link_put_message(link, "$SYS.foe", NULL, 0);
        link_put_serve(link, 1 + i, "$SYS.foe");
        link_put_message(link, "foe..wrong", NULL, 0);
    }
}

static struct volley errors = { .fill = fill_errors };

static void errors_begin(struct foe *foe)
{
    foe->deaf = true;
    link_put_hello(&foe->link);
}

static void errors_more(struct foe *foe)
{
    volley_lend(&errors, foe);
}

const struct strategy strategy_error_flood = {
    .name = "error-flood",
    .what = "sends what is refused with an ERROR each, and never reads them",
    .begin = errors_begin,
    .more = errors_more,
};

/* -- churn ----------------------------------------------------------------------------------- */

static void churn_begin(struct foe *foe)
{
    link_put_hello(&foe->link);
    link_put_sub(&foe->link, 1, foe->i % 2 ? "foe.churn.*" : "foe.churn");
}

static void churn_more(struct foe *foe)
{
    foe->done = true;
}

const struct strategy strategy_churn = {
    .name = "churn",
    .what = "connects, says HELLO, subscribes and closes as fast as it can",
    .begin = churn_begin,
    .more = churn_more,
};

/* -- slow-hello ------------------------------------------------------------------------------ */

/* As large as a HELLO may be, and a byte each millisecond: it takes four seconds, and then the last byte is missing. */
static struct link hello = LINK_INIT;

static void make_hello(void)
{
    static uint8_t options[MAX_HELLO - 64] = {
        0x81, 0xa1, 'x', 0xda, (MAX_HELLO - 70) >> 8, (MAX_HELLO - 70) & 255
    };
    struct envelope e = { .op = OP_HELLO };

    memset(options + 6, 'x', sizeof options - 6);
    e.hello.magic = (struct piece){ HELLO_MAGIC, strlen(HELLO_MAGIC) };
    e.hello.version = PROTO_VERSION;
    e.hello.options = (struct piece){ options, sizeof options };
    link_put(&hello, &e);
}

static void slow_begin(struct foe *foe)
{
    if (!hello.own)
        make_hello();
    link_lend(&foe->link, hello.own, 16);
    foe->step = 16;
}

static void slow_more(struct foe *foe)
{
    foe_rest(foe, 1);
    if (foe->step + 1 < hello.own_len)
        link_lend(&foe->link, hello.own + foe->step++, 1);
}

const struct strategy strategy_slow_hello = {
    .name = "slow-hello",
    .what = "never finishes its HELLO",
    .begin = slow_begin,
    .more = slow_more,
};
