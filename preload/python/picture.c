/*
 * picture.c: what the globals of a process are at a moment.
 */
#include <string.h>

#include "preload/python/slot.h"

/* The GIL may be somebody else's: a name being bound right now is left out (its last value told stands). */
void python_at_fork(ft_ref fork)
{
    unsigned count = __atomic_load_n(&name_count, __ATOMIC_ACQUIRE);
    uint64_t process = count ? this_process() : 0;
    for (struct name *n = names; n < names + count; n++) {
        uint32_t version = __atomic_load_n(&n->version, __ATOMIC_ACQUIRE);
        const struct ft_py_global *slot = n->slot;
        if (version & 1 || !slot || !n->dict || n->process != process) continue;
        struct ft_py_value copy = {.module = n->module,
                                   .name = n->name,
                                   .fork = fork,
                                   .kind = slot->kind,
                                   .value = slot->value,
                                   .writes = slot->writes};
        char text[VALUE_TEXT];
        size_t length = 0;
        bool in_place = value_is_text(slot->kind) && n->text;
        if (in_place) {
            length = n->text->length < VALUE_TEXT ? n->text->length : VALUE_TEXT;
            memcpy(text, n->text->bytes, length);
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (n->version != version || copy.writes == n->told) continue;
        if (in_place) copy.value = ft_string(&ft, text, length, self.task);
        struct ft_py_value *record = ft_begin(&ft, FT_PY_VALUE, sizeof *record, self.task);
        if (!record) return;
        copy.head = record->head;
        *record = copy;
        ft_commit(record);
        n->told = copy.writes;
    }
}
