/*
 * records.c: which fields of each record are printed, and how: one RECORD per
 * line of FT_TYPES (trace/format.h), in its order. A type that has none here
 * does not compile.
 */
#include "tests/tools/dump/records.h"

#include "tests/tools/dump/field.h"

#include <string.h>

/*
 * The printer of a type: `r` is the record (zeros where it is shorter than this build's), `head` the record
 * itself. Its words are statements; a field's label is its name, or where it ends with _AS the one given.
 */
#define RECORD(name, ...)                                 \
    static void record_##name(const struct ft_head *head) \
    {                                                     \
        struct ft_##name r = FT_GET(name, head);          \
        __VA_ARGS__                                       \
    }
#define INT_AS(label, value)    printf(" " label "=%jd", (intmax_t)(value));
#define UINT_AS(label, value)   printf(" " label "=%ju", (uintmax_t)(value));
#define HEX_AS(label, value)    printf(" " label "=%jx", (uintmax_t)(value));
#define STRING_AS(label, value) print_string(label, value);
#define INT(field)              INT_AS(#field, r.field)
#define UINT(field)             UINT_AS(#field, r.field)
#define HEX(field)              HEX_AS(#field, r.field)
#define STRING(field)           STRING_AS(#field, r.field)
#define NAME(TABLE, field)      printf(" " #field "=%s", NAME_OF(TABLE, r.field));
#define ORIGIN                  print_origin(&r.origin);
#define HELD                    printf(" held=%x,%x,%x", r.held[0], r.held[1], r.held[2]);
#define LINE                    printf(":%u", r.line);
#define COMM                    printf(" name=%.16s", r.name);
#define FROM_TO                     \
    print_value(r.old_kind, r.old); \
    printf(" ->");                  \
    print_value(r.kind, r.value);

/* What follows the fixed part: `part` is each of those there are, at most `most`. */
#define EACH(type, part, fixed, most, ...)                                                    \
    {                                                                                         \
        size_t length_;                                                                       \
        const type *part = ft_tail(head, fixed, &length_);                                    \
        for (size_t i = 0; i < (most) && i < length_ / sizeof *part; i++, part++) __VA_ARGS__ \
    }
#define BEHIND(name, field) offsetof(struct ft_##name, field)

/* clang-format off */
/* Definitions. */
RECORD(string,
    UINT(length) putchar(' ');
    size_t room;
    const char *bytes = ft_tail(head, BEHIND(string, bytes), &room);
    print_bytes(bytes, r.length < room ? r.length : room);)
RECORD(stack, UINT(count) UINT(cut) EACH(uint64_t, pc, BEHIND(stack, pc), r.count, printf(" %" PRIx64, *pc);))
RECORD(object,
    printf(" %" PRIx64 "-%" PRIx64, r.start, r.end);
    HEX(bias) STRING(path) printf(" build_id=");
    for (size_t i = 0; i < r.build_id_size && i < sizeof r.build_id; i++) printf("%02x", r.build_id[i]);)
RECORD(site, ORIGIN)
RECORD(clock, UINT(monotonic))
RECORD(note, UINT(what) STRING(text))

/* Processes. */
RECORD(process,
    UINT(pid) UINT(ppid) UINT(tid) UINT(start_ticks) UINT(birth) HEX(blocked) HEX(ignored) HEX(parent_task)
    STRING(exe) STRING(argv) STRING(cwd))
RECORD(fork, NAME(FT_FORK_APIS, api) INT(result) ORIGIN)
RECORD(child, UINT(pid) UINT(tid))
RECORD(exec, STRING(path) ORIGIN)
RECORD(exec_failed, STRING(path) INT(error))
RECORD(exit, NAME(FT_EXIT_APIS, api) INT(status) ORIGIN)
RECORD(reap, NAME(FT_REAP_APIS, api) INT(pid) printf(" status=%#x", (unsigned)r.status); HEX(site))
RECORD(session, NAME(FT_SESSION_APIS, api) INT(result) HEX(site))
RECORD(cred,
    NAME(FT_CRED_APIS, api) INT(error)
    printf(" ids=%u,%u,%u,%u", r.ids[0], r.ids[1], r.ids[2], r.ids[3]); HEX(site))

/* Threads, and what a fork leaves of them. */
RECORD(thread_create, NAME(FT_THREAD_APIS, api) HEX(start) UINT(detached) INT(error) ORIGIN)
RECORD(thread_start, UINT(tid) UINT(pid) HEX(pthread))
RECORD(thread_end, NAME(FT_THREAD_ENDS, how) UINT(cpu_ns))
RECORD(thread_op, NAME(FT_THREAD_OPS, api) HEX(pthread) INT(error) HEX(site))
RECORD(thread_name, HEX(pthread) printf(" name="); print_bytes(r.name, strnlen(r.name, sizeof r.name));)
RECORD(unseen_threads,
    HEX(fork) UINT(count) printf(" tids=");
    EACH(uint32_t, tid, sizeof r, r.count, printf("%s%u", i ? "," : "", *tid);))
RECORD(atfork, NAME(FT_ATFORK_PHASES, phase) UINT(which) HEX(handler) UINT(ns))
RECORD(held, NAME(FT_WAIT_KINDS, kind) HEX(address) HEX(fork) HEX(holder))

/* Signals. */
RECORD(sigaction,
    NAME(FT_SIGACTION_APIS, api) UINT(signal) HEX_AS("old", r.old_handler) HEX_AS("new", r.new_handler)
    HEX(flags) HEX(mask) HEX(site)
    if (r.asked) printf(" asked=%s", r.asked == FT_ASKED ? "yes" : "no");
    if (r.py_stack) HEX(py_stack)
    if (r.py_handler) HEX(py_handler))
RECORD(sigmask, NAME(FT_SIGMASK_APIS, api) UINT(how) HEX_AS("old", r.old_mask) HEX_AS("new", r.new_mask) HEX(site))
RECORD(kill, NAME(FT_KILL_APIS, api) UINT(signal) INT(target) INT(error) HEX(site) HEX(stack))

/* Waits, sockets. */
RECORD(wait,
    if (r.timed == FT_TIMED) printf(" timed");
    NAME(FT_WAIT_KINDS, kind) print_span("waited_ns", head, r.since); HEX(address) HEX(second) UINT(owner_tid) ORIGIN)
RECORD(wait_slot, NAME(FT_WAIT_KINDS, kind) HEX(address) HEX(second) UINT(owner_tid) UINT(coalesced) ORIGIN)
RECORD(bind,
    INT(fd) INT(error) printf(" address=");
    EACH(uint8_t, byte, sizeof r, SIZE_MAX, printf("%02x", *byte);) ORIGIN)

/* Python. */
RECORD(py_function, STRING(name) STRING(file) UINT(line))
RECORD(py_stack,
    UINT(count) UINT(cut)
    EACH(struct ft_py_frame, frame, BEHIND(py_stack, frame), r.count, {
        STRING_AS("in", frame->function) STRING_AS("file", frame->file) printf(":%u", frame->line);
    }))
RECORD(py_thread, HEX(thread) HEX(function) STRING(name))
RECORD(py_global, STRING(module) STRING(name) UINT(writes) HEX(flags) HEX(writer) UINT(line) FROM_TO)
RECORD(py_value, HEX(fork) UINT(writes) STRING(module) STRING(name) print_value(r.kind, r.value);)
RECORD(py_write, STRING(module) STRING(name) STRING(file) LINE HEX(flags) HELD print_value(r.kind, r.value);)
RECORD(py_threads,
    printf(" at=%s", r.when == FT_PY_AT_EXIT ? "exit" : "fork"); UINT(count)
    EACH(uint64_t, ident, sizeof r, r.count, printf(" %" PRIx64, *ident);))
RECORD(py_site, STRING(module) STRING(name) STRING(file) LINE HEX(flags) HELD UINT(kind))
RECORD(py_writes,
    size_t length;
    const struct ft_c_entry *entry = ft_tail(head, BEHIND(py_writes, entry), &length);
    print_entries(entry, length / sizeof *entry, r.site);)
RECORD(greenlet, STRING(type) STRING(name) HEX(function) HEX(spawned) HEX(flags))
RECORD(greenlets,
    static const char *const when[] = {"?", "fork", "exit", "event"};
    printf(" at=%s", when[r.when & 3]); HEX(fork) UINT(count) UINT(others) HEX(current)
    EACH(struct ft_greenlet_at, at, sizeof r, r.count, printf(" %x:%x", at->greenlet, at->stack);))
RECORD(greenlet_run, print_span("ran_ns", head, r.since); HEX(greenlet) HEX(stack) UINT(others))
RECORD(greenlet_slot, HEX(greenlet) HEX(function) HEX(flags) UINT(switches) UINT(ran) UINT(longest))
RECORD(py_change, STRING(module) STRING(name) UINT(rebound) FROM_TO)
RECORD(py_picture, UINT(count) UINT(names) UINT(longest))

/* What the kernel tells. */
RECORD(kernel_task,
    UINT(pid) UINT(tid) printf(" outer=%u/%u", r.outer_pid, r.outer_tid); UINT_AS("ticks", r.start_ticks) HEX(flags)
    UINT(exit_signal) UINT(how)
    if (r.call) { HEX(call) HEX(function) ORIGIN })
RECORD(kernel_exec, STRING(path) STRING(exe) STRING(argv) UINT(why))
RECORD(kernel_exit, HEX_AS("status", (unsigned)r.status) UINT(last) UINT(how) UINT_AS("cpu", r.cpu_ns) COMM)
RECORD(kernel_kill,
    UINT(signal) printf(" target=%x/%u", r.target, r.target_pid); UINT_AS("sender", r.sender_pid) INT(code) UINT(group)
    UINT(result) COMM)
RECORD(kernel_signal, UINT(signal) printf(" sender=%x/%u", r.sender, r.sender_pid); INT(code) HEX(handler))
RECORD(kernel_view, UINT(what) UINT(pid) UINT(lost))
RECORD(blind, HEX(fork) printf(" why=%s", ft_blind_name(r.why)); STRING(path))

/* What a rule needs and no view shows. */
RECORD(stdio,
    HEX(fork) INT(fd) UINT(bytes) printf(" %s", r.what == FT_STDIO_WRITTEN ? "written" : "pending"); HEX(file)
    STRING(path))
RECORD(unsafe_call, NAME(FT_UNSAFE_CALLS, function) ORIGIN)
RECORD(no_child, NAME(FT_REAP_APIS, api) INT(pid) ORIGIN)
RECORD(fd_use,
    UINT(connection) UINT(turn) INT(fd) printf(" %s", r.direction == FT_FD_WRITES ? "writes" : "reads"); HEX(before)
    HEX(other) HEX(inside) HEX(flags) HELD ORIGIN)

/* C globals. */
RECORD(c_global,
    printf(" %" PRIx64 "/%u", r.address, r.size); UINT(element) UINT(kind) HEX(flags) HEX(value) STRING(name)
    STRING(object)
    if (r.names) STRING(names))
RECORD(c_sites, EACH(struct ft_c_site, site, sizeof r, r.count,
    printf(" %u:%" PRIx64 ":%x/%u,%x", site->id, site->pc, site->global, site->size, site->flags);))
RECORD(c_write, UINT(site) HEX(value) UINT(offset) HEX(held))
RECORD(c_writes,
    size_t length;
    const struct ft_c_entry *entry = ft_tail(head, BEHIND(c_writes, entry), &length);
    print_entries(entry, length / sizeof *entry, NULL);
    (void)r;)
RECORD(c_value, HEX(global) HEX(fork) HEX(value) HEX(print))
RECORD(c_sample, HEX(global) HEX_AS("fork", r.pad) HEX(value) HEX(print))
RECORD(c_watch,
    STRING(watch) UINT(outcome) UINT(stores) UINT(followed) UINT(patched) UINT(too_short) UINT(branched_into)
    UINT(unmovable) UINT(taken) UINT(pointers) STRING(object) STRING(text))
RECORD(c_trap, HEX(global) HEX(value) HEX(after) printf(" offset=%u/%u", r.offset, r.size); HEX(flags) HEX(held))
RECORD(c_hardware, STRING(watch) printf(" slots=%u/%u", r.slots, r.needed); INT(error) HEX(flags))
RECORD(c_block,
    size_t length;
    ft_tail(head, sizeof r, &length);
    printf(" %" PRIx64 " words=%zu", r.address, length / 8);)
RECORD(c_picture,
    printf(" %" PRIx64 "-%" PRIx64, r.start, r.end); HEX(fork)
    EACH(struct ft_c_part, part, sizeof r, r.count,
        printf(" %u%s:%x", part->at >> 1, part->at & FT_C_ALONE ? "!" : "", part->block);))
RECORD(c_common, HEX(global) HEX(fork))
/* clang-format on */

void print_record(const struct ft_head *head)
{
    static void (*const printers[256])(const struct ft_head *) = {
#define X(number, NAME, name, class) [number] = record_##name,
        FT_TYPES(X)
#undef X
    };
    if (printers[head->type]) printers[head->type](head);
}
