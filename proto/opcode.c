#include "proto/opcode.h"

#define CASE_TEXT(number, name, text) \
    case number:                      \
        return text;

const char *policy_text(uint32_t policy)
{
    switch (policy) {
        POLICY_MAP(CASE_TEXT)
    default:
        return "unknown";
    }
}

const char *gap_text(uint32_t gap)
{
    switch (gap) {
        GAP_MAP(CASE_TEXT)
    default:
        return "unknown";
    }
}
