#include "tests/bench/harness/subjects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness/plan.h"
#include "tests/bench/peers/peer.h"

typedef char spelled[MAX_SUBJECT_LEN + 1];

/* As a pattern a subject may be spelled otherwise than as a subject. */
struct name {
    spelled subject;
    spelled pattern;
};

static struct name first, second, both;
static struct name *names; /* of w6 */

static void spell(char *to, const char *subject, bool is_pattern)
{
    snprintf(to, sizeof(spelled), "%s", subject);
    if (peer.spell)
        peer.spell(to, is_pattern);
}

static void name_init(struct name *name, const char *subject, const char *pattern)
{
    spell(name->subject, subject, false);
    spell(name->pattern, pattern, true);
}

static void names_make(unsigned i)
{
    spelled subject, pattern;

    if (plan.wild && i % plan.wild == plan.wild - 1) {
        snprintf(pattern, sizeof(pattern), "stock.s%05u.*.x", i);
        snprintf(subject, sizeof(subject), "stock.s%05u.k%u.x", i, i % 7);
        name_init(&names[i], subject, pattern);
    } else {
        snprintf(subject, sizeof(subject), "orders.r%u.o%05u", i % 97, i);
        name_init(&names[i], subject, subject);
    }
}

void subjects_init(void)
{
    const char *control = plan.workload == MANY ? CONTROL_SUBJECT : SUBJECT;

    name_init(&first, control, control);
    name_init(&second, SECOND_SUBJECT, SECOND_SUBJECT);
    name_init(&both, SUBJECT, BOTH_SUBJECTS);
    if (plan.workload != MANY)
        return;
    names = calloc(plan.n_names, sizeof(*names));
    if (!names)
        bench_die("no memory for %u subjects", plan.n_names);
    for (unsigned i = 0; i < plan.n_names; i++)
        names_make(i);
}

const char *subjects_control(void)
{
    return first.subject;
}

unsigned subjects_turns(const char *ret[])
{
    ret[0] = first.subject;
    ret[1] = second.subject;
    return plan.n_subjects;
}

const char *subjects_name(unsigned i)
{
    return names[i].subject;
}

/* Every n_conns-th pattern, and the control subject. */
static const char **patterns_of_many(unsigned connection, unsigned *ret_n)
{
    const char **list = calloc(plan.n_names / plan.n_conns + 2, sizeof(*list));
    unsigned n = 0;

    if (!list)
        bench_die("no memory for patterns");
    list[n++] = first.pattern;
    for (unsigned i = connection; i < plan.n_names; i += plan.n_conns)
        list[n++] = names[i].pattern;
    *ret_n = n;
    return list;
}

const char *const *bench_patterns(unsigned connection, unsigned *ret_n)
{
    static const char *const two[MAX_TURNS] = { first.pattern, second.pattern };
    static const char *const one = both.pattern;

    if (plan.workload == MANY)
        return patterns_of_many(connection, ret_n);
    *ret_n = plan.n_subjects;
    if (plan.n_subjects == 1 || strcmp(plan.subjects_by, "subscription") == 0)
        return two;
    *ret_n = 1;
    return &one;
}
