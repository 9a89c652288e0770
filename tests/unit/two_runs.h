/* two_runs.h: for the tests of viewer/diff/: two runs made by hand, compared. */
#ifndef TEST_TWO_RUNS_H
#define TEST_TWO_RUNS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_trace.h"
#include "viewer/command.h"
#include "viewer/diff/diff.h"

static struct loaded loaded[2];
static struct diff *d;

/* What has been written is B, what was before trace_another is A. */
__attribute__((unused)) static void compare(const char *a)
{
    cr_assert_eq(load(&loaded[0], a, false), 0);
    cr_assert_eq(load(&loaded[1], trace_path(), false), 0);
    cr_assert(d = diff_of(&loaded[0], &loaded[1]));
}

__attribute__((unused)) static void end(void)
{
    if (d) diff_free(d), unload(&loaded[0]), unload(&loaded[1]);
    trace_end();
}
__attribute__((unused)) static const struct fact *fact(enum section section, const char *subject)
{
    for (size_t i = 0; i < d->fact_count; i++)
        if (d->facts[i].section == section && !strcmp(d->facts[i].subject, subject)) return &d->facts[i];
    cr_assert(false, "nothing is told of %s", subject);
    return NULL;
}

__attribute__((unused)) static char *written(diff_format *format)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert(out && format(out, d));
    fclose(out);
    return text;
}

#define A_WHILE 60000 /* us: longer than a moment */

static ft_ref root, thread;

__attribute__((unused)) static void with_thread(uint32_t pid, const char *argv, const char *name)
{
    root = trace_image(pid, 1, FT_BIRTH_ROOT, argv);
    thread = trace_thread_at(root, pid, pid + 10, 0xabc);
    trace_thread_name(root, 0xabc, name);
}

__attribute__((unused)) static void leave(ft_ref who, int status) { trace_exit(who, FT_EXIT__exit, status); }

__attribute__((unused)) static void flask(void)
{
    with_thread(100, "flask run", "ticker");
    leave(root, 0);
}

#endif
