/*
 * The wire cases of tests/live/cases, as wire_cases.py there prints them: one case in one state at a time.
 *
 *     struct wire_cases *cases = wire_cases_open(path, WIRE_ALL_STATES);
 *     while ((c = wire_cases_next(cases)))
 *         ... c->bytes ... c->trace ...
 *     wire_cases_close(cases);
 *
 * What wire_cases_next() returns is good until it is called again.
 */
#ifndef TESTS_LIVE_WIRE_CASE_H
#define TESTS_LIVE_WIRE_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { WIRE_MAX_TOKENS = 16 };

/* Of the cases that there are: */
enum wire_part {
    WIRE_ALL_STATES, /* every one in every state */
    WIRE_TWO_STATES, /* every one in the state that it is written for, and in one of the others in turn */
    WIRE_SOME,       /* as they come, and not all of them */
};

struct wire_bytes {
    uint8_t *p;
    size_t len;
    size_t cap;
};

/** What a state has sent before a case, and what comes of it. */
struct wire_setup {
    char *state;
    struct wire_bytes first; /* client side: what answers HELLO */
    struct wire_bytes rest;
    char *trace;
};

struct wire_case {
    const char *name;
    struct wire_bytes bytes;
    const char *state;
    const struct wire_setup *setup;
    /* Where the token of the state "serving" stands in the bytes. */
    size_t tokens[WIRE_MAX_TOKENS];
    unsigned n_tokens;
    const char *trace;  /* what is to come of it, "; " between */
    const char *theirs; /* what the witness is to get of it */
    struct wire_cases *of;
};

struct wire_cases;

/** Cases from a file that was written before; fails the test if there is none. */
struct wire_cases *wire_cases_open(const char *path, enum wire_part part);
/** Cases of @p side ("broker", "client") as wire_cases.py makes them while they are read: @p what is its last words. */
struct wire_cases *wire_cases_make(const char *side, const char *what);
/** The next case in its next state; NULL at the end. */
const struct wire_case *wire_cases_next(struct wire_cases *cases);
/** Fails the test if the generator failed. */
void wire_cases_close(struct wire_cases *cases);

/** The setup of @p state; fails the test if there is none. */
const struct wire_setup *wire_cases_setup(const struct wire_cases *cases, const char *state);

/** Compares what was wanted of a case with what came; the first twenty of a test that differ are told in full. */
void wire_case_check(const struct wire_case *c, const char *whose, const char *wanted,
                     const char *got);
/**
 * Says how many cases there were, and how many came out as a known difference has it. Fails the test if others
 * differed; and, if not only WIRE_SOME were run, if a known difference did not show.
 */
void wire_cases_judge(const struct wire_cases *cases, enum wire_part part);

#endif
