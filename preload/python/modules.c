/*
 * modules.c: which dicts are the globals of the program's own modules.
 *
 * References are not counted: a module may go, and its dict's address be used
 * again for any other dict. Each dict is therefore known by its __name__ as
 * well, which is compared (three loads) before anything is said about it.
 */
#include "preload/python/modules.h"

#include <string.h>

#include "preload/python/dict.h"
#include "preload/python/elf.h"
#include "preload/python/plain.h"
#include "preload/python/switches.h"

#define MODULES 1024

bool modules_all;
uint16_t python_modules[MODULE_BUCKETS] SPARSE;
static struct module modules[MODULES] SPARSE;
static unsigned module_count;
static const void *main_table; /* sys.modules of the main interpreter, which keeps it */

static void *(*get_known_hash)(void *dict, void *key, int64_t hash);

bool modules_init(const struct link_map *map)
{
    get_known_hash = (void *(*)(void *, void *, int64_t))elf_symbol(map, "_PyDict_GetItem_KnownHash");
    return get_known_hash != NULL;
}

/* --- reading a dict ------------------------------------------------------------------------- */

/* A dict with keys other than str compares by calling their __eq__: there only the very same key is found. */
const void *dict_get(const void *dict, const void *key, int64_t hash)
{
    const char *keys = py_read(dict, MA_KEYS);
    struct dict_entries entries;
    if (keys[DK_KIND] != DICT_GENERAL)
        return get_known_hash((void *)(uintptr_t)dict, (void *)(uintptr_t)key, hash);
    if (!dict_entries_of(keys, &entries)) return NULL;
    for (uint32_t i = 0; i < entries.count; i++)
        if (dict_entry(&entries, i)->key == key) return dict_entry(&entries, i)->value;
    return NULL;
}

/* Where the value of an entry is; NULL: there is no such entry. */
static const void *const *value_at(const void *dict, uint32_t i)
{
    struct dict_entries entries;
    if (!dict_entries_of(py_read(dict, MA_KEYS), &entries) || i >= entries.count) return NULL;
    return &dict_entry(&entries, i)->value;
}

/* --- the modules ---------------------------------------------------------------------------- */

static uint16_t *bucket(const void *dict)
{
    return &python_modules[(uintptr_t)dict >> 4 & (MODULE_BUCKETS - 1)];
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
bool module_still(struct module *module)
{
    const void *const *at = value_at(module->dict, module->name_at);
    if (!at || *at != module->name_object) {
        module->name_at = dict_find(module->dict, "__name__");
        at = value_at(module->dict, module->name_at);
    }
    if (!at || *at != module->name_object) return false;
    module->keys = py_read(module->dict, MA_KEYS);
    module->name_is_at = at;
    return true;
}

struct module *module_of(const void *dict)
{
    for (unsigned i = *bucket(dict); i; i = modules[i - 1].next) {
        struct module *module = &modules[i - 1];
        if (module->dict != dict) continue;
        if (module_intact(module)) return module;
        forget(module);
        return NULL;
    }
    return NULL;
}

void module_gone(const void *dict)
{
    for (unsigned i = *bucket(dict); i; i = modules[i - 1].next)
        if (modules[i - 1].dict == dict) {
            forget(&modules[i - 1]);
            return;
        }
}

/*
 * What sys.modules holds is alive; of the others we know an address only, which
 * may be anybody's by now.
 */
void modules_each(void (*visit)(struct module *module, ft_ref task), ft_ref task)
{
    struct dict_entries entries;
    const void *table = python.current() ? python.PySys_GetObject("modules") : main_table;
    if (!py_is(table, python.PyDict_Type) || !dict_entries_of(py_read(table, MA_KEYS), &entries)) return;
    for (uint32_t i = 0; i < entries.count; i++) {
        const void *object = dict_entry(&entries, i)->value;
        if (!py_is(object, python.PyModule_Type)) continue;
        const void *dict = py_read(object, MODULE_DICT);
        struct module *module = dict ? module_of(dict) : NULL;
        if (module) visit(module, task);
    }
}

void modules_over(void) { main_table = NULL; }

void module_renamed(struct module *module, const void *name_object)
{
    if (name_object)
        module->name_object = name_object;
    else
        forget(module);
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
    switches_arm();
    if (globals != locals || !me() || module_of(globals)) return;
    char name[16], file[512];
    if (!py_is(code, python.PyCode_Type) ||
        py_text(py_read(code, python.layout->co_qualname), name, sizeof name) != 8 ||
        memcmp(name, "<module>", 8))
        return;
    file[py_text(py_read(code, python.layout->co_filename), file, sizeof file - 1)] = 0;
    module_met(globals, file);
}

void module_met(const void *globals, const char *file)
{
    if (!main_table &&
        py_read(python.current(), python.layout->ts_interp) == python.PyInterpreterState_Main())
        main_table = python.PySys_GetObject("modules");
    uint32_t name_at = dict_find(globals, "__name__");
    if (name_at == DICT_NONE) return; /* exec() in a dict of somebody's own */
    struct module found = {.dict = globals, .name_at = name_at};
    found.name_object = *value_at(globals, name_at);
    found.called[py_text(found.name_object, found.called, sizeof found.called - 1)] = 0;
    if (!plain_own(file, found.called, modules_all)) return;
    plain_stem(file, found.text, sizeof found.text);
    found.name = ft_string(&ft, found.text, strlen(found.text), self.task);
    found.next = *bucket(globals);
    struct module *module = free_module();
    if (!module) return;
    *module = found;
    *bucket(globals) = (uint16_t)(module - modules + 1);
}
