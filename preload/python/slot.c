/*
 * slot.c: what a name is bound to, overwritten in place.
 */
#include "preload/python/slot.h"

#include <string.h>

/*
 * The text of a slot is a string of its own, overwritten with it: a loop that
 * binds a name to a million texts shall not write a million records.
 */
static uint64_t text_in_place(struct name *n, const struct value *value)
{
    if (!n->text) {
        n->text = ft_begin(&ft, FT_STRING, sizeof *n->text + VALUE_TEXT, n->slot->head.task);
        if (!n->text) return 0;
        n->text_ref = ft_ref_of(n->text);
        ft_publish(n->text);
    }
    memcpy(n->text->bytes, value->text, value->length);
    n->text->length = value->length;
    return n->text_ref;
}

void slot_value(struct name *n, struct ft_py_global *slot, const struct value *value)
{
    bool text = value_is_text(value->kind);
    if (slot->kind != value->kind || text)
        slot->kind = FT_PY_KIND_unset; /* killed in between: nothing, not nonsense */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    slot->value = n->bits = text ? text_in_place(n, value) : value->bits;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    slot->kind = n->kind = value->kind;
}

void slot_hide(const struct name *n, struct value *value)
{
    if (n->secret && value->kind > FT_PY_KIND_none) *value = (struct value){.kind = FT_PY_KIND_secret};
}

bool slot_make(struct name *n, const void *dict, const void *key, ft_ref task)
{
    struct ft_py_global *slot = ft_slot_new(&ft, task);
    if (!slot) return false;
    struct value old;
    value_of(dict_get(dict, key, n->hash), &old);
    slot_hide(n, &old);
    slot->module = n->module;
    slot->name = n->name;
    slot->old = value_bits(&old);
    slot->old_kind = old.kind;
    slot->flags = FT_PY_BY_MODULE;
    name_change(n);
    n->slot = slot;
    n->process = this_process();
    n->text = NULL;
    name_changed(n);
    return true;
}

void slot_refresh(struct name *n, const void *key)
{
    char text[128];
    if (ft_stale(&ft, n->module))
        n->module = ft_string(&ft, n->owner->text, strlen(n->owner->text), self.task);
    if (ft_stale(&ft, n->name)) n->name = ft_string(&ft, text, py_text(key, text, sizeof text), self.task);
    if (!n->slot || n->process != this_process()) return;
    n->slot->module = n->module;
    n->slot->name = n->name;
}
