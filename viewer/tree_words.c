/*
 * tree_words.c: who somebody is, in words: a process, a thread, the sender of a
 * signal; and what of the run was lost.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "names.h"
#include "text.h"
#include "tree.h"

static void escaped(char *buffer, size_t size, const char *text)
{
    text_escape(buffer, size, text ? text : "?", text ? strlen(text) : 1);
}

const char *tree_process(char *buffer, size_t size, const struct timeline *t, process_id p)
{
    char role[96];
    if (p == NONE) return strncpy(buffer, "?", size);
    escaped(role, sizeof role, t->processes[p].role);
    snprintf(buffer, size, "%s (p%u)", t->processes[p].role ? role : "process", p);
    return buffer;
}

const char *tree_thread(char *buffer, size_t size, const struct timeline *t, thread_id thread)
{
    if (thread == NONE) {
        snprintf(buffer, size, "?");
        return buffer;
    }
    const struct thread *th = &t->threads[thread];
    struct named n;
    char name[NAMES_TEXT] = "", routine[NAMES_TEXT];
    if (th->python_name)
        escaped(name, sizeof name, th->python_name);
    else if (th->hub)
        snprintf(name, sizeof name, "event loop");
    else if (th->kind == THREAD_GREENLET)
        escaped(name, sizeof name, th->python.name ? th->python.name : "greenlet");
    else if (th->name)
        escaped(name, sizeof name, th->name);
    else if (names_routine(routine, sizeof routine, t, thread))
        escaped(name, sizeof name, routine);
    else if (th->start_routine)
        n = names_at(t, th->process, th->start, th->start_routine), names_text(name, sizeof name, &n);
    else
        snprintf(name, sizeof name,
                 th->is_main      ? "main thread"
                 : th->birth_lost ? "birth not seen"
                                  : "thread of unknown start");
    snprintf(buffer, size, "%s", name);
    return buffer;
}

/* That the kernel tells a process of its own mistake nobody needs to know. */
static bool is_fault(const struct sender *s)
{
    return s->code > 0 && (s->signal == SIGSEGV || s->signal == SIGBUS || s->signal == SIGILL ||
                           s->signal == SIGFPE || s->signal == SIGTRAP || s->signal == SIGSYS);
}

static bool is_from_tty(const struct sender *s)
{
    return s->code == SI_KERNEL && (s->signal == SIGINT || s->signal == SIGQUIT || s->signal == SIGTSTP ||
                                    s->signal == SIGHUP || s->signal == SIGTTIN || s->signal == SIGTTOU);
}

const char *tree_sender(char *buffer, size_t size, const struct timeline *t, event_id taken)
{
    const struct event *e = EVENT_AT(t, taken);
    struct sender s = timeline_sender(t, e);
    char name[96] = "pid";
    if (s.name) escaped(name, sizeof name, s.name);
    if (s.process == e->process)
        snprintf(buffer, size, "itself");
    else if (s.process != NONE)
        tree_process(buffer, size, t, s.process);
    else if (s.pid)
        snprintf(buffer, size, s.name ? "%s (pid %u)" : "%s %u", name, s.pid);
    else
        snprintf(buffer, size, "%s",
                 is_fault(&s)      ? ""
                 : is_from_tty(&s) ? "the terminal"
                 : s.code > 0      ? "the kernel"
                 : s.name          ? name
                                   : "");
    return buffer;
}

const char *tree_started(char *buffer, size_t size, const struct timeline *t, thread_id thread)
{
    const struct thread *th = &t->threads[thread];
    struct python_function python;
    char where[NAMES_TEXT] = "", process[128];
    const struct event *e = th->create == NONE ? NULL : EVENT_AT(t, th->create);
    if (e && names_python_caller(t, e, &python)) {
        const char *slash = python.file ? strrchr(python.file, '/') : NULL;
        escaped(where, sizeof where, slash ? slash + 1 : python.file);
        size_t used = strlen(where);
        snprintf(where + used, sizeof where - used, ":%u", python.line);
    } else if (e) {
        names_caller(where, sizeof where, t, e);
    }
    tree_process(process, sizeof process, t, th->process);
    snprintf(buffer, size, *where ? ", started at %s in %s" : "%.0s of %s", where, process);
    return buffer;
}

const char *tree_lost(char *buffer, size_t size, const struct timeline *t)
{
    size_t used = 0;
    *buffer = 0;
    for (unsigned reason = 0; reason < FT_LOST_COUNT && used < size; reason++) {
        uint64_t count = ft_reader_lost(t->reader, (enum ft_lost)reason);
        if (count)
            used += (size_t)snprintf(buffer + used, size - used, "%s%" PRIu64 " record%s lost: %s",
                                     used ? "; " : "", count, count == 1 ? "" : "s",
                                     ft_lost_text((enum ft_lost)reason));
    }
    return buffer;
}
