/*
 * globals.c: which globals are written, and whose copies went their own way.
 * Values differ from run to run: they are shown.
 */
#include <string.h>

#include "diff.h"

#define WRITTEN "written"
#define KEPT    "kept as it was at the fork"

static bool is_written(const struct copy *c) { return (c->writes && !c->by_module) || c->changes; }

/* Bound by more than the import of its module. */
static bool is_lively(const struct timeline *t, const struct global *g)
{
    for (size_t i = 0; i < g->count; i++)
        if (is_written(&t->copies[g->first + i])) return true;
    return g->watched;
}

static void detail(struct mention *m, const struct timeline *t, const struct copy *c)
{
    char value[200], safe[NAMES_TEXT], name[NAMES_TEXT], text[2 * NAMES_TEXT + 16];
    names_value(value, sizeof value, t, c, c->last);
    text_escape(safe, sizeof safe, value, strlen(value));
    bool by = is_written(c) && c->writer != NONE && !t->threads[c->writer].is_main;
    if (by)
        snprintf(text, sizeof text, "by `%s`, %s at last", word_thread(name, t, c->writer), safe);
    else
        snprintf(text, sizeof text, "%s at last", safe);
    mention_detail(m, text);
}

void mention_globals(struct diff *d, int run)
{
    const struct timeline *t = d->runs[run].t;
    char name[512], subject[NAMES_TEXT];
    for (global_id id = 0; id < t->global_count; id++) {
        const struct global *g = &t->globals[id];
        if (g->found || !is_lively(t, g))
            continue; /* found: by comparing memory, which holds pids and times */
        global_format(g, name, sizeof name);
        text_escape(subject, sizeof subject, name, strlen(name));
        for (size_t i = 0; i < g->count; i++) {
            const struct copy *c = &t->copies[g->first + i];
            bool written = is_written(c), kept = g->diverged && c->birth == COPY_BY_FORK;
            if (!written && !g->watched && !kept) continue;
            struct mention *m = mention(&d->mentions[run], SECTION_GLOBALS, c->process, subject,
                                        written ? WRITTEN
                                        : kept  ? KEPT
                                                : "not written");
            m->counts = written || g->watched || lives_on(t, c->process);
            if (g->c && g->watched) m->needs = "it was not watched there (record -w)";
            detail(m, t, c);
        }
    }
}
