#include "tests/kit/ledger.h"

#include <string.h>

#include "tests/kit/runner.h"

static size_t number_len(size_t len)
{
    return len < sizeof(uint64_t) ? len : sizeof(uint64_t);
}

void ledger_payload(void *payload, size_t len, uint64_t number)
{
    uint64_t little = htole64(number); /* a short payload has the low bytes */

    memset(payload, (int)(number % 251), len);
    memcpy(payload, &little, number_len(len));
}

static bool is_payload_of(const struct frame *frame, uint64_t number)
{
    uint64_t little = htole64(number);
    size_t len = frame->payload_len, head = number_len(len);

    if (len == 0 || memcmp(frame->payload, &little, head) != 0)
        return false;
    uint8_t filler = (uint8_t)(number % 251);
    return len == head || (frame->payload[head] == filler && frame->payload[len - 1] == filler &&
                           frame->payload[len / 2 + 4 < len ? len / 2 + 4 : len - 1] == filler);
}

static void enter_message(struct ledger *ledger, const struct frame *frame)
{
    uint64_t number = 0;

    memcpy(&number, frame->payload, number_len(frame->payload_len));
    if (!is_payload_of(frame, ledger->next))
        fail_msg("sid %llu: number %llu came (of %zu bytes), not %llu (%llu delivered, %llu lost)",
                 (unsigned long long)ledger->sid, (unsigned long long)le64toh(number),
                 frame->payload_len, (unsigned long long)ledger->next,
                 (unsigned long long)ledger->delivered, (unsigned long long)ledger->lost);
    ledger->next++;
    ledger->delivered++;
}

static void enter_gap(struct ledger *ledger, uint64_t count, uint64_t reason)
{
    if (count == 0)
        fail_msg("sid %llu: a gap of nothing", (unsigned long long)ledger->sid);
    assert_in_range(reason, 1, LEDGER_MAX_REASON - 1);
    ledger->next += count;
    ledger->lost += count;
    ledger->lost_by[reason] += count;
    ledger->n_gaps++;
}

void ledger_enter(struct ledger *ledger, const struct wire *wire, const struct wire_frame *frame)
{
    if (frame->op == OP_MESSAGE && wire_selects(wire, ledger->sid))
        enter_message(ledger, &frame->frame);
    else if (frame->op == OP_GAP && frame->envelope.gap.sid == ledger->sid)
        enter_gap(ledger, frame->envelope.gap.count, frame->envelope.gap.reason);
}

void ledger_read_to_pong(struct ledger *ledgers, size_t n, struct wire *wire, uint64_t ref)
{
    struct wire_frame f;

    for (wire_next(wire, &f); f.op != OP_PONG || f.envelope.ref != ref; wire_next(wire, &f)) {
        for (size_t i = 0; i < n; i++)
            ledger_enter(&ledgers[i], wire, &f);
    }
}

void ledger_expect(const struct ledger *ledger, uint64_t n_sent)
{
    if (ledger->delivered + ledger->lost != n_sent)
        fail_msg("sid %llu: %llu delivered + %llu announced, but %llu sent",
                 (unsigned long long)ledger->sid, (unsigned long long)ledger->delivered,
                 (unsigned long long)ledger->lost, (unsigned long long)n_sent);
}
