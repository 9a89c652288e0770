/*
 * kernel.h: what the files that take the kernel's word share.
 */
#ifndef TIMELINE_KERNEL_H
#define TIMELINE_KERNEL_H

#include "build.h"

/* A record as the library would have written it, for as long as the timeline lives. */
#define AS_RECORDED(b, type, ...)                                \
    ({                                                           \
        struct ft_##type *made_ = build_alloc(b, sizeof *made_); \
        *made_ = (struct ft_##type){__VA_ARGS__};                \
        made_->head.size = sizeof *made_;                        \
        made_->head.state = FT_DONE;                             \
        made_;                                                   \
    })

/* An event nobody else saw. */
static inline event_id kernel_event(struct build *b, int64_t ns, thread_id thread, enum event_type type,
                                    const void *record)
{
    event_id e = event_infer(b, ns, thread, type);
    event_about(b, e)->flags = EVENT_KERNEL;
    event_about(b, e)->record = record;
    return e;
}

/* NONE: its birth is lost. */
static inline thread_id kernel_thread(struct build *b, ft_ref task)
{
    const struct task *known = task ? task_find(b, task) : NULL;
    return known ? known->thread : NONE;
}

/* kernel_signals.c: a process ended by a signal: it is taken then, if no thread had taken it before. */
void kernel_ended_by(struct build *b, const struct item *it, process_id p, int signal);

#endif
