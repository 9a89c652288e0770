/*
 * state.h: what is known while records are turned into the model, and what
 * stays behind it (timeline.private). What is done with it: build.h.
 */
#ifndef TIMELINE_STATE_H
#define TIMELINE_STATE_H

#include <setjmp.h>

#include "map.h"
#include "timeline.h"

/* A record on its way into the model. */
struct item {
    int64_t ns;
    const struct ft_head *record;
    ft_ref ref;
    uint32_t task;  /* index into tasks */
    uint32_t entry; /* of a page of writes: which of its */
    ft_place place; /* of the record, or of that entry; 0: it has none */
};

/* Who writes records: the reference of a birth, and what became of it. */
struct task {
    ft_ref ref;
    thread_id thread; /* NONE: its birth has not been met yet */
    uint16_t image;
    bool spoke;       /* it wrote records of its own */
    uint64_t counter; /* of the last of them */
    int64_t last;     /* the same, as the times of events; INT64_MIN: it wrote none */
    bool kernel;      /* named by the kernel: what is told of it is not the library's word */
    struct {
        uint64_t who, what;
        uint32_t about;
    } alike; /* what its last event of many that are alike had in common with them (events.c); what 0: none
                yet */
};

struct thread_more {
    uint64_t pthread;
    uint64_t mask;
    thread_id next;                     /* of the process, by birth */
    thread_id alive_next, alive_before; /* living ones of the process */
    event_id exec;                      /* an exec that has not failed (yet) */
    event_id wait;                      /* its last */
    event_id system;                    /* its last system() */
    event_id daemon;                    /* called daemon() and has done nothing since */
    event_id fork, create, kill;        /* its last calls that the kernel's word may still be about */
    uint16_t image;
    bool alive, started;
    bool kernel;      /* the kernel has told of its birth */
    ft_ref greenlet;  /* its FT_GREENLET */
    uint32_t picture; /* the last one it was in */
    bool listed;      /* known from FT_UNSEEN_THREADS only: alive at the forks that list it */
};

/* An image the library was kept out of, as told before it began. */
struct blind {
    unsigned why; /* enum ft_blind_why; 0: none */
    const char *path;
    int64_t ns;
};

struct process_more {
    thread_id first, last, alive; /* threads: by birth, and the first living one */
    thread_id greenlets;          /* the first living greenlet: not among the `alive` */
    uint32_t hidden;              /* newest system() or popen() whose child was not seen; index into hidden */
    event_id exec;                /* the image went away through this, and no new one spoke */
    struct blind blind;           /* the last one told of */
    const char *filtered; /* recording ended in it, or in an ancestor it is a copy of: for this system call */
    const char *partly;   /* what is not seen of its current image, though the library is in it */
    bool was_blind;       /* one of its images was, and another came after it */
    bool spoke;           /* wrote a record of its own */
    bool ended;           /* its exit was recorded to the very end */
    bool reaped, gone;    /* gone: its pid is somebody else's now */
    bool kernel;          /* the kernel has told of its birth */
    bool unannounced;     /* and the library had not */
    bool image_told;      /* its last image is known from the kernel alone */
    bool end_told;        /* the kernel has told of its end */
    uint32_t why;         /* the library is not in that image: as FT_KERNEL_EXEC says */
    event_id signal;      /* the last it took */
    bool copied;          /* its first image is its parent's: so are the objects in it */
    bool forked;          /* before our eyes, and it has executed nothing since */
    uint32_t family;      /* of what it runs before its first image is known */
    uint32_t popens;      /* popen()s whose child has not been reaped */
    event_id popen;       /* the newest */
    int64_t looked;       /* at all its globals, last; NEVER: never */
    bool unread;          /* what its containers held at its birth could not be read */
    int64_t last_record;  /* when anything of it was written last; set at the end */
};

struct told { /* a global's value at a fork */
    global_id global;
    process_id process;
    thread_id thread;
    uint16_t image;
    const struct ft_head *record; /* C: it */
    const struct ft_head *fork;
    int64_t ns, until; /* C: it was read between the two */
    struct value value;
    uint64_t writes;
    bool explained; /* C: writes that were seen may have made it so */
};

struct whole { /* a look at a watched object of more than 8 bytes */
    struct told told;
    uint32_t definition; /* index of defined */
};

struct defined { /* an FT_C_GLOBAL */
    struct ft_c_global record;
    const char *name, *path;
    uint64_t whole;   /* as in struct global */
    global_id global; /* NONE: its pieces are globals, each for itself */
    process_id process;
    uint16_t image;
    int64_t ns;
};

struct pictured {                 /* an FT_C_PICTURE */
    const struct ft_c_part *part; /* record.count of them are there */
    const struct ft_head *fork;   /* NULL: at an end */
    process_id process;
    uint32_t family;
    uint16_t image;
    int64_t ns;
    struct ft_c_picture record; /* last: its own end is open */
};

struct hidden { /* a system() or popen() */
    event_id event;
    uint32_t older;
};

struct sent { /* a signal on its way */
    thread_id sender;
    uint32_t pid;
    int32_t code;
    const char *name;
};

struct mapped { /* an ELF object, whose it is, since when */
    struct object object;
    uint32_t family;
    process_id process;
    int64_t ns;
};

struct event_index { /* list[first[k]] to list[first[k + 1]]: those of key k */
    event_id *list;
    uint64_t *first;
    size_t keys, room; /* keys: of a common type's: how many events */
    bool filled;
};

/*
 * Masks are changed and globals written so often that these two may be nearly all events of a run: they are
 * kept small, and filed only when somebody asks, all others as they come.
 */
enum { COMMON_TYPES = 2 };

#define RECENT  256u
#define LATELY  64u

struct build {
    struct timeline *t;
    jmp_buf no_memory;
    timeline_alive *is_alive;
    void *context;
    const struct timeline_files *files; /* NULL: nobody knows them */

    struct order *order; /* order.c */
    struct task *tasks;
    size_t task_count;
    struct recent { /* tasks looked up before, by the low bits of their reference */
        ft_ref ref;
        uint32_t index;
    } recent[RECENT];
    struct map by_task, by_pid, by_tid, by_pthread, by_site;
    struct map early_names; /* (process, pthread) named before it started -> the event */
    struct map starts;      /* (pid, tid) that start before our eyes */
    struct map early_blind; /* (fork record) whose child is not known yet -> index of blinds */
    struct blind *blinds;
    size_t blind_count;
    struct hidden *hiddens;
    size_t hidden_count;

    struct process_more *processes;
    struct thread_more *threads;
    struct mapped *objects;
    size_t object_count;
    struct event_index by_process, by_type, common[COMMON_TYPES], installs, signals;
    event_id *rare; /* the events that are not of a common type, as they were added */
    size_t rare_count, event_room, about_count;
    struct map by_about; /* what is in it -> index of timeline.abouts that many events share */
    uint32_t *alike;     /* those indexes */
    size_t alike_count;
    size_t copied;   /* bytes of records */
    size_t in_order; /* events after these were added late */
    uint64_t *more;  /* what few events have besides, by event_id: see event_more */
    size_t more_room;
    uint32_t family_count;
    uint64_t ghost_count;
    size_t beliefs; /* comparisons made for ghosts_believed */
    uint64_t left_out;
    struct map by_name, by_copy; /* (hash of module.name) -> global; (global, process) -> copy */
    struct map by_writer;        /* (copy, thread) -> index of its writers */
    event_id *bound;             /* the BINDs that succeeded, by time */
    size_t bound_count;
    struct told *told;
    size_t told_count;
    struct map by_lock; /* (process, address of a semaphore) -> the copy of a global bound to that lock */
    struct map by_definition; /* reference of an FT_C_GLOBAL -> defined */
    struct map by_site_id;    /* (family, id) -> sites */
    struct map by_trap;       /* (definition and flags, address) of an FT_C_TRAP -> sites */
    struct defined *defined;
    size_t defined_count;
    struct map by_common; /* (whole, process and image) -> commons; (whole, UINT64_MAX): there are any */
    struct common {       /* an FT_C_COMMON */
        const struct ft_head *fork;
        int64_t ns;
    } * commons;
    size_t common_count;
    struct whole *wholes;
    size_t whole_count;
    struct ft_c_site *sites;
    size_t site_count;
    struct lately { /* pages of writes asked for locks, by their address: they are asked for in order */
        const struct ft_head *record;
        size_t at; /* before this write the last entry about locks was: */
        uint64_t held;
    } lately[LATELY];
    struct pictured *pictured;
    size_t picture_count;
    struct sent *sent;
    size_t sent_count;
    struct map by_sent;     /* (process, signal) -> the last of sent */
    struct map by_greenlet; /* (FT_GREENLET, process) -> thread */
    struct map early_runs;  /* the same -> a run that was told before it */
    uint32_t pictures;      /* of greenlets */
    size_t greenlet_count;
    struct map strings; /* reference -> index of texts: copied once */
    char **texts;
    size_t text_count;
    void *arena; /* blocks, newest first */
};

#endif
