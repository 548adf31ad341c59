/* A writer of msgpack into memory that the caller has sized.
 *
 * The other half of cursor.h, for the frames that are written often. It takes
 * the shortest form of every value; the fixed-width forms that the wire asks
 * for have functions of their own. Running out of room sets `full` and writes
 * nothing more, so a caller checks once, at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
    uint8_t *p;
    uint8_t *end;
    bool full;
};

void writer_nil(struct writer *writer);
void writer_bool(struct writer *writer, bool value);
void writer_uint(struct writer *writer, uint64_t value);
void writer_u32(struct writer *writer, uint32_t value); /* ce, always 5 bytes */
void writer_u64(struct writer *writer, uint64_t value); /* cf, always 9 bytes */
void writer_str(struct writer *writer, const char *s, size_t len);
void writer_bin(struct writer *writer, const void *data, size_t len);
void writer_array(struct writer *writer, uint32_t n);
void writer_map(struct writer *writer, uint32_t n);
