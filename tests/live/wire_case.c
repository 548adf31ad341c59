#include "tests/live/wire_case.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/kit/runner.h"

enum { SHOWN = 20, MAX_SETUPS = 8, MAX_DIFFERENCES = 8, MAX_COLUMNS = 5, SHOWN_BYTES = 64 };

struct wire_cases {
    FILE *in;
    bool made;
    enum wire_part part;
    unsigned n_states; /* of the case, read so far */
    struct wire_setup setups[MAX_SETUPS];
    unsigned n_setups;
    struct difference {
        char *right, *instead;
        unsigned n;
    } differences[MAX_DIFFERENCES];
    unsigned n_differences;
    unsigned n_wrong;
    char *line, *name_line; /* the last line, and the last that began a case */
    size_t line_cap, name_cap;
    size_t n_names;
    struct wire_case at;
};

/* -- lines ----------------------------------------------------------------------------------- */

static struct wire_cases *open_stream(FILE *in, bool made, enum wire_part part, const char *what)
{
    struct wire_cases *cases = calloc(1, sizeof *cases);

    if (!in || !cases)
        fail_msg("no wire cases from %s: %s", what, strerror(errno));
    cases->in = in;
    cases->made = made;
    cases->part = part;
    return cases;
}

struct wire_cases *wire_cases_open(const char *path, enum wire_part part)
{
    return open_stream(fopen(path, "re"), false, part, path);
}

struct wire_cases *wire_cases_make(const char *side, const char *what)
{
    char command[1024];

    snprintf(command, sizeof command, "exec %s %s %s", WIRE_CASES_COMMAND, side, what);
    return open_stream(popen(command, "re"), true, WIRE_SOME, command);
}

static unsigned split(char *line, char *columns[MAX_COLUMNS])
{
    unsigned n = 0;

    line[strcspn(line, "\n")] = '\0';
    for (char *at = line; at && n < MAX_COLUMNS; n++) {
        columns[n] = strsep(&at, "\t");
    }
    return n;
}

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void read_hex(struct wire_bytes *ret, const char *hex)
{
    ret->len = strlen(hex) / 2;
    if (ret->len >= ret->cap) {
        ret->cap = ret->len + 1024;
        ret->p = realloc(ret->p, ret->cap);
        assert_non_null(ret->p);
    }
    for (size_t i = 0; i < ret->len; i++)
        ret->p[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
}

static void read_setup(struct wire_cases *cases, char *columns[MAX_COLUMNS])
{
    struct wire_setup *setup = &cases->setups[cases->n_setups++];

    assert_in_range(cases->n_setups, 1, MAX_SETUPS);
    setup->state = strdup(columns[1]);
    read_hex(&setup->first, columns[2]);
    read_hex(&setup->rest, columns[3]);
    setup->trace = strdup(columns[4]);
}

static void read_difference(struct wire_cases *cases, char *columns[MAX_COLUMNS])
{
    assert_in_range(cases->n_differences, 0, MAX_DIFFERENCES - 1);
    cases->differences[cases->n_differences++] =
        (struct difference){ .right = strdup(columns[1]), .instead = strdup(columns[2]) };
}

static void read_tokens(struct wire_case *c, char *places)
{
    c->n_tokens = 0;
    for (char *place; (place = strsep(&places, ",")) && *place;) {
        assert_in_range(c->n_tokens, 0, WIRE_MAX_TOKENS - 1);
        c->tokens[c->n_tokens++] = strtoul(place, NULL, 10);
    }
}

/* The name stays where it is while the lines of its states are read. */
static void read_case(struct wire_cases *cases, char *columns[MAX_COLUMNS])
{
    char *line = cases->name_line;
    size_t cap = cases->name_cap;

    cases->at.name = columns[1];
    read_hex(&cases->at.bytes, columns[2]);
    read_tokens(&cases->at, columns[3]);
    cases->name_line = cases->line;
    cases->name_cap = cases->line_cap;
    cases->line = line;
    cases->line_cap = cap;
    cases->n_names++;
    cases->n_states = 0;
}

static void read_state(struct wire_cases *cases, char *columns[MAX_COLUMNS])
{
    cases->n_states++;
    cases->at.of = cases;
    cases->at.state = columns[1];
    cases->at.trace = columns[2];
    cases->at.theirs = columns[3];
    cases->at.setup = wire_cases_setup(cases, columns[1]);
}

/* The first state of a case is the one that it is written for. */
static bool is_wanted(const struct wire_cases *cases)
{
    return cases->part != WIRE_TWO_STATES || cases->n_states == 1 ||
           cases->n_states - 2 == cases->n_names % (cases->n_setups - 1);
}

const struct wire_case *wire_cases_next(struct wire_cases *cases)
{
    char *columns[MAX_COLUMNS] = { 0 };

    while (getline(&cases->line, &cases->line_cap, cases->in) > 0) {
        unsigned n = split(cases->line, columns);
        if (n == 5 && strcmp(columns[0], "setup") == 0) {
            read_setup(cases, columns);
        } else if (n == 3 && strcmp(columns[0], "differs") == 0) {
            read_difference(cases, columns);
        } else if (n == 4 && strcmp(columns[0], "case") == 0) {
            read_case(cases, columns);
        } else if (n == 4 && strcmp(columns[0], "in") == 0) {
            read_state(cases, columns);
            if (is_wanted(cases))
                return &cases->at;
        } else {
            fail_msg("not a line of wire cases: %s", columns[0]);
        }
    }
    return NULL;
}

void wire_cases_close(struct wire_cases *cases)
{
    int status = cases->made ? pclose(cases->in) : fclose(cases->in);

    for (unsigned i = 0; i < cases->n_setups; i++) {
        free(cases->setups[i].state);
        free(cases->setups[i].first.p);
        free(cases->setups[i].rest.p);
        free(cases->setups[i].trace);
    }
    for (unsigned i = 0; i < cases->n_differences; i++) {
        free(cases->differences[i].right);
        free(cases->differences[i].instead);
    }
    free(cases->at.bytes.p);
    free(cases->line);
    free(cases->name_line);
    free(cases);
    if (status != 0)
        fail_msg("wire_cases.py ended with %d", status);
}

const struct wire_setup *wire_cases_setup(const struct wire_cases *cases, const char *state)
{
    for (unsigned i = 0; i < cases->n_setups; i++) {
        if (strcmp(cases->setups[i].state, state) == 0)
            return &cases->setups[i];
    }
    fail_msg("no setup of the state %s", state);
    return NULL;
}

/* -- what is wrong --------------------------------------------------------------------------- */

static void print_bytes(const struct wire_bytes *bytes)
{
    for (size_t i = 0; i < bytes->len && i < SHOWN_BYTES; i++)
        print_error("%02x", bytes->p[i]);
    print_error(bytes->len > SHOWN_BYTES ? "… (%zu bytes)\n" : "\n", bytes->len);
}

/* Whether `got` is what was wanted but for a difference that is known. */
static bool is_known(struct wire_cases *cases, const char *wanted, const char *got)
{
    for (unsigned i = 0; i < cases->n_differences; i++) {
        struct difference *d = &cases->differences[i];
        const char *at = strstr(wanted, d->right);
        size_t before = at ? (size_t)(at - wanted) : 0, len = strlen(d->instead);
        if (!at || strncmp(got, wanted, before) != 0 ||
            strncmp(got + before, d->instead, len) != 0 ||
            strcmp(got + before + len, at + strlen(d->right)) != 0)
            continue;
        d->n++;
        return true;
    }
    return false;
}

void wire_case_check(const struct wire_case *c, const char *whose, const char *wanted,
                     const char *got)
{
    if (strcmp(wanted, got) == 0 || is_known(c->of, wanted, got) || ++c->of->n_wrong > SHOWN)
        return;
    print_error("%s (%s)\n  ", c->name, c->state);
    print_bytes(&c->bytes);
    print_error("  %s: wanted  %s\n  %s: got     %s\n", whose, wanted, whose, got);
}

void wire_cases_judge(const struct wire_cases *cases, enum wire_part part)
{
    print_message("  %zu cases\n", cases->n_names);
    for (unsigned i = 0; i < cases->n_differences; i++) {
        const struct difference *d = &cases->differences[i];
        print_message("  known: \"%s\" instead of \"%s\" %u times\n", d->instead, d->right, d->n);
        if (part != WIRE_SOME && d->n == 0)
            fail_msg("\"%s\" comes out as it should: the line \"differs\" is of no use any more",
                     d->right);
    }
    if (cases->n_wrong > 0)
        fail_msg("%u cases came out otherwise", cases->n_wrong);
}
