/*
 * report_globals.c: module globals: first those whose copies went their own
 * way, with both values and who wrote; then the others that functions wrote.
 */
#include <inttypes.h>
#include <string.h>

#include "report.h"
#include "text.h"
#include "tree.h"

static void put_value(FILE *out, struct value v)
{
    char text[160];
    value_format(v, text, sizeof text);
    text_put(out, text);
}

static const char *base(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

static void writer(FILE *out, const struct timeline *t, const struct copy *c)
{
    char name[128], time[TEXT_SHORT];
    fprintf(out, "%" PRIu64 " write%s", c->writes, c->writes == 1 ? "" : "s");
    if (c->writer != NONE)
        fprintf(out, ", last by t%u (%s)", c->writer, tree_thread(name, sizeof name, t, c->writer));
    if (c->file) {
        fputs(" at ", out);
        text_put(out, base(c->file));
        fprintf(out, ":%u", c->line);
    }
    fprintf(out, ", %s", text_time(time, c->written));
    if (c->torn_down) fputs("; cleared at shutdown", out);
}

static void copy_line(FILE *out, const struct timeline *t, const struct copy *c, bool apart)
{
    char name[128];
    fprintf(out, "     %-22s ", tree_process(name, sizeof name, t, c->process));
    if (c->birth == COPY_BY_FORK) {
        put_value(out, c->at_birth);
        fputs(" at the fork, ", out);
    }
    fprintf(out, "%s", apart ? text_ink(INK_BAD) : "");
    put_value(out, c->last);
    fprintf(out, "%s at last: ", apart ? text_ink(INK_PLAIN) : "");
    bool unseen = c->changes && c->changed > c->written;
    if (unseen)
        fprintf(out, "changed %" PRIu64 " time%s between looks, writer not seen%s", c->changes,
                c->changes == 1 ? "" : "s", c->writes ? "; " : "");
    if (c->writes)
        writer(out, t, c);
    else if (!unseen)
        fputs("not written here", out);
    fputc('\n', out);
}

static void one(FILE *out, const struct timeline *t, const struct global *g)
{
    fprintf(out, "  %s", text_ink(INK_BOLD));
    text_put(out, g->module);
    fputc('.', out);
    text_put(out, g->name);
    fprintf(out, "%s\n", text_ink(INK_PLAIN));
    for (size_t i = 0; i < g->count && i < REPORT_MANY; i++) {
        const struct copy *c = &t->copies[g->first + i];
        copy_line(out, t, c, g->diverged && c->birth == COPY_BY_FORK);
    }
    if (g->count > REPORT_MANY) fprintf(out, "     ... and %zu more copies\n", g->count - REPORT_MANY);
}

/* Bound by more than the import of its module. */
static bool lively(const struct timeline *t, const struct global *g)
{
    if (g->watched) return true;
    for (size_t i = 0; i < g->count; i++) {
        const struct copy *c = &t->copies[g->first + i];
        if ((c->writes && !c->by_module) || c->changes) return true;
    }
    return false;
}

void report_globals(FILE *out, const struct timeline *t)
{
    for (int apart = 1; apart >= 0; apart--) {
        size_t count = 0;
        for (global_id i = 0; i < t->global_count; i++) {
            const struct global *g = &t->globals[i];
            if (g->diverged != apart || (!apart && !lively(t, g))) continue;
            if (!count++)
                report_heading(out, apart ? "Globals that went their own way" : "Other globals written");
            if (count <= REPORT_MANY) one(out, t, g);
        }
        if (count > REPORT_MANY) fprintf(out, "  ... and %zu more\n", count - REPORT_MANY);
    }
}
