#include "proto/writer.h"

#include <string.h>

/* Room for both, or NULL from the first time that there is none: what follows
 * a hole would be read as something else. */
static uint8_t *take(struct writer *writer, size_t head, size_t body)
{
    uint8_t *p = writer->p;
    size_t room = (size_t)(writer->end - p);

    if (writer->full || head > room || body > room - head || (uint64_t)body > UINT32_MAX) {
        writer->full = true;
        return NULL;
    }
    writer->p = p + head + body;
    return p;
}

static void store_be(uint8_t *p, uint64_t value, unsigned width)
{
    for (unsigned i = width; i > 0; i--) {
        p[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

/* `first`, then the value in `width` bytes; room for `body` more behind them,
 * at what is returned. */
static uint8_t *put(struct writer *writer, uint8_t first, unsigned width, uint64_t value,
                    size_t body)
{
    uint8_t *p = take(writer, 1 + width, body);

    if (!p)
        return NULL;
    p[0] = first;
    store_be(p + 1, value, width);
    return p + 1 + width;
}

void writer_nil(struct writer *writer)
{
    put(writer, 0xc0, 0, 0, 0);
}

void writer_bool(struct writer *writer, bool value)
{
    put(writer, value ? 0xc3 : 0xc2, 0, 0, 0);
}

void writer_u32(struct writer *writer, uint32_t value)
{
    put(writer, 0xce, 4, value, 0);
}

void writer_u64(struct writer *writer, uint64_t value)
{
    put(writer, 0xcf, 8, value, 0);
}

void writer_uint(struct writer *writer, uint64_t value)
{
    if (value < 0x80)
        put(writer, (uint8_t)value, 0, 0, 0);
    else if (value <= UINT8_MAX)
        put(writer, 0xcc, 1, value, 0);
    else if (value <= UINT16_MAX)
        put(writer, 0xcd, 2, value, 0);
    else if (value <= UINT32_MAX)
        writer_u32(writer, (uint32_t)value);
    else
        writer_u64(writer, value);
}

void writer_str(struct writer *writer, const char *s, size_t len)
{
    uint8_t *p;

    if (len < 32)
        p = put(writer, (uint8_t)(0xa0 | len), 0, 0, len);
    else if (len <= UINT8_MAX)
        p = put(writer, 0xd9, 1, len, len);
    else if (len <= UINT16_MAX)
        p = put(writer, 0xda, 2, len, len);
    else
        p = put(writer, 0xdb, 4, len, len);
    /* An empty string may come as NULL, which memcpy(3) does not take. */
    if (p && len > 0)
        memcpy(p, s, len);
}

void writer_bin(struct writer *writer, const void *data, size_t len)
{
    uint8_t *p;

    if (len <= UINT8_MAX)
        p = put(writer, 0xc4, 1, len, len);
    else if (len <= UINT16_MAX)
        p = put(writer, 0xc5, 2, len, len);
    else
        p = put(writer, 0xc6, 4, len, len);
    if (p && len > 0)
        memcpy(p, data, len);
}

void writer_array(struct writer *writer, uint32_t n)
{
    if (n < 16)
        put(writer, (uint8_t)(0x90 | n), 0, 0, 0);
    else if (n <= UINT16_MAX)
        put(writer, 0xdc, 2, n, 0);
    else
        put(writer, 0xdd, 4, n, 0);
}

void writer_map(struct writer *writer, uint32_t n)
{
    if (n < 16)
        put(writer, (uint8_t)(0x80 | n), 0, 0, 0);
    else if (n <= UINT16_MAX)
        put(writer, 0xde, 2, n, 0);
    else
        put(writer, 0xdf, 4, n, 0);
}
