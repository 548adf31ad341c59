/* The broker's own events: what happened, told at the end of the round.
 *
 * They are made where something happens, possibly in the middle of a delivery,
 * and published when nothing else is under way. `wait` counts as `drop-old` for
 * them, and their loss makes a gap, never another event.
 */
#pragma once

struct event {
    struct event *next;
    const char *subject;
    size_t len;
    char body[]; /* msgpack */
};
