/* facts_global.c: a global in words: all its copies side by side, so that "master 34, worker 1: 1" is seen at
 * a glance. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "viewer/names.h"
#include "viewer/text.h"
#include "window.h"

#define COPIES_SHOWN 60
#define WORDS        120

static void written_words(const struct timeline *t, const struct copy *copy, char *buffer, size_t size)
{
    char name[200], time[TEXT_SHORT], place[NAMES_TEXT], where[300] = "";
    if (copy->changes && copy->changed > copy->written) {
        snprintf(buffer, size, "changed%s, seen at %s: writer not seen",
                 t->globals[copy->global].c ? "" : " in place",
                 time_text(copy->changed, 1000, time, sizeof time));
        return;
    }
    if (!copy->writes || copy->written == NEVER) {
        snprintf(buffer, size, "%s",
                 copy->birth == COPY_BY_FORK ? "as at the fork: never written here" : "never written");
        return;
    }
    if (copy->file)
        snprintf(where, sizeof where, " (%s:%u)", copy->file, copy->line);
    else if (*names_written(place, sizeof place, t, copy))
        snprintf(where, sizeof where, " at %s", place);
    bool known = copy->writer < t->thread_count;
    snprintf(buffer, size, "%llu write%s, last at %s%s%s%s%s", (unsigned long long)copy->writes,
             copy->writes == 1 ? "" : "s", time_text(copy->written, 1000, time, sizeof time),
             known ? " by " : "", known ? thread_name(t, copy->writer, name, sizeof name) : "", where,
             copy->torn_down ? "; cleared at shutdown" : "");
}

/* "uwsgi worker 1  1": in columns, the selected one marked. */
static void copy_line(struct facts *f, copy_id id, bool selected, int names, int values)
{
    const struct timeline *t = f->timeline;
    const struct copy *copy = &t->copies[id];
    char value[WORDS], words[400];
    value_format(copy->last, value, sizeof value);
    written_words(t, copy, words, sizeof words);
    facts_add(f, NULL,
              selected                                            ? STYLE_TITLE
              : copy->writes && t->globals[copy->global].diverged ? STYLE_APART
                                                                  : STYLE_NORMAL,
              "%s %-*s  %*s  %s", selected ? "→" : " ", names, process_name(t, copy->process), values, value,
              words);
}

static int widest(int so_far, const char *text)
{
    int n = (int)strlen(text);
    return n > so_far ? n < 24 ? n : 24 : so_far;
}

static void all_copies(struct facts *f, const struct global *g, copy_id selected)
{
    const struct timeline *t = f->timeline;
    int names = 0, values = 0;
    char value[WORDS];
    copy_id end = g->first + (copy_id)(g->count < COPIES_SHOWN ? g->count : COPIES_SHOWN);
    for (copy_id c = g->first; c < end; c++) {
        value_format(t->copies[c].last, value, sizeof value);
        names = widest(names, process_name(t, t->copies[c].process));
        values = widest(values, value);
    }
    for (copy_id c = g->first; c < end; c++) copy_line(f, c, c == selected, names, values);
    if (g->count > COPIES_SHOWN)
        facts_add(f, NULL, STYLE_DIM, "  and %zu more copies", g->count - COPIES_SHOWN);
}

void facts_copy(struct facts *f, copy_id id)
{
    const struct timeline *t = f->timeline;
    const struct copy *copy = &t->copies[id];
    const struct global *g = &t->globals[copy->global];
    char text[WORDS + NAMES_TEXT], time[TEXT_SHORT], name[512];
    global_format(g, name, sizeof name);
    facts_add(f, NULL, g->diverged ? STYLE_APART : STYLE_TITLE, "%s: %zu cop%s, %s%s", name, g->count,
              g->count == 1 ? "y" : "ies", g->shared ? "in memory that processes share" : "one a process",
              g->diverged ? "; they went their own ways" : "");
    all_copies(f, g, id);
    facts_add(f, NULL, STYLE_NORMAL, "%s", "");
    facts_add_process(f, "this copy", copy->process);
    value_format(copy->at_birth, text, sizeof text);
    facts_add(f, "born", STYLE_NORMAL, "%s%s%s%s", time_text(copy->born, 1000, time, sizeof time),
              copy->birth == COPY_BY_FORK     ? " by fork, as "
              : copy->birth == COPY_BY_IMPORT ? ", with its module"
              : copy->birth == COPY_BY_LOAD   ? ", with its object"
                                              : ", by an exec",
              copy->birth == COPY_BY_FORK ? text : "", copy->parent == NONE ? "" : ", from its parent's");
    facts_add(f, "last value", STYLE_VALUE, "%s", names_value(text, sizeof text, t, copy, copy->last));
    facts_add_thread(f, "last writer", copy->writer);
    if (copy->file && copy->writes)
        facts_add(f, "last line", STYLE_PYTHON, "%s:%u", copy->file, copy->line);
    else if (*names_written(text, sizeof text, t, copy))
        facts_add(f, "last store", STYLE_NORMAL, "%s", text);
    facts_add(f, "writes", STYLE_NORMAL, "%llu%s%s", (unsigned long long)copy->writes,
              copy->by_module ? ", by its module's own top level only" : "",
              g->watched ? "" : "; to see each one: record -w");
    if (copy->torn_down)
        facts_add(f, NULL, STYLE_DIM, "the interpreter's shutdown cleared it, which is not counted");
}
