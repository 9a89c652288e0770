/* facts_moment.c: how things stood at the time cursor: who lived, with how many threads, holding which
 * values. */
#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "tui.h"

#define LINES_MOST 24

static uint32_t threads_at(const struct timeline *t, process_id p, int64_t ns)
{
    uint32_t count = 0;
    for (thread_id i = timeline_next_thread(t, p, NONE); i != NONE; i = timeline_next_thread(t, p, i))
        count += t->threads[i].start <= ns && t->threads[i].end > ns;
    return count;
}

static size_t add(char *text, size_t size, size_t used, const char *a, const char *b, const char *c)
{
    int n = snprintf(text + used, size - used, "%s%s%s", a, b, c);
    return n < 0 || (size_t)n >= size - used ? size - 1 : used + (size_t)n;
}

/* ", app.i = 53" for each of its copies that has a row. */
static void values(const struct tui *tui, process_id p, char *text, size_t size, size_t used)
{
    const struct timeline *t = tui->timeline;
    char value[60], name[200];
    struct point point;
    for (size_t i = tui->rows.of_process[p]; i < tui->rows.count && tui->rows.row[i].process == p; i++) {
        const struct row *row = &tui->rows.row[i];
        if (row->kind != ROW_COPY || !values_at(&tui->values, row->copy, tui->now, &point)) continue;
        const struct global *g = &t->globals[t->copies[row->copy].global];
        char full[180];
        global_format(g, full, sizeof full);
        snprintf(name, sizeof name, ", %s = ", full);
        value_format(point.unseen ? (struct value){0} : point.value, value, sizeof value);
        used = add(text, size, used, name, value, "");
    }
}

void facts_moment(struct tui *tui, struct facts *f)
{
    const struct timeline *t = tui->timeline;
    char time[40], text[600], end[40];
    int64_t ns = tui->now;
    size_t lines = 0, more = 0;
    facts_add(f, NULL, STYLE_TITLE, "at %s", time_text(ns, 1000, time, sizeof time));
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *process = &t->processes[p];
        if (!filter_process(&tui->filter, p)) continue;
        if (lines++ >= LINES_MOST) {
            more++;
            continue;
        }
        size_t used = add(text, sizeof text, 0, process_name(t, p), ": ", "");
        bool born = process->start <= ns, ended = process->end <= ns;
        if (!born)
            add(text, sizeof text, used, "not born", "", "");
        else if (ended)
            add(text, sizeof text, used, "ended, ", end_text(process, end, sizeof end), "");
        else {
            uint32_t threads = threads_at(t, p, ns);
            snprintf(end, sizeof end, "%u thread%s", threads, threads == 1 ? "" : "s");
            values(tui, p, text, sizeof text, add(text, sizeof text, used, end, "", ""));
        }
        facts_add(f, NULL, born && !ended ? STYLE_NORMAL : STYLE_DIM, "%s", text);
    }
    if (more) facts_add(f, NULL, STYLE_DIM, "and %zu more processes: & or o shows fewer", more);
}
