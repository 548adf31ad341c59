/* The control frames. The input is a frame behind its prefix. */
#include "proto/envelope.h"

#include "tests/fuzz/fuzz.h"
#include "tests/unit/frame_check.h"

/* Whether data[0..len) is one array and nothing else. Its elements may each be
 * as deep as a cursor goes. */
static bool is_array(const uint8_t *data, size_t len)
{
    struct cursor cursor = { data, data + len };
    uint32_t n;

    if (!cursor_array(&cursor, &n))
        return false;
    while (n-- > 0) {
        if (!cursor_skip(&cursor))
            return false;
    }
    return cursor.p == cursor.end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *broken = envelope_check(data, len);
    struct envelope envelope;

    if (broken)
        fuzz_broken(__FILE__, __LINE__, broken);
    if (envelope_read(&envelope, data, len, NULL))
        REQUIRE(is_array(data, len));
    return 0;
}
