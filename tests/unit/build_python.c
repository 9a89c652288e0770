/* build_python.c: Python and greenlets (build_trace.h). */
#include "build_inside.h"

ft_ref trace_greenlet(ft_ref by, const char *name, const char *type, uint32_t flags)
{
    RECORD(greenlet, GREENLET, by);
    r->name = *name ? record_text(name, by) : 0;
    r->type = record_text(type, by);
    r->flags = flags;
    ft_commit(r);
    return ref;
}

void trace_greenlets(ft_ref by, ft_ref fork, ft_ref current, uint32_t others, const ft_ref *list)
{
    uint32_t count = 0;
    while (list[count]) count++;
    struct ft_greenlets *r =
        ft_begin(&build_writer, FT_GREENLETS, sizeof *r + count * sizeof *r->greenlet, by);
    r->when = fork ? FT_PY_AT_FORK : FT_PY_AT_EVENT;
    r->fork = fork;
    r->count = count;
    r->others = others;
    r->current = current;
    for (uint32_t i = 0; i < count; i++) r->greenlet[i] = (struct ft_greenlet_at){.greenlet = list[i]};
    ft_commit(r);
}

void trace_greenlet_run(ft_ref by, ft_ref greenlet, uint64_t since, uint32_t others)
{
    RECORD(greenlet_run, GREENLET_RUN, by);
    r->greenlet = greenlet, r->since = since, r->others = others;
    ft_commit(r);
}

void trace_greenlet_runs(ft_ref by, const char *function, uint32_t flags)
{
    RECORD(py_function, PY_FUNCTION, by);
    r->name = record_text(function, by);
    ft_commit(r);
    struct ft_greenlet_slot *slot = ft_slot_new(&build_writer, by);
    slot->function = *function ? ref : 0;
    slot->flags = flags;
    ft_slot_set(slot, FT_GREENLET_SLOT, by, ft_now(&build_writer));
}

void trace_py_write(ft_ref by, const char *name, int64_t value, uint16_t held, bool by_module)
{
    ft_ref module = record_text("app", by), string = record_text(name, by),
           file = record_text("/srv/app.py", by);
    RECORD(py_write, PY_WRITE, by);
    r->module = module, r->name = string, r->file = file, r->line = by_module ? 3 : 9;
    r->kind = FT_PY_KIND_int, r->value = (uint64_t)value, r->held[0] = held;
    r->flags = (uint8_t)(FT_PY_LOCKS | (by_module ? FT_PY_BY_MODULE : 0));
    ft_commit(r);
}

void trace_py_value(ft_ref by, ft_ref fork, const char *name, enum ft_py_kind kind, uint64_t bits)
{
    ft_ref module = record_text("app", by), string = record_text(name, by);
    RECORD(py_value, PY_VALUE, by);
    r->fork = fork, r->module = module, r->name = string, r->kind = kind, r->value = bits;
    ft_commit(r);
}

void trace_py_global(ft_ref by, const char *name, enum ft_py_kind kind, uint64_t bits)
{
    struct ft_py_global *slot = ft_slot_new(&build_writer, by);
    cr_assert(slot);
    slot->module = record_text("app", by), slot->name = record_text(name, by);
    slot->kind = (uint8_t)kind, slot->value = bits, slot->writes = 1;
    ft_slot_set(slot, FT_PY_GLOBAL, by, ft_now(&build_writer));
}

void trace_py_thread(ft_ref by, ft_ref thread, const char *name)
{
    ft_ref string = record_text(name, by);
    RECORD(py_thread, PY_THREAD, by);
    r->thread = thread, r->name = string;
    ft_commit(r);
}
