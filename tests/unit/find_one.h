/* find_one.h: for the tests of viewer/findings/: the finding of a rule in a timeline made by hand. */
#ifndef TEST_FIND_ONE_H
#define TEST_FIND_ONE_H

#include <unistd.h>

#include "build_trace.h"
#include "viewer/findings/findings.h"

#define A_WHILE   60000 /* us: longer than a moment */
#define SOME_LOCK 0x7f0000001000

static struct findings *found;

/* The only finding of a rule; NULL: none. */
__attribute__((unused)) static const struct finding *one(const uint32_t *alive, enum rule_id rule)
{
    const struct finding *x = NULL;
    found = findings_find(trace_timeline(alive));
    cr_assert(found);
    for (size_t i = 0; i < found->count; i++) {
        if (found->list[i]->rule != rule) continue;
        cr_expect_null(x, "more than one %s", finding_rules[rule].name);
        x = found->list[i];
    }
    if (x) cr_expect(*x->title && *x->explanation && *x->fix && *x->subject);
    return x;
}

__attribute__((unused)) static void expect_severity(const struct finding *x, enum severity severity)
{
    cr_assert(x, "nothing found");
    cr_expect_eq(x->severity, severity, "%s", x->title);
}

/* A process, its thread, and a child forked meanwhile; `stays` us. */
static ft_ref root, thread, child;
__attribute__((unused)) static void forked_with_a_thread(useconds_t stays)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    thread = trace_thread_at(root, 100, 110, 0xabc);
    trace_thread_name(root, 0xabc, "ticker");
    child = trace_forked(root, 101);
    usleep(stays);
}

#endif
