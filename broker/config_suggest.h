/* "Did you mean ...?": the nearest of some names.
 *
 * Distance is that of Damerau and Levenshtein (optimal string alignment): a byte
 * added, left out, changed, or two neighbours swapped, each 1. Offered before
 * another name, each once; a name is near enough within a third of its length. Pure.
 */
#pragma once

#include <stddef.h>

struct config_suggest {
    const char *wanted;
    const char *best; /* NULL: nothing is near */
    size_t distance;
};

#define CONFIG_SUGGEST_INIT(wanted) \
    {                               \
        (wanted), NULL, (size_t)-1  \
    }

void config_suggest_offer(struct config_suggest *suggest, const char *name);
