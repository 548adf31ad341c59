#include "broker/config_suggest.h"

#include <string.h>

enum { NAME_MAX_BYTES = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the usual table are enough: swaps look two rows back. */
static size_t distance_of(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NAME_MAX_BYTES + 1]; /* for each byte of b */
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t changed = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(changed, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

void config_suggest_offer(struct config_suggest *suggest, const char *name)
{
    size_t wanted_len = strlen(suggest->wanted), len = strlen(name), near = (len + 2) / 3;
    if (len > NAME_MAX_BYTES || wanted_len > len + near || wanted_len + near < len)
        return; /* so many have to be added or left out at least */
    size_t distance = distance_of(suggest->wanted, wanted_len, name, len);
    if (distance < suggest->distance && distance <= near) {
        suggest->best = name;
        suggest->distance = distance;
    }
}
