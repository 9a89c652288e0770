/*
 * picture.c: what the globals of a process are at a moment.
 *
 * A module's names are compared with what was last seen of them only if its
 * dict was changed since (ma_version_tag); containers each time. What differs
 * becomes an FT_PY_CHANGE. Runs no code of the program's, counts no references.
 */
#include "preload/python/picture.h"

#include <string.h>
#include <time.h>

#include "preload/python/slot.h"

enum { MA_VERSION_311 = 24 };
#define SECOND     1000000000ull
#define ITEMS_EACH 16 /* a name, on average */
#define ITEMS_MIN  2000

/* Copied by a fork: what a child compares with is what its parent saw last. */
static struct {
    uint64_t process; /* whose the rest is */
    uint64_t next;    /* not before; CLOCK_MONOTONIC_COARSE, ns */
    uint64_t pause;   /* to the one after that */
    uint64_t last;    /* time of the last one, by the trace's clock */
    uint32_t number;
    unsigned left; /* items of containers that may be looked at */
    bool fresh;    /* at the last fork */
    bool birth;    /* this one is of a child that has done nothing yet */
    struct ft_py_picture *slot;
} pictures;

/* --- one name ------------------------------------------------------------------------------- */

static bool same_text(const struct name *n, const struct value *value)
{
    return n->text && n->bits == n->text_ref && n->process == this_process() &&
           n->text->length == value->length && !memcmp(n->text->bytes, value->text, value->length);
}

/* Looks the same as when it was seen last. */
static bool same(const struct name *n, const struct value *value)
{
    if (n->kind != value->kind) return false;
    if (value_is_text(value->kind)) return same_text(n, value);
    /* the upper half is the name of the type, which may have been written twice */
    if (value->kind == FT_PY_KIND_sized) return (uint32_t)n->bits == (uint32_t)value->bits;
    return n->bits == value->bits;
}

/* Which object it is says nothing about numbers and texts: equal ones may be made anew at any time. */
static bool identity_counts(uint8_t kind)
{
    return value_is_container(kind) || kind == FT_PY_KIND_object || kind == FT_PY_KIND_secret ||
           kind == FT_PY_KIND_tuple;
}

/* What a child began with, which its parent could not look at. */
static void tell_birth(struct name *n, const struct value *value, uint64_t bits, uint32_t print, ft_ref task)
{
    struct ft_py_value *record = ft_begin(&ft, FT_PY_VALUE, sizeof *record, task);
    if (!record) return;
    record->module = n->module;
    record->name = n->name;
    record->fork = task;
    record->kind = value->kind;
    record->value = bits;
    record->print = print;
    ft_commit(record);
}

static void tell(struct name *n, const struct value *value, uint64_t bits, uint32_t print, bool rebound,
                 ft_ref task)
{
    if (pictures.birth) return tell_birth(n, value, bits, print, task);
    struct ft_py_change *record = ft_begin(&ft, FT_PY_CHANGE, sizeof *record, task);
    if (!record) return;
    record->module = n->module;
    record->name = n->name;
    record->value = bits;
    record->kind = value->kind;
    record->old = n->bits;
    record->old_kind = n->kind;
    record->since = pictures.last;
    record->rebound = rebound;
    record->print = print;
    ft_commit(record);
}

static void compare(struct name *n, const void *key, const void *object, ft_ref task)
{
    if (object == n->pictured && object == n->object && !value_may_change(n->kind)) return;
    struct value value;
    value_of(object, &value);
    slot_hide(n, &value);
    bool rebound = object != n->object, known = object == n->pictured;
    uint32_t print = value_is_container(value.kind) ? value_print(object, &pictures.left) : 0;
    bool stirred = known && n->print && print && print != n->print,
         news = !same(n, &value) || stirred || (rebound && identity_counts(value.kind));
    uint64_t bits = n->bits;
    if (!news && !rebound && known && print == n->print) return;
    if (news || (pictures.birth && print)) {
        if (ft_stale(&ft, n->module) || ft_stale(&ft, n->name)) slot_refresh(n, key);
        bits = value_bits(&value);
        tell(n, &value, bits, print, rebound, task);
    }
    name_change(n);
    n->object = n->pictured = object;
    n->kind = value.kind;
    n->bits = bits;
    n->print = print;
    name_changed(n);
}

/* --- one module ----------------------------------------------------------------------------- */

/* In the dict, but bound by no way we see. */
static struct name *stranger(struct module *module, const struct dict_entry *entry, int64_t hash,
                             uint16_t *place)
{
    char text[128];
    struct value value;
    value_of(entry->value, &value);
    if (value_is_definition(value.kind)) return NULL;
    size_t length = py_text(entry->key, text, sizeof text);
    if (!length || (length > 2 && text[0] == '_' && text[1] == '_')) return NULL;
    return name_add(module, hash, text, length, place);
}

static void compare_all(struct module *module, ft_ref task)
{
    struct dict_entries entries;
    if (!dict_entries_of(py_read(module->dict, MA_KEYS), &entries)) return;
    for (uint32_t i = 0; i < entries.count; i++) {
        const struct dict_entry *entry = dict_entry(&entries, i);
        if (!entry->value || !py_is(entry->key, python.PyUnicode_Type)) continue;
        int64_t hash = (int64_t)(intptr_t)py_read(entry->key, STR_HASH);
        uint16_t *place;
        struct name *n = name_find(module->dict, hash, &place);
        if (!n) n = stranger(module, entry, hash, place);
        if (!n) continue;
        n->met = pictures.number;
        compare(n, entry->key, entry->value, task);
    }
}

static void look(struct module *module, ft_ref task)
{
    uint64_t version = (uint64_t)py_read(module->dict, MA_VERSION_311);
    module->looked = pictures.number;
    module->changed = version != module->version || python.layout->version != 0x030b;
    if (!module->changed) return;
    compare_all(module, task);
    module->version = version;
}

/* What compare_all did not come across: names that are gone, and containers of modules that did not change.
 */
static void look_again(struct name *n, ft_ref task)
{
    const struct module *module = n->owner;
    if (!n->dict || n->dict != module->dict || module->looked != pictures.number) return;
    if (module->changed) {
        if (n->met != pictures.number && n->kind != FT_PY_KIND_unset) compare(n, NULL, NULL, task);
    } else if (value_may_change(n->kind) && n->object == n->pictured) { /* the dict holds it */
        compare(n, NULL, n->object, task);
    }
}

/* --- all of them ---------------------------------------------------------------------------- */

static uint64_t coarse(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void count(uint64_t begun, uint64_t ended, ft_ref task)
{
    if (pictures.process != this_process()) {
        pictures.process = this_process();
        pictures.slot = ft_slot_new(&ft, task);
        if (pictures.slot) pictures.slot->first = begun;
    }
    pictures.last = begun;
    struct ft_py_picture *slot = pictures.slot;
    if (!slot) return;
    slot->count++;
    slot->names = name_count;
    if (ended - begun > slot->longest) slot->longest = ended - begun;
    ft_slot_set(slot, FT_PY_PICTURE, task, begun);
}

void picture_take(ft_ref task)
{
    if (!name_count) return;
    uint64_t begun = ft_now(&ft);
    pictures.number++;
    pictures.left = ITEMS_MIN + ITEMS_EACH * name_count;
    modules_each(look, task);
    for (struct name *n = names; n < names + name_count; n++) look_again(n, task);
    count(begun, ft_now(&ft), task);
}

const void *python_gil_given;

void python_release(void)
{
    if (!name_count) return;
    uint64_t now = coarse();
    bool first = pictures.process != this_process();
    if (now < pictures.next && !first) return;
    ft_ref task = me();
    if (!task || self.vforked || python.finalizing()) return;
    if (py_holds_gil()) renames_look(); /* from 3.12 on it is just gone */
    picture_take(task);
    uint64_t took = coarse() - now;
    pictures.pause = first ? SECOND / 10 : pictures.pause * 2 < SECOND ? pictures.pause * 2 : SECOND;
    pictures.next = now + took + (100 * took > pictures.pause ? 100 * took : pictures.pause);
}

/* --- at a fork ------------------------------------------------------------------------------ */

/* The GIL may be somebody else's: a name being bound right now is left out (its last value told stands). */
static void tell_child(struct name *n, ft_ref fork, uint64_t process)
{
    uint32_t version = __atomic_load_n(&n->version, __ATOMIC_ACQUIRE);
    if (version & 1 || !n->dict || version == n->told) return;
    bool ours = n->slot && n->process == process;
    struct ft_py_value copy = {.module = n->module,
                               .name = n->name,
                               .fork = fork,
                               .kind = n->kind,
                               .value = n->bits,
                               .print = n->pictured == n->object ? n->print : 0,
                               .writes = ours ? n->slot->writes : 0};
    char text[VALUE_TEXT];
    size_t length = 0;
    bool in_place = value_is_text(n->kind) && n->text && n->bits == n->text_ref;
    if (in_place) {
        length = n->text->length < VALUE_TEXT ? n->text->length : VALUE_TEXT;
        memcpy(text, n->text->bytes, length);
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (n->version != version) return;
    if (in_place) copy.value = ft_string(&ft, text, length, self.task);
    struct ft_py_value *record = ft_begin(&ft, FT_PY_VALUE, sizeof *record, self.task);
    if (!record) return;
    copy.head = record->head;
    *record = copy;
    ft_commit(record);
    n->told = version;
}

void picture_at_fork(ft_ref fork, bool in_order)
{
    unsigned all = __atomic_load_n(&name_count, __ATOMIC_ACQUIRE);
    if (!all) return;
    pictures.fresh = in_order;
    if (in_order) picture_take(self.task);
    for (struct name *n = names; n < names + all; n++) tell_child(n, fork, this_process());
}

void picture_in_child(bool in_order)
{
    if (!name_count || pictures.fresh) return;
    if (!in_order) return self_note(FT_NOTE_PYTHON_UNREAD, NULL);
    pictures.birth = true;
    picture_take(self.task);
    pictures.birth = false;
}
