/*
 * names.c: address -> object (timeline) -> symbol (symbols/).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "symbols/symbols.h"
#include "symbols/watch.h"
#include "text.h"

bool names_symbols = true;

static struct symbols *symbols_of(const struct object *o)
{
    /* A relative or bracketed path names no file of ours: "[vdso]", argv[0]. */
    if (!names_symbols || !o || !o->path || o->path[0] != '/') return NULL;
    return symbols_open(o->path, o->build_id, o->build_id_size);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* `inside` is an address in the instruction meant; `address` what the offset is counted to. */
static struct named find(const struct timeline *t, process_id process, int64_t ns, uint64_t address,
                         uint64_t inside)
{
    struct named n = {.address = address};
    const struct object *o = timeline_object(t, process, ns, inside);
    if (!o || !o->path) return n;
    n.path = o->path;
    n.object = last_part(o->path);
    n.in_object = address - o->bias;
    struct symbols *s = symbols_of(o);
    if (!s) return n;
    n.symbol = symbols_spoken(symbols_name(s, inside - o->bias, &n.offset));
    if (n.symbol) n.offset += address - inside;
    return n;
}

struct named names_at(const struct timeline *t, process_id process, int64_t ns, uint64_t address)
{
    return find(t, process, ns, address, address);
}

bool names_has_section(const struct timeline *t, process_id process, int64_t ns, uint64_t address,
                       const char *section)
{
    struct symbols *s = symbols_of(timeline_object(t, process, ns, address));
    return s && symbols_section(s, section);
}

struct named names_frame(const struct timeline *t, process_id process, int64_t ns, uint64_t pc)
{
    return find(t, process, ns, pc, pc ? pc - 1 : 0);
}

static const char *show(char *buffer, size_t size, const struct named *n, bool offset)
{
    char symbol[160], object[80];
    text_escape(symbol, sizeof symbol, n->symbol ? n->symbol : "", n->symbol ? strlen(n->symbol) : 0);
    text_escape(object, sizeof object, n->object ? n->object : "", n->object ? strlen(n->object) : 0);
    if (n->symbol && offset && n->offset)
        snprintf(buffer, size, "%s+0x%" PRIx64 " (%s)", symbol, n->offset, object);
    else if (n->symbol)
        snprintf(buffer, size, "%s (%s)", symbol, object);
    else if (n->object)
        snprintf(buffer, size, "%s+0x%" PRIx64, object, n->in_object);
    else
        snprintf(buffer, size, "0x%" PRIx64, n->address);
    return buffer;
}

const char *names_text(char *buffer, size_t size, const struct named *n)
{
    return show(buffer, size, n, true);
}

const char *names_function(char *buffer, size_t size, const struct named *n)
{
    return show(buffer, size, n, false);
}

bool names_line(const struct timeline *t, process_id process, int64_t ns, uint64_t pc, const char **file,
                int *line)
{
    const struct object *o = timeline_object(t, process, ns, pc - 1);
    struct symbols *s = symbols_of(o);
    return s && symbols_line(s, pc - 1 - o->bias, file, line);
}

/* --- past C++ and Rust ---------------------------------------------------------------------------- */

/* Of the own library of C++ or Rust. */
static bool is_own(const char *symbol)
{
    static const char *const spaces[] = {
        "std::", "__gnu_cxx::", "__gthread_", "core::", "alloc::", "<std::", "<core::", "<alloc::"};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (!strncmp(symbol, spaces[i], strlen(spaces[i]))) return true;
    return false;
}

/* Debian's libstdc++ says no names of what it does not export: its file has to do. */
static bool is_runtime(const struct named *n)
{
    if (n->symbol && is_own(n->symbol)) return true;
    return n->object && (!strncmp(n->object, "libstdc++.so", 12) || !strncmp(n->object, "libc++.so", 9));
}

uint64_t names_call(const struct timeline *t, const struct event *e)
{
    const uint64_t *pcs;
    size_t count = timeline_stack(t, e, &pcs);
    for (size_t i = 0; i < count; i++) {
        struct named n = names_frame(t, e->process, e->ns, pcs[i]);
        if (!is_runtime(&n)) return pcs[i];
    }
    return count ? pcs[0] : timeline_site(e);
}

bool names_routine(char *buffer, size_t size, const struct timeline *t, thread_id thread)
{
    const struct thread *th = &t->threads[thread];
    if (!th->start_routine) return false;
    struct named n = names_at(t, th->process, th->start, th->start_routine);
    bool shared = is_runtime(&n) && th->create != NONE;
    if (shared) {
        const struct event *e = EVENT_AT(t, th->create);
        n = names_frame(t, e->process, e->ns, names_call(t, e));
    }
    if (n.symbol) snprintf(buffer, size, "%s%s", shared ? "std::thread of " : "", n.symbol);
    return n.symbol;
}

/* --- writes of globals -------------------------------------------------------------------------- */

/* "handle (server.c:88)", "server.c:88"; without a line "handle (server)". */
static void name_line(char *buffer, size_t size, const struct named *n, const char *file, int line)
{
    char symbol[160], safe[80];
    if (!file) {
        names_function(buffer, size, n);
        return;
    }
    text_escape(safe, sizeof safe, last_part(file), strlen(last_part(file)));
    text_escape(symbol, sizeof symbol, n->symbol ? n->symbol : "", n->symbol ? strlen(n->symbol) : 0);
    snprintf(buffer, size, *symbol ? "%s (%s:%d)" : "%.0s%s:%d", symbol, safe, line);
}

const char *names_written(char *buffer, size_t size, const struct timeline *t, const struct copy *c)
{
    const char *file = c->file;
    int line = (int)c->line;
    struct named n = {0};
    buffer[0] = 0;
    if (!c->writes || (!file && !c->pc)) return buffer;
    if (c->pc) n = names_frame(t, c->process, c->written, c->pc);
    if (c->pc && !names_line(t, c->process, c->written, c->pc, &file, &line)) file = NULL;
    name_line(buffer, size, &n, file, line);
    return buffer;
}

const char *names_value(char *buffer, size_t size, const struct timeline *t, const struct copy *c,
                        struct value v)
{
    char text[NAMES_TEXT];
    int used = value_format(v, buffer, size);
    if (!v.known || v.kind != FT_C_KIND_pointer || !v.bits || used < 0 || (size_t)used >= size) return buffer;
    struct named n = names_at(t, c->process, c->written == NEVER ? c->born : c->written, v.bits);
    if (n.symbol) snprintf(buffer + used, size - (size_t)used, " %s", names_text(text, sizeof text, &n));
    return buffer;
}

/* --- what files say, for the timeline ----------------------------------------------------------- */

static bool variable(const struct object *o, uint64_t address, unsigned guess, struct timeline_variable *v)
{
    struct watch_type type;
    struct symbol found;
    struct symbols *s = symbols_of(o);
    if (!s || !watch_at(s, address, guess, v->name, sizeof v->name, &type, &v->start, &v->whole))
        return false;
    v->size = type.size;
    v->kind = type.kind;
    v->startup = (symbols_find(s, address, &found) && found.startup) || is_own(v->name);
    free(type.names);
    return type.size && type.size <= 8 && v->start <= address && address - v->start < type.size;
}

static bool bytes(const struct object *o, uint64_t address, void *to, size_t size)
{
    struct symbols *s = symbols_of(o);
    return s && symbols_bytes(s, address, to, size);
}

const struct timeline_files names_files = {variable, bytes};

/* --- Python ------------------------------------------------------------------------------------- */

const char *names_python(char *buffer, size_t size, const struct python_function *f)
{
    char name[160], file[80];
    const char *base = f->file ? last_part(f->file) : "?";
    text_escape(name, sizeof name, f->name ? f->name : "?", f->name ? strlen(f->name) : 1);
    text_escape(file, sizeof file, base, strlen(base));
    snprintf(buffer, size, "%s (%s:%u)", name, file, f->line);
    return buffer;
}

/*
 * "/usr/lib/python3.11/threading.py" and frozen modules; what was installed with pip is the user's affair,
 * but for what stands in for the standard library.
 */
static bool is_standard_library(const char *file)
{
    if (!file || file[0] == '<') return true;
    const char *lib = strstr(file, "/lib/python"), *package = lib ? strstr(lib, "-packages/") : NULL;
    if (!package) return lib;
    return !strncmp(package, "-packages/gevent/", 17) || !strncmp(package, "-packages/eventlet/", 19);
}

bool names_python_caller(const struct timeline *t, const struct event *e, struct python_function *caller)
{
    struct python_function frame;
    if (!timeline_python_frame(t, e, 0, caller)) return false;
    for (size_t i = 0; timeline_python_frame(t, e, i, &frame); i++) {
        if (is_standard_library(frame.file)) continue;
        *caller = frame;
        break;
    }
    return true;
}

const char *names_caller(char *buffer, size_t size, const struct timeline *t, const struct event *e)
{
    struct python_function python;
    const char *file;
    uint64_t site;
    int line;
    buffer[0] = 0;
    if (names_python_caller(t, e, &python)) return names_python(buffer, size, &python);
    site = names_call(t, e);
    if (!site) return buffer;
    struct named n = names_frame(t, e->process, e->ns, site);
    if (!names_line(t, e->process, e->ns, site, &file, &line)) file = NULL;
    name_line(buffer, size, &n, file, line);
    return buffer;
}

const char *names_taken_by(char *buffer, size_t size, const struct timeline *t, const struct event *e)
{
    struct sender s = timeline_sender(t, e);
    buffer[0] = 0;
    if (s.handler <= (uint64_t)(uintptr_t)SIG_IGN) return buffer;
    struct disposition d = timeline_disposition(t, e->process, s.signal, e->ns);
    struct python_function python = {0};
    event_id i = d.event; /* siginterrupt() installs the same one again, without Python */
    for (int steps = 0; steps < 4 && i != NONE && !python.name; steps++, i = EVENT_AT(t, i)->child) {
        if (FT_GET(sigaction, EVENT_AT(t, i)->record).new_handler != s.handler) break;
        python = timeline_python_handler(t, EVENT_AT(t, i));
    }
    if (python.name) return names_python(buffer, size, &python);
    struct named n = names_at(t, e->process, e->ns, s.handler);
    return names_text(buffer, size, &n);
}

/*
 * _PyRuntime.ceval.gil of 3.11 on 64-bit Linux (pycore_gil.h): its condition, and the one on which who gave
 * the GIL up waits until somebody else took it (drop_gil, FORCE_SWITCHING).
 */
enum { GIL_COND_311 = 0x188, GIL_SWITCH_COND_311 = 0x1e0 };

const char *names_python_lock(const struct named *n)
{
    if (!n->symbol || strcmp(n->symbol, "_PyRuntime") || !strstr(n->object, "python3.11")) return NULL;
    switch (n->offset) {
    case GIL_COND_311: return "to take the GIL";
    case GIL_SWITCH_COND_311: return "for another thread to take the GIL it gave up";
    default: return NULL;
    }
}
