/*
 * binding.c: a module global is bound: by whom, where, to what. Its slot is
 * overwritten (no event a write); of a watched name each write is an event besides.
 */
#include "preload/python/binding.h"

#include <string.h>

#include "preload/python/slot.h"
#include "preload/python/writes.h"

/* py_frame() of this thread, inlined. */
static inline const void *innermost(void)
{
    if (likely(python.holder)) return py_read(py_read(*python.holder, TS_CFRAME_311), CFRAME_FRAME_311);
    const struct py_layout *l = python.layout;
    const void *state = py_current();
    const void *from = l->ts_cframe == NO_CFRAME ? state : py_read(state, l->ts_cframe);
    const void *frame = py_read(from, l->ts_frame);
    return likely(frame && (int)*((const uint8_t *)frame + l->f_owner) < l->owner_none) ? frame
                                                                                        : py_frame(state);
}

/* What this spot tells of a binding: the line of the innermost Python frame. */
static void locate(struct spot *spot)
{
    const struct py_layout *layout = python.layout;
    const void *frame = innermost(), *code = frame ? py_frame_code(frame) : NULL;
    if (!code) return;
    spot->code = code;
    spot->instruction = py_read(frame, layout->f_instr);
    const struct spot *known = spot_at(spot->hash, spot->instruction);
    if (known->dict == spot->dict && known->hash == spot->hash && known->code == code &&
        known->instruction == spot->instruction && known->seq == ft.current[FT_LINEAGE]->seq) {
        spot->file = known->file;
        spot->line = known->line;
        spot->flags = known->flags;
        return;
    }
    spot->file = py_string(py_read(code, layout->co_filename));
    spot->line = py_frame_line(frame, code);
    if (py_read(frame, layout->f_globals) == py_read(frame, layout->f_namespace))
        spot->flags = FT_PY_BY_MODULE;
}

/* Remembered, unless the next binding there is not to be told in the same way. */
static void remember(const struct spot *spot)
{
    const struct module *module = spot->name->owner;
    const struct ft_page *page = ft.current[FT_LINEAGE];
    if (!spot->instruction || !page || spot->name->secret || !spot->slot->head.state) return;
    struct spot *at = spot_at(spot->hash, spot->instruction);
    *at = *spot;
    at->keys = module->keys;
    at->name_is_at = module->name_is_at;
    at->name_object = module->name_object;
    at->seq = page->seq;
    at->event = spot->name->watched;
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
    return interpreter != python.PyInterpreterState_Main();
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
    struct spot nowhere = {.name = n, .flags = FT_PY_TEARDOWN};
    if (n->watched) write_event(&nowhere, self.task, FT_PY_KIND_none, 0);
    return true;
}

/* The name of this binding with a slot of this process; NULL: not one we keep. */
static struct name *name_of(const void *dict, const void *key, int64_t hash, const struct value *value,
                            ft_ref task)
{
    struct module *module = module_of(dict);
    char text[128];
    uint16_t *known_at;
    if (!module) return NULL;
    struct name *n = name_find(dict, hash, &known_at);
    if (!n) {
        size_t length = py_text(key, text, sizeof text);
        if (!length) return NULL;
        if (length == 8 && !memcmp(text, "__name__", 8) && module->dict)
            module_renamed(module, value->kind ? value->object : NULL);
        if (length > 2 && text[0] == '_' && text[1] == '_') return NULL;
        /* def, class, import */
        if (value_is_definition(value->kind) && !name_watched(module, text, length)) return NULL;
        n = name_add(module, hash, text, length, known_at);
        if (!n) return NULL;
    }
    if (!python.holder) py_prove();
    if (n->slot && n->process == this_process()) return n;
    return slot_make(n, dict, key, task) ? n : NULL;
}

/* Any binding. */
static __attribute__((noinline, cold)) void bind_slowly(const void *dict, const void *key, int64_t hash,
                                                        const void *object)
{
    ft_ref task = me();
    if (!task || !py_is(key, python.PyUnicode_Type)) return;
    struct value value;
    value_of(object, &value);
    struct name *n = name_of(dict, key, hash, &value, task);
    if (!n || torn_down(n, &value)) return;
    slot_hide(n, &value);
    if (unlikely(ft.current[FT_LINEAGE] && ft.current[FT_LINEAGE]->seq > ft.capacity)) slot_refresh(n, key);
    struct ft_py_global *slot = n->slot;
    struct spot spot = {.dict = dict, .key = key, .hash = hash, .name = n, .slot = slot};
    locate(&spot);
    uint64_t time = n->watched ? write_event(&spot, task, value.kind, value_bits(&value)) : 0;
    name_change(n);
    n->object = object;
    slot_value(n, slot, &value);
    slot->writer = task;
    slot->file = spot.file;
    slot->line = spot.line;
    slot->flags &= spot.flags | (uint16_t)~FT_PY_BY_MODULE;
    slot->writes++;
    if (!time) time = now();
    if (likely(slot->head.state))
        slot->head.time = time;
    else
        ft_slot_set(slot, FT_PY_GLOBAL, slot->head.task, time);
    name_changed(n);
    remember(&spot);
}

/*
 * A small int is bound where one was bound before, and nothing else has changed
 * either: stub.S has the same for 3.11. No calls: they would cost half of all
 * this.
 */
static inline bool is_again(const struct spot *spot, const void *dict, const void *key, int64_t hash,
                            const void *object, const void *frame, const void *instruction)
{
    const struct ft_page *page = ft.current[FT_LINEAGE];
    return spot->dict == dict && spot->hash == hash && spot->key == key && spot->instruction == instruction &&
           spot->code == py_untagged(py_read(frame, python.layout->f_code)) && spot_intact(spot) &&
           value_is_small_int(object) && spot->slot->kind == FT_PY_KIND_int && page &&
           page->seq == spot->seq && self.task && !self.busy && !self_shared_tls &&
           (!spot->event || write_is_plain(spot));
}

static inline void bind_again(const struct spot *spot, const void *object)
{
    struct name *n = spot->name;
    struct ft_py_global *slot = spot->slot;
    uint64_t bits = py_read32(object, DIGITS), time = now();
    if (spot->event) write_entry(spot, bits, time); /* before it counts: see stub.S */
    name_change(n);
    n->object = object;
    n->kind = FT_PY_KIND_int;
    slot->value = n->bits = bits;
    slot->writer = self.task;
    slot->file = spot->file;
    slot->line = spot->line;
    slot->writes++;
    slot->head.time = time;
    name_changed(n);
}

void binding(const void *dict, const void *key, int64_t hash, const void *object)
{
    const void *frame = innermost();
    const void *instruction = frame ? py_read(frame, python.layout->f_instr) : NULL;
    const struct spot *spot = spot_at(hash, instruction);
    if (likely(is_again(spot, dict, key, hash, object, frame, instruction)))
        bind_again(spot, object);
    else
        bind_slowly(dict, key, hash, object);
}
