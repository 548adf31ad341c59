/*
 * The harness of the comparison, as a peer's program (peer.h) sees it.
 *
 * It has main(): it reads the command line into bench_options, forks a process a role, and calls the functions
 * of `peer` in them. What stands here may be called from those functions only, in the role's own process. The
 * harness has raised the limit of descriptors to the hard limit, ignores SIGPIPE, and ends all roles itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBJECT         "orders.eu.created"
#define SECOND_SUBJECT  "orders.us.created"
#define BOTH_SUBJECTS   "orders.*.created"
#define CONTROL_SUBJECT "ctl.all" /* of w6: probes and ends, which each connection hears */
#define REQUEST_SUBJECT "svc.echo"

#define MAX_SUBJECT_LEN 63 /* of every subject of the comparison, before and after peer.spell */
#define MIN_SIZE        16 /* of a payload: a letter that says what it is, and a number */

/* The command line. Where an option is not given it has its default. */
struct bench_options {
    const char *workload; /* "w1" … "w7", "serve" */
    const char *address;  /* --addr: where the broker listens, as the peer spells it; not NULL */
    const char *variant;  /* --variant: of the peer's choosing; "" */
    size_t size;          /* --size: of a payload, bytes; probes and ends have MIN_SIZE */
    unsigned n_pubs;      /* --pubs: publishers, a process each */
    unsigned n_subs;      /* --subs: subscribing connections (of w6: --conns) */
    unsigned n_procs;     /* --procs: processes that share them */
    unsigned n_out;       /* --out: requests open at a time */
    unsigned n_idle;      /* --idle */
    unsigned chunk;       /* --chunk: of a broker of ours, bytes read at a time; 0: its default */
    unsigned sndbuf;      /* --sndbuf: SO_SNDBUF of a program of ours; 0: its default */
};
extern const struct bench_options *const bench_options;

/** Says that this role has connected and, where that is its part, that its subscriptions are in force. */
void bench_ready(void);

/**
 * The patterns that a connection subscribes to, as peer.spell spells them. Of most workloads it is one; of w6
 * some ten thousand.
 * @param connection  first … first + n - 1 of peer.subs_run
 * @return borrowed, for ever
 */
const char *const *bench_patterns(unsigned connection, unsigned *ret_n);

/**
 * Takes the payload of a message that came to a connection; it may be unaligned, and is not kept.
 * @return true when all connections of this process have heard the end: subs_run returns
 */
bool bench_take(unsigned connection, const void *payload, size_t len);

/** Nanoseconds of CLOCK_MONOTONIC. */
int64_t bench_now_ns(void);

/** Prints `peer-NAME: TEXT` to standard error and ends the process: the run fails. */
__attribute__((format(printf, 1, 2))) _Noreturn void bench_die(const char *format, ...);
