/*
 * renames.c: threads that got another name after they were started. Looked at
 * where the interpreter is in order and this thread holds the GIL: FT_PY_THREAD
 * is then written again.
 */
#include "preload/python/dict.h"
#include "preload/python/runtime.h"
#include "preload/python/table.h"

#define THREADS 512

/* By its Thread object, which a later one may be in the place of: then it was written here, too. */
static struct started {
    const void *object;
    uint64_t process; /* a fork copies the object of a thread that is not the child's */
    ft_ref thread, name, function;
} started[THREADS] SPARSE;

static struct started *place_of(const void *object)
{
    return &started[((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 55];
}

void renames_told(const void *object, ft_ref thread, ft_ref name, ft_ref function)
{
    struct ft_py_thread *record = ft_begin(&ft, FT_PY_THREAD, sizeof *record, self.task);
    if (!record) return;
    record->thread = thread;
    record->name = name;
    record->function = function;
    ft_commit(record);
    if (object) *place_of(object) = (struct started){object, this_process(), thread, name, function};
}

static void look_at(const void *object)
{
    const struct started *s = place_of(object);
    const void *target;
    if (s->object != object || s->process != this_process()) return;
    ft_ref name = py_thread_name(object, &target);
    if (name && name != s->name) renames_told(object, s->thread, name, s->function);
}

void renames_look(void)
{
    struct dict_entries entries;
    const void *active = alive_active();
    if (!py_is(active, python.PyDict_Type) || !dict_entries_of(py_read(active, MA_KEYS), &entries)) return;
    for (uint32_t i = 0; i < entries.count; i++) {
        const void *object = dict_entry(&entries, i)->value;
        if (object) look_at(object);
    }
}
