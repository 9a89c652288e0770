/*
 * stdio_duplicated.c: stdio-duplicated: output that waited in a buffer at a
 * fork, and was written by the child and the parent.
 */
#define _GNU_SOURCE
#include <string.h>

#include "find.h"

/* Where at the fork the same buffer was seen, in the parent: it was recorded just after the fork. */
static event_id pending(const struct timeline *t, const struct event *written)
{
    struct ft_stdio of = FT_GET(stdio, written->record);
    struct at_fork a = at_fork(t, written->process);
    for (event_id i; (i = at_fork_next(t, &a, EVENT_STDIO)) != NONE;) {
        struct ft_stdio r = FT_GET(stdio, EVENT_AT(t, i)->record);
        if (r.what == FT_STDIO_PENDING && r.fork == of.fork && r.file == of.file) return i;
    }
    return NONE;
}

/* It will: it is there, or it ended through exit(). After an exec, a signal or _exit() nobody knows. */
static bool parent_writes(const struct timeline *t, process_id p)
{
    const struct process *process = &t->processes[p];
    if (process->how == END_RUNNING) return process->image_count < 2;
    if (process->how != END_EXIT || process->exit == NONE || !EVENT_AT(t, process->exit)->record)
        return false;
    unsigned api = FT_GET(exit, EVENT_AT(t, process->exit)->record).api;
    return api == FT_EXIT_exit || api == FT_EXIT_end;
}

/* "stdout", "app.log"; a pipe or socket has no name but its number. */
static const char *word_file(char *buffer, const struct timeline *t, const struct ft_stdio *r)
{
    size_t length;
    bool cut;
    const char *path = ft_reader_string(t->reader, r->path, &length, &cut);
    const char *slash = length ? memrchr(path, '/', length) : NULL;
    if (r->fd == 1 || r->fd == 2) return strcpy(buffer, r->fd == 1 ? "stdout" : "stderr");
    if (slash && slash + 1 < path + length)
        text_escape(buffer, NAMES_TEXT, slash + 1, length - (size_t)(slash + 1 - path));
    else
        snprintf(buffer, NAMES_TEXT, "descriptor %d", r->fd);
    return buffer;
}

void find_stdio_duplicated(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT], file[NAMES_TEXT], subject[2 * NAMES_TEXT];
    size_t count;
    const event_id *events = timeline_events_of_type(t, EVENT_STDIO, &count);
    for (size_t k = 0; k < count; k++) {
        event_id i = events[k];
        const struct event *e = EVENT_AT(t, i);
        if (!e->record) continue;
        struct ft_stdio r = FT_GET(stdio, e->record);
        event_id before = r.what == FT_STDIO_WRITTEN ? pending(t, e) : NONE;
        if (before == NONE || !parent_writes(t, EVENT_AT(t, before)->process)) continue;
        r = FT_GET(stdio, EVENT_AT(t, before)->record);
        snprintf(subject, sizeof subject, "%s of %s", word_file(file, t, &r),
                 word_group(name, t, EVENT_AT(t, before)->process));
        struct finding *x = finding_of(f, RULE_stdio_duplicated, subject);
        finding_process(f, x, EVENT_AT(t, before)->process);
        finding_process(f, x, e->process);
        finding_event(f, x, t->processes[e->process].fork);
        finding_event(f, x, before);
        finding_event(f, x, i);
    }
}

void tell_stdio_duplicated(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], file[NAMES_TEXT], place[NAMES_TEXT];
    uint32_t children[64];
    size_t count = 0;
    struct event kept;
    const struct event *before = NULL;
    for (size_t i = 0; i < x->evidence.count; i++) {
        const struct event *e = EVENT_AT(t, x->evidence.list[i]);
        if (e->type != EVENT_STDIO) continue;
        if (FT_GET(stdio, e->record).what == FT_STDIO_PENDING)
            kept = before ? kept : *e, before = &kept;
        else if (count < 64)
            children[count++] = e->process;
    }
    if (!before || !count) return;
    struct ft_stdio r = FT_GET(stdio, before->record);
    say_processes(title, t, children, count);
    say(title, " wrote %u byte%s to %s that %s writes, too: they were in the buffer at the fork.", r.bytes,
        r.bytes == 1 ? "" : "s", word_file(file, t, &r), word_process(name, t, before->process));
    event_id fork = t->processes[children[0]].fork;
    say(why, "A fork copies the buffers of stdio with what waits in them");
    if (fork != NONE && *word_place(place, t, fork)) say(why, " (in %s)", place);
    say(why, "; each process writes its copy when the buffer is full, at fflush(), or in exit().");
}
