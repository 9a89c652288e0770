/*
 * modules.c: which dicts are the globals of the program's own modules.
 *
 * References are not counted: a module may go, and its dict's address be used
 * again for any other dict. Each dict is therefore known by its __name__ as
 * well, which is compared (three loads) before anything is said about it.
 */
#include "preload/python/modules.h"

#include <string.h>

#include "preload/python/elf.h"

#define MODULES 1024

bool modules_all;
uint16_t python_modules[MODULE_BUCKETS];
static struct module modules[MODULES];
static unsigned module_count;

static void *(*get_known_hash)(void *dict, void *key, int64_t hash);

bool modules_init(const struct link_map *map)
{
    get_known_hash = (void *(*)(void *, void *, int64_t))elf_symbol(map, "_PyDict_GetItem_KnownHash");
    return get_known_hash != NULL;
}

/* --- reading a dict ------------------------------------------------------------------------- */

/* CPython 3.11: PyDictObject and PyDictKeysObject. */
enum { MA_KEYS = 32, DK_LOG2_INDEX_BYTES = 9, DK_KIND = 10, DK_NENTRIES = 24, DK_INDICES = 32 };
enum { GENERAL = 0, UNICODE = 1 }; /* dk_kind: {hash, key, value}, {key, value} */

struct entry {
    const void *key, *value;
};

static const struct entry *entry_at(const void *dict, uint32_t i)
{
    const char *keys = py_read(dict, MA_KEYS);
    const char *entries = keys + DK_INDICES + (1u << (uint8_t)keys[DK_LOG2_INDEX_BYTES]);
    return (const void *)(keys[DK_KIND] == UNICODE ? entries + (size_t)i * 16 : entries + (size_t)i * 24 + 8);
}

static uint32_t entries(const void *dict)
{
    const char *keys = py_read(dict, MA_KEYS);
    if (keys[DK_KIND] != UNICODE && keys[DK_KIND] != GENERAL) return 0; /* an instance's attributes */
    int64_t count = (int64_t)(intptr_t)py_read(keys, DK_NENTRIES);
    return count < 0 ? 0 : count > 4096 ? 4096 : (uint32_t)count;
}

/* A dict with keys other than str compares by calling their __eq__: there only the very same key is found. */
const void *dict_get(const void *dict, const void *key, int64_t hash)
{
    const char *keys = py_read(dict, MA_KEYS);
    if (keys[DK_KIND] != GENERAL)
        return get_known_hash((void *)(uintptr_t)dict, (void *)(uintptr_t)key, hash);
    uint32_t count = entries(dict);
    for (uint32_t i = 0; i < count; i++)
        if (entry_at(dict, i)->key == key) return entry_at(dict, i)->value;
    return NULL;
}

/* Where __name__ is; the number of entries: nowhere. */
static uint32_t find_name(const void *dict)
{
    uint32_t i = 0, count = entries(dict);
    if (count > 64) count = 64;
    for (; i < count; i++) {
        char text[16];
        const struct entry *entry = entry_at(dict, i);
        if (entry->value && py_text(entry->key, text, sizeof text) == 8 && !memcmp(text, "__name__", 8))
            return i;
    }
    return UINT32_MAX;
}

/* --- the modules ---------------------------------------------------------------------------- */

static uint16_t *bucket(const void *dict)
{
    return &python_modules[(uintptr_t)dict >> 4 & (MODULE_BUCKETS - 1)];
}

bool module_intact(const struct module *module)
{
    const void *dict = module->dict;
    const char *keys = py_read(dict, MA_KEYS);
    return module->name_at < *(const uint64_t *)(const void *)(keys + DK_NENTRIES) &&
           entry_at(dict, module->name_at)->value == module->name_object;
}

static void forget(struct module *module)
{
    uint16_t *at = bucket(module->dict);
    while (*at != module - modules + 1) at = &modules[*at - 1].next;
    *at = module->next;
    globals_forget(module->dict);
    module->dict = NULL;
}

/* Entries move when a dict grows after something was deleted from it. */
static bool found_again(struct module *module)
{
    uint32_t at = find_name(module->dict);
    if (at == UINT32_MAX || entry_at(module->dict, at)->value != module->name_object) return false;
    module->name_at = at;
    return true;
}

struct module *module_of(const void *dict)
{
    for (unsigned i = *bucket(dict); i; i = modules[i - 1].next) {
        struct module *module = &modules[i - 1];
        if (module->dict != dict) continue;
        if (module_intact(module) || found_again(module)) return module;
        forget(module);
        return NULL;
    }
    return NULL;
}

void module_renamed(struct module *module, const void *name_object)
{
    if (name_object)
        module->name_object = name_object;
    else
        forget(module);
}

/* The program's own: not the standard library, not what a package manager installed. */
static bool own(const char *file, const char *name)
{
    /* python -c, or typed in; namedtuple and the like evaluate "<string>" too */
    if (*file == '<')
        return (!strcmp(file, "<string>") || !strcmp(file, "<stdin>")) && !strcmp(name, "__main__");
    return modules_all || (!strstr(file, "/lib/python") && !strstr(file, "/site-packages/") &&
                           !strstr(file, "/dist-packages/"));
}

/* "/srv/app.py" -> "app", "/srv/shop/__init__.py" -> "shop". uWSGI renames modules: the file says more. */
static void stem(const char *file, char *out, size_t room)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    size_t length = strcspn(base, ".");
    if (*file == '<') base = "__main__", length = 8;
    if (slash && !strcmp(base, "__init__.py")) {
        const char *start = slash;
        while (start > file && start[-1] != '/') start--;
        base = start, length = (size_t)(slash - start);
    }
    if (length >= room) length = room - 1;
    memcpy(out, base, length);
    out[length] = 0;
}

static struct module *free_module(void)
{
    if (module_count < MODULES) return &modules[module_count++];
    for (struct module *m = modules; m < modules + MODULES; m++)
        if (!m->dict) return m;
    self_note(FT_NOTE_PYTHON_FULL, "modules");
    return NULL;
}

void python_eval(const void *code, const void *globals, const void *locals)
{
    if (globals != locals || !me() || module_of(globals)) return;
    char name[16], file[512];
    if (!py_is(code, python.PyCode_Type) ||
        py_text(py_read(code, python.layout->co_qualname), name, sizeof name) != 8 ||
        memcmp(name, "<module>", 8))
        return;
    uint32_t name_at = find_name(globals);
    if (name_at == UINT32_MAX) return; /* exec() in a dict of somebody's own */
    file[py_text(py_read(code, python.layout->co_filename), file, sizeof file - 1)] = 0;
    struct module found = {.dict = globals, .name_at = name_at};
    found.name_object = entry_at(globals, name_at)->value;
    found.called[py_text(found.name_object, found.called, sizeof found.called - 1)] = 0;
    if (!own(file, found.called)) return;
    stem(file, found.text, sizeof found.text);
    found.name = ft_string(&ft, found.text, strlen(found.text), self.task);
    found.next = *bucket(globals);
    struct module *module = free_module();
    if (!module) return;
    *module = found;
    *bucket(globals) = (uint16_t)(module - modules + 1);
}
