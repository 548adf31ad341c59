#include "client/lib/message.h"

#include "client/lib/handle.h"

bool message_read(struct frame *ret, const uint8_t *frame, size_t size)
{
    return frame_read(ret, frame + FRAME_PREFIX, size - FRAME_PREFIX, NULL) &&
           ret->subject_len <= MAX_SUBJECT && ret->status <= UINT16_MAX &&
           WORD_FDS(ret->word) == 0;
}

const char *broker_message_subject(const broker_message *m, size_t *ret_len)
{
    if (ret_len)
        *ret_len = m->subject_len;
    return m->subject;
}

const void *broker_message_payload(const broker_message *m, size_t *ret_len)
{
    if (ret_len)
        *ret_len = m->payload_len;
    return m->payload ? m->payload : (const uint8_t *)"";
}

const void *broker_message_headers(const broker_message *m, size_t *ret_len)
{
    if (ret_len)
        *ret_len = m->headers_len;
    return m->headers_len > 0 ? m->headers : NULL;
}

unsigned broker_message_flags(const broker_message *m)
{
    return (m->word & WORD_MSGPACK ? BROKER_MSGPACK : 0u) |
           (m->word & WORD_MORE ? BROKER_MORE : 0u);
}

uint64_t broker_message_sender(const broker_message *m)
{
    return m->sender;
}

uint32_t broker_message_status(const broker_message *m)
{
    return m->status;
}

int broker_message_credentials(const broker_message *m, struct broker_credentials *ret)
{
    const struct broker_credentials *found = m->who;

    if (!found && m->b)
        found = peers_find(&m->b->peers, m->sender);
    if (!found)
        return -BROKER_E_INVALID;
    *ret = *found;
    return 0;
}
