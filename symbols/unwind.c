/*
 * unwind.c: see unwind.h. libdw does the work (`Dwfl`); it asks us for the
 * registers and for memory, of which there is only the copy.
 */
#include "unwind.h"

#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

struct unwind {
    Dwfl *dwfl;
    pid_t pid;
    bool attached;
    const struct unwind_state *state; /* of the stack that is being unwound */
};

#if defined __x86_64__

/* DWARF's numbers of the registers (System V ABI, AMD64 supplement, figure 3.36). */
enum { BX = 3, BP = 6, SP = 7, R12 = 12, R13, R14, R15, IP, REGISTERS };

static pid_t next_thread(Dwfl *dwfl, void *argument, void **thread_argument)
{
    struct unwind *u = argument;
    bool first = !*thread_argument;
    *thread_argument = u;
    return first ? u->pid : 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *argument, void **thread_argument)
{
    *thread_argument = argument;
    return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *argument)
{
    const struct unwind_state *s = ((struct unwind *)argument)->state;
    if (address < s->sp || s->size < sizeof *word || address - s->sp > s->size - sizeof *word) return false;
    memcpy(word, (const char *)s->stack + (address - s->sp), sizeof *word);
    return true;
}

static bool set_registers(Dwfl_Thread *thread, void *argument)
{
    const struct unwind_state *s = ((struct unwind *)argument)->state;
    Dwarf_Word registers[REGISTERS] = {[BX] = s->bx,   [BP] = s->bp,   [SP] = s->sp,   [R12] = s->r12,
                                       [R13] = s->r13, [R14] = s->r14, [R15] = s->r15, [IP] = s->ip};
    return dwfl_thread_state_registers(thread, 0, REGISTERS, registers);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = next_thread,
                                                       .get_thread = get_thread,
                                                       .memory_read = read_memory,
                                                       .set_initial_registers = set_registers};

struct frames {
    uint64_t *pcs;
    size_t count, room;
    bool first;
};

static int on_frame(Dwfl_Frame *frame, void *argument)
{
    struct frames *f = argument;
    Dwarf_Addr pc;
    if (!dwfl_frame_pc(frame, &pc, NULL)) return DWARF_CB_ABORT;
    if (f->first) { /* the function itself */
        f->first = false;
        return DWARF_CB_OK;
    }
    if (!pc || f->count == f->room) return DWARF_CB_ABORT;
    f->pcs[f->count++] = pc;
    return DWARF_CB_OK;
}

size_t unwind_frames(struct unwind *u, const struct unwind_state *state, uint64_t *pcs, size_t room)
{
    struct frames f = {.pcs = pcs, .room = room, .first = true};
    u->state = state;
    if (!u->attached && !(u->attached = dwfl_attach_state(u->dwfl, NULL, u->pid, &thread_callbacks, u)))
        return 0;
    dwfl_getthread_frames(u->dwfl, u->pid, on_frame, &f);
    return f.count;
}

#else
size_t unwind_frames(struct unwind *u, const struct unwind_state *state, uint64_t *pcs, size_t room)
{
    return 0;
}
#endif

/* --- objects -------------------------------------------------------------------------------------- */

static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                         .find_debuginfo = dwfl_standard_find_debuginfo};

struct unwind *unwind_open(pid_t pid)
{
    struct unwind *u = calloc(1, sizeof *u);
    if (!u) return NULL;
    u->pid = pid;
    u->dwfl = dwfl_begin(&callbacks);
    if (u->dwfl && !dwfl_linux_proc_report(u->dwfl, pid) && !dwfl_report_end(u->dwfl, NULL, NULL)) return u;
    unwind_close(u);
    return NULL;
}

void unwind_close(struct unwind *u)
{
    if (u && u->dwfl) dwfl_end(u->dwfl);
    free(u);
}

static bool describe(Dwfl_Module *module, struct unwind_object *found)
{
    Dwarf_Addr start, end;
    GElf_Addr bias = 0, at;
    const char *name = module ? dwfl_module_info(module, NULL, &start, &end, NULL, NULL, NULL, NULL) : NULL;
    if (!name || *name != '/' || !dwfl_module_getelf(module, &bias)) return false;
    *found = (struct unwind_object){.path = name, .start = start, .end = end, .bias = bias};
    int size = dwfl_module_build_id(module, &found->build_id, &at);
    if (size > 0) found->build_id_size = (size_t)size;
    return true;
}

const struct unwind_object *unwind_object(struct unwind *u, uint64_t address, struct unwind_object *found)
{
    return describe(dwfl_addrmodule(u->dwfl, address), found) ? found : NULL;
}

struct each {
    void (*visit)(void *context, const struct unwind_object *object);
    void *context;
};

static int on_module(Dwfl_Module *module, void **unused, const char *name, Dwarf_Addr start, void *argument)
{
    const struct each *each = argument;
    struct unwind_object object;
    if (describe(module, &object)) each->visit(each->context, &object);
    return DWARF_CB_OK;
}

void unwind_each(struct unwind *u, void (*visit)(void *context, const struct unwind_object *object),
                 void *context)
{
    struct each each = {visit, context};
    dwfl_getmodules(u->dwfl, on_module, &each, 0);
}
