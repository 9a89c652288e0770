/*
 * build_trace.h: traces made by hand: each call appends one record through the
 * real writer, as the library in a traced process would, with made-up pids.
 * One trace a test (Criterion runs each in a process of its own).
 */
#ifndef BUILD_TRACE_H
#define BUILD_TRACE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <criterion/criterion.h>

#include "trace/writer.h"
#include "viewer/timeline/timeline.h"

void trace_begin(void); /* an empty trace: .init of a suite */
void trace_end(void);   /* .fini */
const char *trace_path(void);
/* What was written so far stays as a trace of its own, at the path returned (.fini removes it, too); what
 * follows goes into a new one. Once a test. */
const char *trace_another(void);
uint64_t trace_now(void); /* the clock of the records */

/* Births. argv: one string, its parts separated by spaces. The task, to be passed to what it does. */
ft_ref trace_image(uint32_t pid, uint32_t ppid, enum ft_birth birth, const char *argv);
ft_ref trace_image_masks(uint32_t pid, uint32_t ppid, enum ft_birth birth, const char *argv, uint64_t blocked,
                         uint64_t ignored, ft_ref parent_task);
/* A fork whose result is known, and the child's first word (unless silent). */
ft_ref trace_fork(ft_ref by, enum ft_fork_api api, int32_t result);
ft_ref trace_fork_open(ft_ref by, enum ft_fork_api api); /* it has not returned */
void trace_child(ft_ref fork, uint32_t pid);
ft_ref trace_forked(ft_ref by, uint32_t pid); /* both */
void trace_exec(ft_ref by, const char *path);
void trace_exec_failed(ft_ref by, const char *path, int error);
void trace_lost(enum ft_lost reason);
void trace_note(ft_ref by, enum ft_note_what what, const char *about);
void trace_blind(ft_ref by, ft_ref fork, const char *path, enum ft_blind_why why);
void trace_exit(ft_ref by, enum ft_exit_api api, int status);
void trace_reap(ft_ref by, int pid, int wait_status);
void trace_reap_api(ft_ref by, int pid, int wait_status, enum ft_reap_api api);

ft_ref trace_thread(ft_ref by, int32_t error); /* FT_THREAD_CREATE */
void trace_thread_start(ft_ref thread, uint32_t pid, uint32_t tid, uint64_t pthread);
ft_ref trace_unseen_start(uint32_t pid, uint32_t tid, uint64_t pthread);
ft_ref trace_thread_at(ft_ref by, uint32_t pid, uint32_t tid, uint64_t pthread); /* created and started */
void trace_thread_end(ft_ref thread, enum ft_thread_end_how how);
void trace_thread_name(ft_ref by, uint64_t pthread, const char *name);
void trace_unseen(ft_ref by, ft_ref fork, uint32_t tid);

/* A greenlet of this thread, first seen; a picture of them, ended by 0 (fork: 0, or the child has them too).
 */
ft_ref trace_greenlet(ft_ref by, const char *name, const char *type, uint32_t flags);
void trace_greenlets(ft_ref by, ft_ref fork, ft_ref current, uint32_t others, const ft_ref *list);

/* A run from `since` to now; and what runs now, of an FT_PY_FUNCTION. */
void trace_greenlet_run(ft_ref by, ft_ref greenlet, uint64_t since, uint32_t others);
void trace_greenlet_runs(ft_ref by, const char *function, uint32_t flags);

void trace_bind(ft_ref by, const void *address, size_t length, int error); /* a struct sockaddr */
void trace_sigaction(ft_ref by, int signal, uint64_t old, uint64_t new);
void trace_sigmask(ft_ref by, uint64_t old, uint64_t new);
void trace_kill(ft_ref by, enum ft_kill_api api, int64_t target, int signal);

void trace_wait(ft_ref by, uint64_t since, uint64_t address, uint32_t owner_tid);
struct ft_wait_slot *trace_waiting(ft_ref by, uint64_t address, uint32_t owner_tid); /* and never done */
void trace_held(ft_ref by, ft_ref fork, ft_ref holder, uint64_t address);
void trace_held_of(ft_ref by, ft_ref fork, ft_ref holder, uint64_t address, enum ft_wait_kind kind);
ft_ref trace_object(ft_ref by, const char *path, uint64_t start, uint64_t end);

/* Calls that end badly. */
void trace_unsafe_call(ft_ref by, enum ft_unsafe function);
void trace_stdio(ft_ref by, ft_ref fork, uint64_t file, unsigned what); /* stdout, 5 bytes; FT_STDIO_* */
void trace_no_child(ft_ref by, int pid, uint64_t site);
void trace_atfork(ft_ref by, uint64_t handler, enum ft_atfork_phase phase, uint64_t ns);

/* A connection's next turn: the caller says which, and who had it before. held: a sign, 0 none. */
struct trace_use {
    enum ft_fd_direction direction;
    uint32_t turn;
    ft_ref before, inside;
    uint16_t held;
    uint8_t flags;
};
void trace_fd_use(ft_ref by, struct trace_use use);

/* Python: a write of an int, by the module itself or by a function; a global's value at a fork. */
void trace_py_write(ft_ref by, const char *name, int64_t value, uint16_t held, bool by_module);
void trace_py_value(ft_ref by, ft_ref fork, const char *name, enum ft_py_kind kind, uint64_t bits);
/* What a global of app is now: the slot. */
void trace_py_global(ft_ref by, const char *name, enum ft_py_kind kind, uint64_t bits);
void trace_py_thread(ft_ref by, ft_ref thread, const char *name);

/* C globals: one of `size` bytes (element: of an array's), what was asked for, a write that a trap told of.
 */
ft_ref trace_c_global(ft_ref by, const char *name, uint32_t size, uint32_t element, uint64_t value);
void trace_c_watch(ft_ref by, const char *watch, enum ft_c_outcome outcome, uint32_t stores, uint32_t taken);
void trace_c_hardware(ft_ref by, const char *watch, unsigned slots, unsigned needed, int error,
                      unsigned flags);
void trace_c_trap(ft_ref by, ft_ref global, uint64_t value, uint64_t after, unsigned offset, unsigned size,
                  unsigned flags);
void trace_c_trap_held(ft_ref by, ft_ref global, uint64_t value, uint64_t after, unsigned flags,
                       uint64_t held);

/* A store instruction (struct ft_c_site) with an id, one write by it, and a look: FT_C_VALUE, FT_C_SAMPLE. */
void trace_c_site(ft_ref by, ft_ref global, unsigned id, uint64_t pc, unsigned flags);
/* A page of them: what is in `locks` is no write, but the signs of locks held from there on; 0: a write. */
void trace_c_writes(ft_ref by, unsigned id, const uint64_t *locks, size_t count);
void trace_c_write(ft_ref by, unsigned id, uint64_t value, uint64_t held);
void trace_c_look(ft_ref by, enum ft_type type, ft_ref global, ft_ref fork, uint64_t value, uint32_t print);
void trace_c_common(ft_ref by, ft_ref global, ft_ref fork);
/* Half a page of memory that begins with these words; a picture of `halves` of them, of which 0 were never
 * written; alone: bit n for number n. */
ft_ref trace_c_block(ft_ref by, uint64_t address, const uint64_t *words, unsigned count);
void trace_c_picture(ft_ref by, ft_ref fork, uint64_t start, const ft_ref *blocks, unsigned halves,
                     unsigned alone);

/* The kernel's word. tid == pid: a process. */
ft_ref trace_kernel_task(ft_ref creator, uint32_t pid, uint32_t tid, uint32_t flags,
                         enum ft_kernel_birth how);
void trace_kernel_exec(ft_ref task, const char *path, enum ft_blind_why why);
void trace_kernel_exit(ft_ref task, int wait_status, bool last);
void trace_kernel_out_of_memory(ft_ref task); /* and the end of its process by SIGKILL */
void trace_kernel_kill(ft_ref sender, ft_ref target, uint32_t target_pid, uint32_t sender_pid, int signal);
void trace_kernel_signal(ft_ref task, ft_ref sender, uint32_t sender_pid, int signal, int code);

/* Read it back. Pids in `alive` (0 ends it; NULL: none) still run. The timeline lives until trace_end. */
struct timeline *trace_timeline(const uint32_t *alive);
struct timeline *trace_timeline_of(const struct timeline_files *files); /* with what the ELF files say */

/* The nth event of a type, from 0; the test fails if there are fewer. */
event_id event_number(const struct timeline *t, enum event_type type, size_t n);
#define find(t, type, n) EVENT_AT(t, event_number(t, type, n))

#endif
