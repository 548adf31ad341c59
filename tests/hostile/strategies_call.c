/* What calls can do: requests that are never answered, and answers that never end. */
#include <stdio.h>
#include <string.h>

#include "tests/hostile/strategies.h"

/* -- request-flood --------------------------------------------------------------------------- */

enum { AT_A_TIME = 200, HOUR_MS = MAX_TIMEOUT_MS };

static void put_request(struct foe *foe, const char *subject, enum request_mode mode)
{
    struct frame request = {
        .op = OP_REQUEST, .token = foe->step++, .subject = subject, .mode = mode
    };

    request.subject_len = strlen(subject);
    request.timeout_ms = HOUR_MS;
    link_put_frame(&foe->link, &request);
}

/* Each eighth serves, and answers nothing. */
static void request_begin(struct foe *foe)
{
    link_put_hello(&foe->link);
    if (foe->i % 8 == 0)
        link_put_serve(&foe->link, 1, "foe.mute");
}

static void request_more(struct foe *foe)
{
    if (foe->i % 8 == 0)
        return;
    for (int i = 0; i < AT_A_TIME; i++)
        put_request(foe, i % 2 ? "foe.nobody" : "foe.mute",
                    i % 10 == 0 ? REQUEST_ALL : REQUEST_ONE);
}

const struct strategy strategy_request_flood = {
    .name = "request-flood",
    .what = "requests of services that never answer, and of nobody",
    .begin = request_begin,
    .more = request_more,
};

/* -- reply-flood ----------------------------------------------------------------------------- */

enum { PART = 1024, N_PARTS = 48, N_STRAY = 16, AGAIN_MS = 100 };

/* In pairs: the even one asks, the odd one answers. Each fourth of those that ask does not read. */
static bool asks(const struct foe *foe)
{
    return foe->i % 2 == 0;
}

static void name_service(char subject[32], const struct foe *foe)
{
    (void)snprintf(subject, 32, "foe.endless.%u", foe->i / 2);
}

static void reply_begin(struct foe *foe)
{
    char subject[32];

    name_service(subject, foe);
    link_put_hello(&foe->link);
    foe->deaf = foe->i % 8 == 0;
    if (!asks(foe))
        link_put_serve(&foe->link, 1, subject);
}

static void answer(struct foe *foe)
{
    static const uint8_t part[PART];
    struct frame reply = {
        .op = OP_REPLY, .word = WORD_MORE, .token = foe->token, .payload = part
    };

    reply.payload_len = PART;
    for (int i = 0; i < N_PARTS && foe->token; i++)
        link_put_frame(&foe->link, &reply);
    for (uint64_t i = 0; i < N_STRAY; i++)
        link_put_frame(&foe->link, &(struct frame){ .op = OP_REPLY, .token = 77 + (i << 20) });
}

static void reply_more(struct foe *foe)
{
    char subject[32];

    if (!asks(foe)) {
        answer(foe);
        return;
    }
    name_service(subject, foe);
    put_request(foe, subject, REQUEST_ONE);
    foe_rest(foe, AGAIN_MS);
}

static void reply_take(struct foe *foe, const struct link_frame *frame)
{
    struct frame request;

    if (asks(foe))
        return;
    if (frame->op == OP_REQUEST && frame_read(&request, frame->body, frame->len, NULL))
        foe->token = request.token;
    else if (frame->op == OP_CANCEL)
        foe->token = 0;
}

const struct strategy strategy_reply_flood = {
    .name = "reply-flood",
    .what = "answers in parts without end, and what it was never asked",
    .begin = reply_begin,
    .more = reply_more,
    .take = reply_take,
};

/* -- collide --------------------------------------------------------------------------------- */

/* References that a table without a secret hash would all keep in one place: multiples of an odd number's inverse, each
 * with the connection's own id mixed in. */
static void collide_more(struct foe *foe)
{
    const uint64_t inverse = UINT64_C(0xcfee444d8b59a89b), golden = UINT64_C(0x9e3779b97f4a7c15);
    struct frame request = { .op = OP_REQUEST, .subject = "foe.mute", .subject_len = 8 };

    if (foe->i % 8 == 0)
        return;
    request.timeout_ms = HOUR_MS;
    for (int i = 0; i < AT_A_TIME; i++) {
        request.token = (++foe->step * inverse) ^ (foe->token * golden);
        link_put_frame(&foe->link, &request);
    }
}

static void collide_take(struct foe *foe, const struct link_frame *frame)
{
    struct envelope welcome;

    if (frame->op == OP_WELCOME && envelope_read(&welcome, frame->body, frame->len, NULL))
        foe->token = welcome.welcome.id;
}

const struct strategy strategy_collide = {
    .name = "collide",
    .what = "requests with references that meet in one place of a table",
    .begin = request_begin,
    .more = collide_more,
    .take = collide_take,
};
