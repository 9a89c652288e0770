/*
 * names.c: address -> object (timeline) -> symbol (symbols/).
 */
#include <inttypes.h>
#include <string.h>

#include "names.h"
#include "symbols/symbols.h"
#include "text.h"

static struct symbols *symbols_of(const struct object *o)
{
    /* A relative or bracketed path names no file of ours: "[vdso]", argv[0]. */
    if (!o || !o->path || o->path[0] != '/') return NULL;
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
    n.symbol = symbols_name(s, inside - o->bias, &n.offset);
    if (n.symbol) n.offset += address - inside;
    return n;
}

struct named names_at(const struct timeline *t, process_id process, int64_t ns, uint64_t address)
{
    return find(t, process, ns, address, address);
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
