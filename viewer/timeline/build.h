/*
 * build.h: what the files of timeline/ do for each other while they turn records
 * into the model. What is known meanwhile: state.h.
 *
 * Records are visited once, by time. Each family has its file; build.c calls
 * them from one table. Memory that cannot be had ends the building at once
 * (longjmp to timeline_build): nothing here checks for NULL.
 */
#ifndef TIMELINE_BUILD_H
#define TIMELINE_BUILD_H

#include "state.h"

static inline struct build *build_of(const struct timeline *t) { return t->private; }

/* memory.c */
/* Room for one more in an array of `count`; its size doubles. */
void *build_grow(struct build *b, void *array, size_t count, size_t size);
/*
 * Address space for a large array: what is not touched takes no memory, and is zero. `old` (or NULL) grows
 * from `had` bytes. To be unmapped.
 */
void *build_map(struct build *b, void *old, size_t had, size_t bytes);
/* Zeroed, for as long as the timeline lives. */
void *build_alloc(struct build *b, size_t size);
void build_map_put(struct build *b, struct map *m, uint64_t x, uint64_t y, uint32_t value);
char *build_text(struct build *b, const char *bytes, size_t length);
char *build_string(struct build *b, ft_ref ref); /* of an FT_STRING; NULL if there is none */
/* The same, copied once; for questions after the building too: NULL if there is no memory. */
const char *build_string_once(struct build *b, ft_ref ref);
char *build_format(struct build *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void build_free(struct build *b);

/* order.c */
/* Collect a record; those of one page follow each other. */
void order_add(struct build *b, const struct ft_head *record, ft_ref ref);
/* All of a page in place. */
void order_add_page(struct build *b, const struct ft_page *page, ft_ref first,
                    const struct ft_summary *summary);
size_t order_count(const struct build *b);
/* All are collected. The time of the first, from which those of items are counted; 0: there are none. */
int64_t order_start(struct build *b);
/* The next one by time (then by place in the file), until the call after that. NULL: that was all. */
const struct item *order_next(struct build *b);
void order_free(struct build *b);

/* tasks.c */
uint32_t task_index(struct build *b, ft_ref ref);    /* made if new */
struct task *task_find(struct build *b, ft_ref ref); /* NULL if nobody mentioned it */
struct task *task_of(struct build *b,
                     const struct item *it); /* with its thread, made up if its birth is lost */
process_id process_of(struct build *b, const struct item *it);        /* of task_of */
struct process_more *more_of(struct build *b, const struct item *it); /* until another process is added */
void task_is(struct build *b, ft_ref ref, thread_id thread, unsigned image);

/* events.c */
event_id event_add(struct build *b, const struct item *it, enum event_type type);
/*
 * One of many that are alike but for their time and record (SIGMASK, WRITE, TEARDOWN): it stays as it is.
 * `site`: of the stores of a C global; else NONE. NONE: the file contradicts itself, and it is left out.
 */
event_id event_add_alike(struct build *b, const struct item *it, enum event_type type, uint32_t child,
                         unsigned flags, uint32_t site);
/* Until the next event; those that are alike share it. */
struct event_about *event_about(const struct build *b, event_id e);
event_id event_infer(struct build *b, int64_t ns, thread_id thread, enum event_type type);
void events_finish(struct build *b); /* order, indexes, durations */
/* LOCK_WAIT, EXIT, GREENLET_RUN: its duration. */
uint64_t *event_more(struct build *b, event_id e); /* until the next call */
uint64_t event_more_of(const struct timeline *t, const struct event *e);
void events_free(struct build *b);
bool event_is_common(unsigned type); /* as COMMON_TYPES says */

/* indexes.c: files events, some only when asked for: questions are asked by one thread at a time */
void indexes_finish(struct build *b);
void indexes_free(struct build *b);

/* coverage.c */
void coverage_note(struct build *b, const struct item *it);
void coverage_inherit(struct build *b, process_id child, process_id parent); /* it was forked */
void coverage_blind(struct build *b, const struct item *it);
void coverage_born(struct build *b, process_id p); /* a new process: was its image told of before? */
void coverage_image(struct build *b, process_id p, const char *exe); /* an image speaks */
void coverage_decide(struct build *b, process_id p);                 /* its last record is known */

/* processes.c */
struct birth {
    uint32_t pid, ppid;
    thread_id creator; /* NONE unknown */
    event_id fork;
    enum origin origin;
    int64_t ns;
    bool image,
        memory; /* runs its parent's image; in a copy of its memory: threads it does not have are ghosts */
};
process_id process_add(struct build *b, const struct birth *birth);
/* What a call of this api makes; *hidden: libc does not tell us the child's pid. */
struct birth process_kind(unsigned api, bool *hidden);
/* The arguments in an FT_STRING, NULL-terminated. */
const char **process_arguments(struct build *b, ft_ref ref, size_t *count);
void process_image(struct build *b, process_id p, struct image image);
process_id process_living(struct build *b, uint32_t pid); /* NONE if there is none of that pid */
process_id process_latest(struct build *b, uint32_t pid);
void process_pid(struct build *b, process_id p, uint32_t pid);
void processes_process(struct build *b, const struct item *it);
void processes_fork(struct build *b, const struct item *it);
void processes_child(struct build *b, const struct item *it);
void processes_exec(struct build *b, const struct item *it);
void processes_exec_failed(struct build *b, const struct item *it);
void processes_no_child(struct build *b, const struct item *it);
void processes_stdio(struct build *b, const struct item *it);
void processes_fd_use(struct build *b, const struct item *it);

/* hidden.c: children of system() and popen() */
void hidden_add(struct build *b, event_id fork);
void hidden_note(struct build *b, event_id fork, unsigned api);
/* The child of the newest call of this parent (and thread, unless NONE); NONE if there is none. */
process_id hidden_take(struct build *b, process_id parent, thread_id thread, uint32_t pid);
/* The child a wait inside libc was for: by system() of this thread, or the only popen(). */
process_id hidden_reaped(struct build *b, thread_id reaper, unsigned reap_api);
void hidden_finish(struct build *b);

/* ends.c */
/* value: status or signal, by `how`. */
void process_end(struct build *b, process_id p, int64_t ns, enum process_end how, int value);
void ends_exit(struct build *b, const struct item *it);
void ends_reap(struct build *b, const struct item *it);
void ends_finish(struct build *b);

/* threads.c */
thread_id thread_add(struct build *b, process_id p, thread_id creator, uint32_t tid, int64_t ns);
void thread_revive(struct build *b, thread_id t);
/* The thread of a THREAD_CREATE that had not returned, after all. */
thread_id thread_announced(struct build *b, event_id create);
thread_id thread_add_greenlet(struct build *b, process_id p, thread_id creator, int64_t ns);
void thread_end(struct build *b, thread_id t, int64_t ns, enum thread_end how);
void thread_tid(struct build *b, thread_id t, uint32_t tid);
void thread_pthread(struct build *b, thread_id t, uint64_t pthread);
thread_id thread_by_tid(struct build *b, process_id p, uint32_t tid);
thread_id thread_by_pthread(struct build *b, process_id p, uint64_t pthread);
void threads_end_all(struct build *b, process_id p, thread_id but, int64_t ns, enum thread_end how);
void threads_create(struct build *b, const struct item *it);
void threads_start(struct build *b, const struct item *it);
void threads_finish(struct build *b, const struct item *it);
void threads_op(struct build *b, const struct item *it);
void threads_name(struct build *b, const struct item *it);

/* greenlets.c */
void greenlets_seen(struct build *b, const struct item *it);
void greenlets_picture(struct build *b, const struct item *it);
void greenlets_run(struct build *b, const struct item *it);
void greenlets_slot(struct build *b, const struct item *it);

/* ghosts.c */
void ghosts_at_fork(struct build *b, process_id child, thread_id forker, event_id fork);
void ghosts_unseen(struct build *b, const struct item *it);
void ghosts_believed(struct build *b, const struct item *it);

/* signals.c */
void signals_sigaction(struct build *b, const struct item *it);
void signals_sigmask(struct build *b, const struct item *it);
void signals_kill(struct build *b, const struct item *it);
void signals_inherit(struct build *b, process_id child, process_id parent);
void signals_exec(struct build *b, process_id p, uint64_t ignored);
void signals_exec_unseen(struct build *b, process_id p); /* its newest image: it told nothing itself */

/* waits.c */
void waits_wait(struct build *b, const struct item *it);
void waits_slot(struct build *b, const struct item *it);
void waits_held(struct build *b, const struct item *it);

/* objects.c */
void objects_object(struct build *b, const struct item *it);
void objects_site(struct build *b, const struct item *it);
void objects_finish(struct build *b);
unsigned image_at(const struct process *p, int64_t ns); /* generation */
/* What all processes forked from one image have in common. */
uint32_t build_family(const struct build *b, process_id process, unsigned image);

/* python.c */
struct python_function python_function_of(const struct timeline *t, ft_ref ref); /* of an FT_PY_FUNCTION */
void python_thread(struct build *b, const struct item *it);

/* values.c */
struct value value_python(struct build *b, unsigned kind, uint64_t bits);
bool value_same(struct value x, struct value y);

/* python_globals.c */
void globals_slot(struct build *b, const struct item *it);
void globals_value(struct build *b, const struct item *it);
void globals_write(struct build *b, const struct item *it);
void globals_change(struct build *b, const struct item *it);
void globals_picture(struct build *b, const struct item *it);
void globals_note(struct build *b, const struct item *it);

/* globals.c */
/* The copy of an image, made if there is none. */
copy_id globals_copy(struct build *b, global_id global, process_id process, unsigned image);
/* Whose copy that is, as by_copy has it. */
uint64_t globals_owner(const struct timeline *t, global_id global, process_id process, unsigned image);
/* The same of what has no global: a watched object, by struct global.whole. */
uint64_t globals_owner_of(const struct timeline *t, uint64_t whole, process_id process, unsigned image);
void globals_finish(struct build *b); /* after ends_finish */
void globals_free(struct build *b);

/* copies.c */
void copies_inherit(struct build *b); /* every forked process has a copy of what its parent had */
/* The copies' last values differ although one was forked from the other and somebody wrote since. */
bool copies_went_apart(const struct build *b, const struct copy *copy);
void copies_arrange(struct build *b); /* in the order that is shown: every id changes */
void copies_count_writers(struct build *b);

/* locks.c */
void locks_finish(struct build *b); /* after globals_finish */

/* watched.c: C globals */
void watched_global(struct build *b, const struct item *it);
void watched_sites(struct build *b, const struct item *it);
void watched_watch(struct build *b, const struct item *it);
void watched_hardware(struct build *b, const struct item *it);
void watched_told(struct build *b, const struct item *it);
void watched_common(struct build *b, const struct item *it);
/* The process has its copy of what it described from then on. */
void watched_copy(struct build *b, const struct defined *d, struct value value);
/* `size` bytes at an offset into it, which are the low ones of `bits`. */
struct value watched_value(struct build *b, const struct defined *d, uint64_t offset, uint64_t size,
                           uint64_t bits);
struct value watched_looked(const struct timeline *t, const struct event *e);
/* The watched one of this name in the object of `d`. */
global_id watched_part(struct build *b, const struct defined *d, const char *name);
/* The C global of this name in the object at `path`; made, unwatched, if there is none. */
global_id watched_named(struct build *b, const char *path, bool library, const char *name);
void watched_free(struct build *b);

/* writes.c: to C globals */
void watched_write(struct build *b, const struct item *it);
void watched_writes(struct build *b, const struct item *it);
void watched_trap(struct build *b, const struct item *it);
/* WRITE: where the address of its store is kept; NULL: it is no C global's. */
const uint64_t *watched_store(const struct timeline *t, const struct event *e);
struct value watched_written(const struct timeline *t, const struct event *e);

/* wholes.c: looks at what is longer than 8 bytes */
struct value wholes_value(uint8_t kind, uint64_t bits, uint32_t print);
void wholes_finish(struct build *b); /* before copies_inherit */

/* samples.c: changes of C globals that no write explains */
void samples_finish(struct build *b);

/* discovered.c: C globals nobody named */
void discovered_picture(struct build *b, const struct item *it);
void discovered_finish(struct build *b);

/* binds.c */
void binds_finish(struct build *b); /* after events_finish */

/* kernel.c */
void kernel_task(struct build *b, const struct item *it);
void kernel_exec(struct build *b, const struct item *it);
void kernel_exit(struct build *b, const struct item *it);
void kernel_kill(struct build *b, const struct item *it);
bool kernel_killed_before(struct build *b, const struct item *it, thread_id sender);
void kernel_signal(struct build *b, const struct item *it);
bool kernel_may_tell(struct build *b, const struct item *it);
void kernel_view(struct build *b, const struct item *it);
bool kernel_covers(struct build *b, process_id p);
void kernel_finish(struct build *b); /* after ends_finish, before events_finish */

/* roles.c */
void roles_assign(struct build *b);

#endif
