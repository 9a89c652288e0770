/*
 * binding.c: a module global is bound: by whom, where, to what. Its slot is
 * overwritten (no event a write); a watched name gets an FT_PY_WRITE besides.
 */
#include "preload/python/binding.h"

#include <string.h>

#include "preload/held.h"
#include "preload/python/dictwatch.h"
#include "preload/python/slot.h"

static inline const void *innermost(void)
{
    if (likely(python.holder)) /* py_frame(), inlined */
        return py_read(py_read(*python.holder, TS_CFRAME_311), CFRAME_FRAME_311);
    return py_frame(python.current());
}

/* The binding's line: the innermost Python frame's, looked up again only when the instruction is another one.
 */
static void locate(struct name *n, uint16_t *flags)
{
    const struct py_layout *layout = python.layout;
    const void *frame = innermost();
    const void *code = frame ? py_untagged(py_read(frame, layout->f_code)) : NULL;
    if (!py_is(code, python.PyCode_Type)) return;
    const void *instruction = py_read(frame, layout->f_instr);
    if (py_read(frame, layout->f_globals) == py_read(frame, layout->f_namespace)) *flags |= FT_PY_BY_MODULE;
    if (code == n->code && instruction == n->instruction) return;
    n->file = py_string(py_read(code, python.layout->co_filename));
    n->line = py_frame_line(frame, code);
    n->code = code;
    n->instruction = instruction;
}

/* Its time, which is then the slot's too: the clock is the dearest part of all this. 0: not written. */
static uint64_t write_event(const struct name *n, ft_ref task, const struct value *value, uint16_t flags)
{
    uint64_t bits = value_bits(value);
    struct ft_py_write *record = ft_begin(&ft, FT_PY_WRITE, sizeof *record, task);
    if (!record) return 0;
    uint64_t time = record->head.time;
    record->module = n->module;
    record->name = n->name;
    record->value = bits;
    record->kind = value->kind;
    record->flags = (uint8_t)(flags | (python.layout->version < 0x030e ? FT_PY_LOCKS : 0));
    record->file = n->file;
    record->line = n->line;
    held_signs(record->held);
    ft_commit(record);
    return time;
}

static inline uint64_t now(void)
{
#if defined __x86_64__
    if (likely(ft.clock == FT_CLOCK_TSC)) return __builtin_ia32_rdtsc();
#endif
    return ft_now(&ft);
}

/* Where 3.12 and later keep that of a subinterpreter, no description says: any but the main one may be
 * ending. */
static bool ending(const void *state)
{
    const void *interpreter = py_read(state, python.layout->ts_interp);
    if (python.finalizing()) return true;
    if (python.layout->version == 0x030b) return py_read32(interpreter, INTERP_FINALIZING_311);
    return !dictwatch_main(interpreter);
}

/*
 * At its end an interpreter (each of them) sets every global to None, from C:
 * that is no write of the program's. One by a __del__ or an atexit handler is.
 */
static bool torn_down(struct name *n, const struct value *value)
{
    if (value->kind != FT_PY_KIND_none) return false;
    const void *state = python.current();
    if (!ending(state) || py_frame(state)) return false;
    n->object = value->object;
    n->kind = FT_PY_KIND_none;
    n->slot->flags |= FT_PY_TEARDOWN;
    if (n->watched) write_event(n, self.task, value, FT_PY_TEARDOWN);
    return true;
}

/* A loop binds the same name again and again. */
static inline bool bound_last(const void *dict, int64_t hash)
{
    return likely(name_last && name_last->hash == hash && name_last->dict == dict &&
                  module_intact(name_last->owner) && name_last->process == this_process());
}

/* The name of this binding with a slot of this process; NULL: not one we keep. */
static struct name *name_of(const void *dict, const void *key, int64_t hash, const struct value *value,
                            ft_ref task)
{
    struct module *module = module_of(dict);
    char text[128];
    uint16_t *place;
    if (!module) return NULL;
    struct name *n = name_find(dict, hash, &place);
    if (!n) {
        size_t length = py_text(key, text, sizeof text);
        if (!length) return NULL;
        if (length == 8 && !memcmp(text, "__name__", 8) && module->dict)
            module_renamed(module, value->kind ? value->object : NULL);
        if (length > 2 && text[0] == '_' && text[1] == '_') return NULL;
        /* def, class, import */
        if (value_is_definition(value->kind) && !name_watched(module, text, length)) return NULL;
        n = name_add(module, hash, text, length, place);
        if (!n) return NULL;
    }
    if (!python.holder) py_prove();
    if (n->slot && n->process == this_process()) return name_last = n;
    return slot_make(n, dict, key, task) ? name_last = n : NULL;
}

void binding(const void *dict, const void *key, int64_t hash, const void *object)
{
    ft_ref task = me();
    if (!task || !py_is(key, python.PyUnicode_Type)) return;
    struct value value;
    value_of(object, &value);
    struct name *n = bound_last(dict, hash) ? name_last : name_of(dict, key, hash, &value, task);
    if (!n || torn_down(n, &value)) return;
    slot_hide(n, &value);
    if (unlikely(ft.current[FT_LINEAGE] && ft.current[FT_LINEAGE]->seq > ft.capacity)) slot_refresh(n, key);
    struct ft_py_global *slot = n->slot;
    uint16_t flags = 0;
    locate(n, &flags);
    uint64_t time = n->watched ? write_event(n, task, &value, flags) : 0;
    name_change(n);
    n->object = object;
    slot_value(n, slot, &value);
    slot->writer = task;
    slot->file = n->file;
    slot->line = n->line;
    slot->flags &= flags | (uint16_t)~FT_PY_BY_MODULE;
    slot->writes++;
    if (!time) time = now();
    if (likely(slot->head.state))
        slot->head.time = time;
    else
        ft_slot_set(slot, FT_PY_GLOBAL, slot->head.task, time);
    name_changed(n);
}
