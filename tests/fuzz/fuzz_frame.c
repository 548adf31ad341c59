/* MESSAGE, REQUEST and REPLY. The input is a frame behind its prefix. */
#include "proto/frame.h"

#include "tests/fuzz/fuzz.h"
#include "tests/unit/frame_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *broken = frame_check(data, len);
    struct envelope envelope;
    struct frame frame;

    if (broken)
        fuzz_broken(__FILE__, __LINE__, broken);
    /* No frame can be taken for one of the other kind. */
    REQUIRE(!frame_read(&frame, data, len, NULL) || !envelope_read(&envelope, data, len, NULL));
    return 0;
}
