/* What the broker counts from its start, each a line of $SYS.stats.
 *
 * One table: name (a C identifier, and the key in $SYS.stats), and what it
 * counts. Counters only grow. Adding one is one line here; counters.c lists
 * them by name for whoever prints them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define COUNTERS_MAP(X)                                                                            \
    /* connections */                                                                              \
    X(accepted, "connections accepted")                                                            \
    X(refused_descriptors, "connections refused: out of file descriptors")                         \
    X(refused_identity, "connections refused: the kernel did not say who it is")                   \
    X(refused_denied, "connections refused: not allowed in")                                       \
    X(refused_quota, "connections refused: too many of one uid, or in all")                        \
    X(refused_memory, "connections refused: out of memory")                                        \
    X(refused_shutdown, "connections refused: the broker is going down")                           \
    X(refused_hello, "connections ended by a HELLO that was wrong or late")                        \
    X(left, "connections that said goodbye")                                                       \
    X(vanished, "connections that ended without a word")                                           \
    X(evicted, "connections the broker ended: they held most, took nothing, and others had too little") \
    X(expelled, "connections the broker ended: the wire broken, or too slow")                      \
    /* the wire */                                                                                 \
    X(bytes_in, "bytes read from clients")                                                         \
    X(bytes_out, "bytes written to clients")                                                       \
    X(frames_in, "frames handled")                                                                 \
    X(frames_rewritten, "frames that had to be rewritten before delivery (slow path)")             \
    X(reads, "read calls")                                                                         \
    X(writes, "write calls")                                                                       \
    X(writes_short, "write calls that the kernel took only a part of")                             \
    /* policy and limits */                                                                        \
    X(denied, "requests, subscriptions and the like refused by policy; messages count for themselves") \
    X(limited, "subscriptions, services and requests refused by a limit")                          \
    X(audited, "what policy would have refused, were it enforced")                                 \
    /* publish and subscribe */                                                                    \
    X(messages_in, "messages published")                                                           \
    X(messages_refused, "messages refused")                                                        \
    X(messages_unmatched, "messages that no subscription matched")                                 \
    X(deliveries, "messages queued for a receiver, one a subscription or group")                   \
    X(lost_drop_old, "deliveries lost: an old message made room")                                  \
    X(lost_drop_new, "deliveries lost: a new message found no room")                               \
    X(lost_latest, "deliveries lost: replaced by a newer one of its subject")                      \
    X(lost_stuck, "deliveries lost: the receiver waits, but did not read in time")                 \
    X(lost_connection_full, "deliveries lost: the connection's queue was full")                    \
    X(lost_too_many, "deliveries lost: more subscriptions of one client than one frame names")     \
    X(lost_left, "deliveries queued when their receiver left, or half-closed and may read on")     \
    X(gaps, "gaps announced")                                                                      \
    X(holds, "times a publisher was held for a receiver that waits")                               \
    X(held_ns, "nanoseconds publishers were held, all together")                                   \
    /* calls */                                                                                    \
    X(requests, "requests to one server")                                                          \
    X(surveys, "requests to all servers")                                                          \
    X(replies, "reply frames passed on")                                                           \
    X(replies_orphaned, "reply frames for a call that was no longer open")                         \
    X(calls_no_server, "requests nobody serves")                                                   \
    X(calls_busy, "requests refused: all servers busy")                                            \
    X(calls_server_gone, "requests whose server died or left")                                     \
    X(calls_timeout, "requests that ran out of time")                                              \
    X(calls_cancelled, "requests cancelled by the requester, or ended with it")                    \
    X(calls_overflow, "requests ended: the replies filled the requester's queue")                  \
    /* the loop and the index */                                                                   \
    X(rounds, "passes of the event loop")                                                          \
    X(cpu_ns, "nanoseconds of processor time that the broker used, user and system")               \
    X(lookups_cached, "subjects whose receivers were in the cache")                                \
    X(lookups_walked, "subjects whose receivers had to be looked for")                             \
    X(log_lines_lost, "log lines that stderr did not take")

struct counters {
#define COUNTERS_FIELD(name, sentence) uint64_t name;
    COUNTERS_MAP(COUNTERS_FIELD)
#undef COUNTERS_FIELD
};

enum { N_COUNTERS = sizeof(struct counters) / sizeof(uint64_t) };

/* The i-th counter (i < N_COUNTERS): its name and its sentence, constant
 * strings, and its value. In the table's order. */
const char *counters_name(size_t i);
const char *counters_sentence(size_t i);
uint64_t counters_value(const struct counters *counters, size_t i);
