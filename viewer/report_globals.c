/*
 * report_globals.c: module globals: first those whose copies went their own
 * way, with both values and who wrote; then the others that functions wrote.
 */
#include <inttypes.h>
#include <string.h>

#include "names.h"
#include "report.h"
#include "text.h"
#include "tree.h"
#include "watch.h"

static void put_value(FILE *out, const struct timeline *t, const struct copy *c, struct value v)
{
    char text[400];
    text_put(out, names_value(text, sizeof text, t, c, v));
}

static void writer(FILE *out, const struct timeline *t, const struct copy *c)
{
    char name[128], time[TEXT_SHORT], where[NAMES_TEXT];
    fprintf(out, "%" PRIu64 " write%s", c->writes, c->writes == 1 ? "" : "s");
    if (c->writer != NONE)
        fprintf(out, ", last by t%u (%s)", c->writer, tree_thread(name, sizeof name, t, c->writer));
    if (*names_written(where, sizeof where, t, c)) fprintf(out, " at %s", where);
    fprintf(out, ", %s", text_time(time, c->written));
    if (c->torn_down) fputs("; cleared at shutdown", out);
}

static void copy_line(FILE *out, const struct timeline *t, const struct copy *c, bool apart)
{
    char name[128];
    fprintf(out, "     %-22s ", tree_process(name, sizeof name, t, c->process));
    if (c->birth == COPY_BY_FORK) {
        put_value(out, t, c, c->at_birth);
        fputs(" at the fork, ", out);
    }
    fprintf(out, "%s", apart ? text_ink(INK_BAD) : "");
    put_value(out, t, c, c->last);
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
    char name[512];
    global_format(g, name, sizeof name);
    fprintf(out, "  %s", text_ink(INK_BOLD));
    text_put(out, name);
    fprintf(out, "%s%s\n", text_ink(INK_PLAIN),
            g->shared ? ": shared memory, one copy for processes that were forked since" : "");
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

/* What was asked for in C, and how much of it is seen: once for all images that say the same. */
static void watches(FILE *out, const struct timeline *t)
{
    char words[1400];
    size_t told = 0;
    for (size_t i = 0; i < t->watch_count; i++) {
        const struct watch_result *w = &t->watches[i];
        bool again = !w->watch || watch_result(t, w->watch, strlen(w->watch)) != w;
        if (again) continue;
        if (!told++) report_heading(out, "Watched in C");
        fputs("  ", out);
        text_put(out, w->watch);
        fprintf(out, ": %s\n", watch_words(words, sizeof words, w));
    }
}

/* --- nobody asked for ------------------------------------------------------------------------- */

#define FOUND_SHOWN  16
#define FOUND_OF_ONE 8 /* parts of one variable */
#define VALUES_SHOWN 4

static bool same_value(const struct copy *a, const struct copy *b)
{
    return a->last.kind == b->last.kind && a->last.bits == b->last.bits;
}

/* Its copies' values, each once: 0 in uwsgi master (p0), 1 in uwsgi worker 1 (p1). */
static size_t values(FILE *out, const struct timeline *t, const struct global *g)
{
    char name[128];
    size_t groups = 0;
    const struct copy *copy = &t->copies[g->first];
    for (size_t i = 0; i < g->count; i++) {
        size_t same = 0, before = 0;
        for (size_t k = 0; k < g->count; k++) same += same_value(&copy[i], &copy[k]);
        for (size_t k = 0; k < i; k++) before += same_value(&copy[i], &copy[k]);
        if (before || groups++ >= VALUES_SHOWN || !out) continue;
        fputs(groups > 1 ? ", " : "", out);
        put_value(out, t, &copy[i], copy[i].last);
        fprintf(out, " in %s", tree_process(name, sizeof name, t, copy[i].process));
        if (same > 1) fprintf(out, " and %zu more", same - 1);
    }
    if (out && groups > VALUES_SHOWN) fprintf(out, ", and %zu more values", groups - VALUES_SHOWN);
    return groups;
}

/* "; 0 when they were forked": if all began with the same, as far as is known. */
static void births(FILE *out, const struct timeline *t, const struct global *g)
{
    const struct copy *first = NULL;
    for (size_t i = 0; i < g->count; i++) {
        const struct copy *c = &t->copies[g->first + i];
        if (c->birth != COPY_BY_FORK) continue;
        if (!c->at_birth.known || (first && first->at_birth.bits != c->at_birth.bits)) return;
        first = c;
    }
    if (!first) return;
    fputs(first->birth_inferred ? "; probably " : "; ", out);
    put_value(out, t, first, first->at_birth);
    fputs(" when forked", out);
}

/* The higher the more a person makes of it: another number in each process, of a variable with a name of its
 * own. */
static int telling(const struct timeline *t, const struct global *g)
{
    const struct copy *copy = &t->copies[g->first];
    bool number = true;
    for (size_t i = 0; i < g->count; i++)
        number &= copy[i].last.kind != FT_C_KIND_pointer && copy[i].last.kind != FT_PY_KIND_secret;
    return number * 4 + (values(NULL, t, g) == g->count) * 2 + !strpbrk(g->name, "+[");
}

/* So many before it are parts of the same variable. */
static size_t of_the_same(const struct timeline *t, const global_id *list, size_t count, global_id id)
{
    const struct global *g = &t->globals[id];
    size_t length = strcspn(g->name, "+.["), same = 0;
    for (size_t i = 0; i < count; i++) {
        const struct global *other = &t->globals[list[i]];
        same += !strcmp(other->path, g->path) && strcspn(other->name, "+.[") == length &&
                !memcmp(other->name, g->name, length);
    }
    return same;
}

static void found(FILE *out, const struct timeline *t)
{
    char name[512];
    global_id list[FOUND_SHOWN];
    size_t shown = 0, count = 0;
    for (global_id i = 0; i < t->global_count; i++) count += t->globals[i].found;
    if (!count) return;
    report_heading(out, "C globals that are not the same in all processes (compared when they ended)");
    for (int rank = 7; rank >= 0; rank--)
        for (global_id i = 0; i < t->global_count && shown < FOUND_SHOWN; i++) {
            const struct global *g = &t->globals[i];
            if (!g->found || telling(t, g) != rank || of_the_same(t, list, shown, i) >= FOUND_OF_ONE)
                continue;
            global_format(g, name, sizeof name);
            fputs("  ", out);
            text_put(out, name);
            fputs(": ", out);
            values(out, t, g);
            births(out, t, g);
            fputc('\n', out);
            list[shown++] = i;
        }
    if (count > shown)
        fprintf(out, "  ... and %zu more: forktrace export --format json has all\n", count - shown);
}

void report_globals(FILE *out, const struct timeline *t)
{
    watches(out, t);
    for (int apart = 1; apart >= 0; apart--) {
        size_t count = 0;
        for (global_id i = 0; i < t->global_count; i++) {
            const struct global *g = &t->globals[i];
            if (g->found || g->diverged != apart || (!apart && !lively(t, g))) continue;
            if (!count++)
                report_heading(out, apart ? "Globals that went their own way" : "Other globals written");
            if (count <= REPORT_MANY) one(out, t, g);
        }
        if (count > REPORT_MANY) fprintf(out, "  ... and %zu more\n", count - REPORT_MANY);
    }
    found(out, t);
}
