#include "broker/route/row.h"

#include <stdlib.h>
#include <string.h>

#include "broker/route/route.h"
#include "proto/limits.h"

/* ---- by sid ------------------------------------------------------------------ */

enum { DIGIT_BITS = 8, N_DIGITS = 1 << DIGIT_BITS, SID_BITS = 24 };

static uint32_t digit(const struct lane *lane, unsigned shift)
{
    return lane->sid >> shift & (N_DIGITS - 1);
}

/* Those that differ in no bit of it stay as they are: the rest costs the same for all. */
static void sort_by_digit(struct lane **lanes, uint32_t n, unsigned shift)
{
    struct lane *sorted[MAX_OVERLAP];
    uint16_t end[N_DIGITS] = { 0 };
    for (uint32_t i = 0; i < n; i++)
        end[digit(lanes[i], shift)]++;
    if (end[digit(lanes[0], shift)] == n)
        return;
    for (uint32_t i = 1; i < N_DIGITS; i++)
        end[i] = (uint16_t)(end[i] + end[i - 1]);
    for (uint32_t i = n; i-- > 0;)
        sorted[--end[digit(lanes[i], shift)]] = lanes[i];
    memcpy(lanes, sorted, n * sizeof *lanes);
}

static void sort_few(struct lane **lanes, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        struct lane *lane = lanes[i];
        uint32_t at = i;
        for (; at > 0 && lanes[at - 1]->sid > lane->sid; at--)
            lanes[at] = lanes[at - 1];
        lanes[at] = lane;
    }
}

void lanes_sort(struct lane **lanes, uint32_t n)
{
    if (n <= 16) {
        sort_few(lanes, n);
        return;
    }
    for (unsigned shift = 0; shift < SID_BITS; shift += DIGIT_BITS)
        sort_by_digit(lanes, n, shift);
}

/* ---- a row ------------------------------------------------------------------- */

size_t row_size(const struct row *row)
{
    return sizeof *row + (row->n + row->n_beyond) * sizeof(struct lane *) + sizeof *row->to +
           row->to->n * sizeof(struct lane *);
}

static void note(struct row *row, const struct lane *lane)
{
    row->one_by_one |= sub_of((struct lane *)lane)->extra != NULL;
    row->max_bytes = lane->max_bytes < row->max_bytes ? lane->max_bytes : row->max_bytes;
    row->max_messages =
        lane->max_messages < row->max_messages ? lane->max_messages : row->max_messages;
}

static struct row *row_new(struct lane *const *lanes, uint32_t n)
{
    struct lane *sorted[MAX_OVERLAP];
    uint32_t n_named = n < MAX_SIDS ? n : MAX_SIDS;
    struct row *row = malloc(sizeof *row + (2 * n - n_named) * sizeof *lanes);
    if (!row)
        return NULL;
    memcpy(sorted, lanes, n * sizeof *lanes);
    lanes_sort(sorted, n);
    *row = (struct row){
        .refs = 1,
        .n = n,
        .n_beyond = n - n_named,
        .max_bytes = UINT32_MAX,
        .max_messages = UINT32_MAX,
        .is_new = true,
        .to = audience_new(sorted, n_named),
        .beyond = row->lanes + n,
    };
    if (!row->to) {
        free(row);
        return NULL;
    }
    memcpy(row->lanes, lanes, n * sizeof *lanes);
    memcpy(row->beyond, sorted + n_named, row->n_beyond * sizeof *lanes);
    for (uint32_t i = 0; i < row->n_beyond; i++)
        audience_ref(&row->beyond[i]->solo);
    for (uint32_t i = 0; i < n; i++)
        note(row, lanes[i]);
    return row;
}

void row_unref(struct row *row)
{
    if (!row || --row->refs > 0)
        return;
    for (uint32_t i = 0; i < row->n_beyond; i++)
        lane_unref(row->beyond[i]);
    audience_unref(row->to);
    free(row);
}

/* ---- those that are kept -------------------------------------------------------- */

static struct row **place_of(struct route *route, const struct client *client)
{
    return &route->rows[client->conn.card->id % ROWS_KEPT];
}

static bool is_of(const struct row *row, struct lane *const *lanes, uint32_t n)
{
    return row && row->n == n && memcmp(row->lanes, lanes, n * sizeof *lanes) == 0;
}

struct row *row_get(struct route *route, struct client *client, struct lane *const *lanes,
                    uint32_t n)
{
    struct row **place = place_of(route, client);
    struct row *row = *place;
    if (is_of(row, lanes, n)) {
        row->is_new = false;
    } else {
        row = row_new(lanes, n);
        if (!row)
            return NULL;
        row_unref(*place);
        *place = row;
    }
    row->refs++;
    return row;
}

void row_forget(struct route *route, const struct client *client)
{
    struct row **place = place_of(route, client);
    if (!*place || sub_of((*place)->lanes[0])->reg.client != client)
        return;
    row_unref(*place);
    *place = NULL;
}

void row_forget_all(struct route *route)
{
    for (unsigned i = 0; i < ROWS_KEPT; i++) {
        row_unref(route->rows[i]);
        route->rows[i] = NULL;
    }
}
