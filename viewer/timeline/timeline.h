/*
 * timeline.h: the model every view, export and rule is made from. Built from
 * records only: no terminal, no files, no clock, no /proc in here.
 *
 * Ids are indexes: process 3 is "p3" everywhere (JSON, screens, texts), thread
 * 7 "t7", event 12 is i=12. NONE stands for unknown. Everything belongs to the
 * timeline and lives until timeline_free; strings are NUL-terminated UTF-8 or
 * raw bytes as the program had them: escape them when showing.
 *
 * Times are ns since the first record.
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "trace/reader.h"

enum origin {
    ORIGIN_ROOT,
    ORIGIN_FORK,
    ORIGIN_VFORK,
    ORIGIN_POSIX_SPAWN,
    ORIGIN_CLONE,
    ORIGIN_SYSTEM,
    ORIGIN_POPEN,
    ORIGIN_UNKNOWN
};
enum process_end { END_RUNNING, END_EXIT, END_SIGNAL, END_VANISHED };
enum thread_end {
    THREAD_RUNNING,
    THREAD_RETURNED,
    THREAD_EXITED,
    THREAD_CANCELLED,
    THREAD_EXEC,
    THREAD_PROCESS_ENDED
};
enum coverage { COVERAGE_FULL, COVERAGE_KERNEL_ONLY, COVERAGE_NONE };

/* What the library does not see, or not all of, in a process it is in: that nothing of it is there, proves
 * nothing. */
enum dark {
    DARK_PYTHON_NAMES = 1, /* Python's stacks; names of threads, targets, handlers */
    DARK_PYTHON_GLOBALS = 2,
    DARK_GREENLETS = 4,
};

/* One exec generation of a process. */
struct image {
    int64_t start;
    const char *exe;
    const char **argv; /* NULL-terminated; [0] may be "" */
    size_t argc;
    const char *cwd;
    uint64_t blocked, ignored; /* signals at its start: bit n-1 for n; 0 if inherited by fork */
    uint32_t family; /* the same for all processes that run it by fork: they share what they described */
};

/* What Python calls a function. Strings NULL: unknown. */
struct python_function {
    const char *name, *file;
    uint32_t line;
};

enum belief { BELIEF_UNKNOWN, BELIEF_DEAD, BELIEF_ALIVE };

struct ghost {
    thread_id thread; /* the parent's thread that does not exist here */
    event_id fork;
    enum belief python; /* does Python's threading module list it as alive? */
    bool at_exit;       /* it did, or did not, at the end of the process; else just after the fork */
};

/* An ELF object in a process's address space. */
struct object {
    const char *path;
    uint64_t start, end, bias;
    uint8_t build_id[24];
    size_t build_id_size;
};

struct disposition {
    int signal;
    enum { DISPOSITION_DEFAULT, DISPOSITION_IGNORE, DISPOSITION_HANDLER } kind;
    uint64_t handler; /* address */
    bool inherited;   /* as it was at the process's birth */
    event_id event;   /* the install, or NONE */
};

struct process {
    uint32_t pid, ppid;
    process_id parent;
    thread_id created_by; /* thread of the parent */
    thread_id main;       /* its main thread (of the last image) */
    event_id fork;        /* the fork event that made it */
    enum origin origin;
    int64_t start, end;   /* end NEVER: running */
    bool end_inferred;    /* nobody recorded the end: it is the time of its reaping, or of its last record */
    bool birth_lost;      /* the record of its birth was overwritten: start is its first record */
    bool found;           /* it ran already when forktrace-ebpf began to look: so for birth_lost */
    uint64_t start_ticks; /* field 22 of /proc/PID/stat; 0 unknown */
    enum process_end how;
    int status, signal; /* exit status (0-255) or signal number; -1 unknown */
    event_id exit;      /* its exit event, or NONE */
    event_id killed_by; /* the SIGNAL event that ended it (timeline_sender), or NONE */
    bool out_of_memory; /* the kernel's OOM killer chose it */
    process_id reaped_by;
    event_id reap;
    const char *role;    /* "uwsgi master", "uwsgi worker 1", ...; NULL */
    const char *program; /* "uwsgi"; what an interpreter runs: "flask", "app.py"; NULL */
    struct image *images;
    size_t image_count;
    bool image_inherited; /* images[0] is its parent's: it was forked */
    bool borrows_memory;  /* its parent's, until it executes something: vfork, clone(CLONE_VM) */
    struct ghost *ghosts;
    size_t ghost_count;
    struct disposition *dispositions; /* at its end: those that are not default, by signal number */
    size_t disposition_count;
    uint64_t mask_at_birth; /* bit n-1: signal n is blocked */
    enum coverage coverage;
    const char *coverage_reason; /* NULL: nothing is missing. When full: what is not seen of it, in words */
    unsigned dark;               /* and in bits: enum dark */
};

enum thread_kind { THREAD_NATIVE, THREAD_GREENLET };

/*
 * A greenlet (gevent, eventlet) is a thread to the program and memory to the
 * kernel: tid 0, no start routine, run by another thread. `create` is the event
 * at which it was first seen; `start` is then, or the birth of its process.
 */
struct thread {
    process_id process;
    enum thread_kind kind;
    thread_id runs_on; /* greenlets: the thread that runs it; else NONE */
    thread_id copy_of; /* greenlets: the one of the parent that the fork copied; else NONE */
    bool forker;       /* greenlets: a copy of the one that called the fork */
    bool hub;          /* greenlets: the event loop, which runs the others */
    const char *type;  /* greenlets: of the object, "gevent._gevent_cgreenlet.Greenlet"; NULL */
    uint32_t waits_at; /* greenlets: what timeline_greenlet_frame tells; 0: nothing */
    uint32_t tid;
    const char *name;              /* last pthread_setname_np; NULL */
    const char *python_name;       /* threading.Thread.name when it was created; NULL */
    struct python_function python; /* its target; .name NULL if there is none we know */
    thread_id created_by;
    event_id create; /* its thread-create event, or NONE (main threads, unseen threads) */
    stack_id created_at;
    uint64_t start_routine; /* address; 0 for main threads */
    int64_t start, end;     /* end NEVER: running */
    enum thread_end how;
    int64_t cpu_ns; /* -1 unknown */
    bool is_main;
    bool birth_lost; /* its birth was overwritten, or never seen: start is its first record */
};

/* What a global is bound to, or what memory holds, as recorded. */
struct value {
    uint8_t kind; /* enum ft_py_kind or ft_c_kind; FT_PY_KIND_unset: unbound or not known (see `known`) */
    bool known;
    uint8_t size;   /* C: bytes of it */
    uint64_t bits;  /* int, bool, float (its bits), a container's length; C: extended to 8 bytes */
    uint32_t print; /* of a container: stands for what it holds; 0 unknown */
    const char
        *text; /* text, bytes, long_int, object, type, sized: the words; enumeration: "NAME=..."; else NULL */
};

/* A thread's share of the writes of a copy. */
struct writer {
    thread_id thread;
    uint64_t writes;
    const char *file; /* of its last */
    uint32_t line;
    uint64_t pc; /* C: the store, as timeline_store */
};

enum copy_birth { COPY_BY_IMPORT, COPY_BY_FORK, COPY_BY_LOAD, COPY_BY_EXEC };

/* One process's private instance of a global: of one of its images. Of a shared one: also that of all it
 * forked. */
struct copy {
    copy_id id; /* only while they are brought into order */
    global_id global;
    process_id process;
    uint16_t image;
    copy_id parent; /* the copy it was forked from, or NONE */
    enum copy_birth birth;
    int64_t born, end; /* end NEVER: the process still runs */
    struct value at_birth, last;
    bool birth_inferred; /* at_birth: its parent had it before and after that fork */
    int64_t written;     /* the last write in this process; NEVER: none */
    uint64_t changes;    /* that were not seen when they happened: it was different at the next look */
    int64_t changed;     /* when the last of them was found; NEVER: none */
    int64_t sampled;     /* last looked at, or written; NEVER: it was not */
    uint64_t writes;     /* in this process */
    thread_id writer;    /* of the last one */
    const char *file;    /* where, NULL if there was none */
    uint32_t line;
    uint64_t pc;            /* C: the store, as timeline_store */
    bool by_module;         /* bound by the module's own top level only */
    bool torn_down;         /* cleared by the interpreter's shutdown, which is not counted */
    struct writer *writers; /* of a watched global, by their first write; none: see `writer` */
    size_t writer_count;
};

struct global {
    bool c;           /* of C: module is the last part of the object's path */
    bool library;     /* C: not of the program itself */
    bool shared;      /* C: in memory that processes share by a fork: they have one copy in common */
    uint64_t whole;   /* C, watched: the same for all parts of one watched object */
    const char *path; /* C: of its object */
    const char *module, *name;
    copy_id first; /* its copies are contiguous, by process */
    size_t count;
    bool diverged;   /* copies related by fork, a write after the fork, last values differ */
    bool watched;    /* every write is an event */
    bool found;      /* C: nobody asked for it: its copies were not the same when their processes ended */
    uint32_t others; /* found: so many other parts of the same variable were not, too */
};

/* A trace in which forktrace-ebpf wrote: to the end, or it still does, or was killed. */
enum kernel_view { KERNEL_VIEW_NONE, KERNEL_VIEW_OPEN, KERNEL_VIEW_WHOLE };

/* Of a signal that was taken. */
struct sender {
    int signal, code;   /* code: siginfo's si_code: 0 kill(), -6 tgkill(), > 0 the kernel itself */
    uint64_t handler;   /* 0: the default action */
    process_id process; /* who sent it; NONE: nobody in this run */
    thread_id thread;
    uint32_t pid;     /* of the sender; 0: the kernel, or not known */
    const char *name; /* of a sender outside the run; NULL unknown */
};

/* What became of a request to watch a C global, in one image. Strings NULL: none. */
struct watch_result {
    process_id process;
    const char *watch, *text, *object;
    enum ft_c_outcome outcome;
    struct ft_c_watch counts;      /* the record */
    struct ft_c_hardware hardware; /* needed 0: none was wanted */
};

struct timeline {
    struct ft_reader *reader;
    int64_t origin;   /* CLOCK_MONOTONIC ns of time 0 */
    int64_t realtime; /* CLOCK_REALTIME ns of time 0 */
    int64_t end;      /* of the last record */
    struct process *processes;
    size_t process_count;
    struct thread *threads;
    size_t thread_count;
    struct event_kept *events; /* by time */
    size_t event_count;
    struct event_about *abouts;
    struct global *globals; /* diverged ones first, then by module and name */
    size_t global_count;
    struct copy *copies;
    size_t copy_count;
    bool by_library; /* the library wrote in this run */
    enum kernel_view kernel_view;
    struct watch_result *watches; /* C, by time */
    size_t watch_count;
    uint64_t nameless; /* words of C memory that were not the same in related processes, and have no name */
    bool complete;     /* nothing lost, torn, truncated, and every process covered */
    void *private;
};

/*
 * Whether a process without an end record still runs: answered by the caller
 * (from /proc on the traced machine; "no" elsewhere), so that the model stays pure.
 */
typedef bool timeline_alive(void *context, uint32_t pid, uint64_t start_ticks);

/*
 * What the ELF files of traced objects say, answered by the caller too. Addresses are those of the file. The
 * variable, or the part of at most 8 bytes of one (`guess` bytes if its type is not known), that a byte
 * belongs to; and what the file holds at an address.
 */
struct timeline_variable {
    char name[200];
    uint64_t start, whole; /* of this part, of the variable */
    uint64_t size;
    uint8_t kind; /* enum ft_c_kind */
    bool startup; /* the compiler's or its library's, in every program: nobody's own */
};
struct timeline_files {
    bool (*variable)(const struct object *o, uint64_t address, unsigned guess, struct timeline_variable *v);
    bool (*bytes)(const struct object *o, uint64_t address, void *bytes, size_t size);
};

/*
 * Build from an open reader, which must outlive the timeline. Without `files` C globals that nobody watched
 * have no names, and are left out. NULL: out of memory.
 */
struct timeline *timeline_build(struct ft_reader *reader, timeline_alive *alive, void *context,
                                const struct timeline_files *files);
void timeline_free(struct timeline *t);

/* All of an event. */
static inline struct event timeline_event(const struct timeline *t, event_id i)
{
    const struct event_kept *kept = &t->events[i];
    const struct event_about *about = &t->abouts[kept->about];
    return (struct event){.ns = kept->ns,
                          .record = kept->place ? ft_reader_at(t->reader, kept->place) : about->record,
                          .process = about->process,
                          .thread = about->thread,
                          .child = about->child,
                          .image = about->image,
                          .type = about->type,
                          .flags = about->flags,
                          .id = i,
                          .about = kept->about,
                          .place = kept->place};
}
/* Without a look at its record. */
static inline const struct event_about *timeline_about(const struct timeline *t, event_id i)
{
    return &t->abouts[t->events[i].about];
}
/* All of it, for as long as the block it is asked for in: not to be returned, nor to leave a loop. */
#define EVENT_AT(t, i) ((const struct event[]){timeline_event(t, i)})

/* The frames of a stack, innermost first (the call site alone if there was no stack). Returns their number.
 */
size_t timeline_stack(const struct timeline *t, const struct event *e, const uint64_t **pcs);
/*
 * The object an address of this process lay in at that time, or NULL. An
 * FT_OBJECT is written once per family of processes forked from one image, by
 * whichever member met it first: look at the process and its ancestors (up to
 * the exec) first, then at any other member of the family.
 */
const struct object *timeline_object(const struct timeline *t, process_id process, int64_t ns,
                                     uint64_t address);
/* The Python frame number `i` of an event, innermost first; false beyond the last. */
bool timeline_python_frame(const struct timeline *t, const struct event *e, size_t i,
                           struct python_function *frame);
/* The Python frame number `i` in which a greenlet was waiting for its turn when last looked at. */
bool timeline_greenlet_frame(const struct timeline *t, thread_id greenlet, size_t i,
                             struct python_function *frame);
/* GREENLET_RUN: what ran; .name NULL: the thread itself, outside of all greenlets. */
struct python_function timeline_greenlet_ran(const struct timeline *t, const struct event *e);
/* GREENLET_RUN: how many others of that thread had to wait. */
uint32_t timeline_greenlets_waiting(const struct timeline *t, const struct event *e);
/* The greenlet all forks copied this one from: itself if none did. */
thread_id timeline_greenlet_origin(const struct timeline *t, thread_id greenlet);
/* SIGACTION: the Python function that was installed; .name NULL if none. For the one it replaced, pass the
 * event in `child`. */
struct python_function timeline_python_handler(const struct timeline *t, const struct event *e);
/* Threads of a process are not contiguous: the next one after `previous` (NONE: the first), NONE at the end.
 */
thread_id timeline_next_thread(const struct timeline *t, process_id process, thread_id previous);
/* How many events come before a time: the next one is the first at or after it. */
size_t timeline_events_before(const struct timeline *t, int64_t ns);
/* The events of a process, by time. */
const event_id *timeline_events_of(const struct timeline *t, process_id process, size_t *count);
/* Those of a type, of all processes. (These two take a look at all events when they are first asked.) */
const event_id *timeline_events_of_type(const struct timeline *t, enum event_type type, size_t *count);
/* How many WRITEs there are. */
size_t timeline_writes(const struct timeline *t);
/* All but SIGMASK and WRITE, by time: what may be looked through whole, however large the run. */
const event_id *timeline_rare_events(const struct timeline *t, size_t *count);
/* The SIGACTIONs of a process. */
const event_id *timeline_installs_of(const struct timeline *t, process_id process, size_t *count);
/* The KILLs aimed at a process, not at a thread of it, and the SIGNALs it took that none of the run sent. */
const event_id *timeline_signals_to(const struct timeline *t, process_id target, size_t *count);
/* LOCK_WAIT: ns waited (so far, if it never ended); EXIT; GREENLET_RUN; else 0. */
int64_t timeline_duration(const struct timeline *t, const struct event *e);
/* The return address of the call, 0 unknown. */
uint64_t timeline_site(const struct event *e);
/* LOCK_WAIT: whether the owner is a thread of the waiting process, alive when the wait began. */
bool timeline_owner_alive(const struct timeline *t, const struct event *e);
/* LOCK_WAIT: whether its call has a time limit. CPython's own for the GIL have, and are made again and again.
 */
enum ft_timed timeline_timed(const struct event *e);
/* LOCK_WAIT: from its beginning to its end its process had no other thread: none that could end it. */
bool timeline_alone(const struct timeline *t, const struct event *e);
/*
 * LOCK_WAIT in Python's Thread.join() or threading._shutdown(): the threads one of which it may wait to end,
 * the next after `previous` (NONE: the first); NONE at the end, and for other waits. Ghosts only if there is
 * none alive.
 */
thread_id timeline_awaited(const struct timeline *t, const struct event *e, thread_id previous);
/* BIND that failed because the address is in use: who had bound it last before, of those not known to be
 * gone with all their children. NONE: nobody in this run. */
event_id timeline_bound_before(const struct timeline *t, const struct event *e);
/* The thread a task of a record names; NONE: unknown. */
thread_id timeline_task(const struct timeline *t, ft_ref task);
/* KILL: whether it was aimed at a thread: `child` is then a thread. */
bool timeline_kill_thread(const struct event *e);
/* SIGNAL: what was taken, and from whom. */
struct sender timeline_sender(const struct timeline *t, const struct event *e);
/* KILL: the SIGNAL event by which it was taken, or NONE: not yet, by nobody, by several, or not seen. */
event_id timeline_taken(const struct timeline *t, const struct event *e);
/* WRITE: the value bound; CHANGE: the value found, which nobody was seen to write. */
struct value timeline_written(const struct timeline *t, const struct event *e);
/* WRITE, TEARDOWN of a Python global: what was recorded; false: it is none, or its site is lost. */
bool timeline_python_write(const struct timeline *t, const struct event *e, struct ft_py_write *write);
/* CHANGE: the value at the look before. */
struct value timeline_changed_from(const struct timeline *t, const struct event *e);
/* What changes without being bound anew: list, dict, set and the like. */
bool value_is_container(struct value value);
/* WRITE of a C global: an address in the store instruction, for names_frame and names_line; 0 for Python's.
 * *exact: false if the value was read back. */
uint64_t timeline_store(const struct timeline *t, const struct event *e, bool *exact);
/* By which means it was seen: "patch", "hardware", "hardware-ebpf", "uprobe"; NULL: it is Python's. */
const char *timeline_engine(const struct timeline *t, const struct event *e);
/* The same: signs of the locks its thread held, 0 where there were fewer. False: not known. */
bool timeline_held(const struct timeline *t, const struct event *e, uint16_t signs[3]);
/* The same: what the instruction does (FT_C_ATOMIC, FT_C_UP). */
unsigned timeline_store_flags(const struct timeline *t, const struct event *e);
/* The copy of a global a process has (the first, if it has executed several images), or NONE. */
copy_id timeline_copy(const struct timeline *t, global_id global, process_id process);
/* The copy of a global that is or was bound to the Python lock (Lock, RLock) at this address, of the process
 * or an ancestor; NONE: no global is known to be. */
copy_id timeline_lock(const struct timeline *t, process_id process, uint64_t address);
/* WRITE, CHANGE, TEARDOWN: the copy it is about, or NONE. */
copy_id timeline_copy_written(const struct timeline *t, event_id e);
/* "app.i", "counter", "libfoo.so:state"; returns what snprintf does. */
int global_format(const struct global *g, char *buffer, size_t size);
/* A value as a person would write it; returns what snprintf does. */
int value_format(struct value value, char *buffer, size_t size);
/* Ghosts and the like left out because a damaged file named absurdly many. */
uint64_t timeline_left_out(const struct timeline *t);
/* The disposition of a signal in a process at a time. */
struct disposition timeline_disposition(const struct timeline *t, process_id process, int signal, int64_t ns);

const char *event_type_name(unsigned type);
const char *origin_name(enum origin origin);
const char *process_end_name(enum process_end how);
/* Whether it ended as nobody wants it to: killed, vanished, or with a status that is no good news. */
bool process_ended_badly(const struct process *p);
const char *thread_end_name(enum thread_end how);

#endif
