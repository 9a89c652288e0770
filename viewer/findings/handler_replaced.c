/*
 * handler_replaced.c: handler-replaced: a signal handler of one party lost to
 * that of another.
 *
 * Parties, not functions: a server that replaces its own handlers in its
 * workers takes nothing from anybody. In Python all handlers are one C
 * function; whose a handler is, says the file of the Python function.
 *
 * Whether a handler calls the one before it nobody can see. But who did not
 * ask sigaction() for that one cannot; who did most likely does: a note.
 */
#include <signal.h>
#include <string.h>

#include "find.h"

struct party {
    char name[NAMES_TEXT]; /* whose: a directory of Python files or an ELF object; "" nobody's, or unknown */
    char function[NAMES_TEXT]; /* the handler, for people */
    bool library;              /* Python's own library: it was asked to by its caller */
};

/* ".../site-packages/gunicorn/arbiter.py" -> ".../site-packages/gunicorn"; else the directory. */
static void whose_file(char *name, const char *file)
{
    const char *packages = strstr(file, "-packages/"), *end = strrchr(file, '/');
    if (packages && strchr(packages + 10, '/')) end = strchr(packages + 10, '/');
    size_t n = end ? (size_t)(end - file) : strlen(file);
    if (n >= NAMES_TEXT) n = NAMES_TEXT - 1;
    memcpy(name, file, n);
    name[n] = 0;
    if (!n) strcpy(name, "."); /* a relative name: the program's own */
}

static struct party party(const struct timeline *t, const struct event *e, uint64_t handler)
{
    struct party p = {0};
    struct python_function python = timeline_python_handler(t, e);
    if (FT_GET(sigaction, e->record).new_handler != handler) return p;
    if (python.name && python.file) {
        const char *library = strstr(python.file, "/lib/python");
        p.library = (library && !strstr(library, "-packages/")) || python.file[0] == '<';
        whose_file(p.name, python.file);
        names_python(p.function, sizeof p.function, &python);
        return p;
    }
    struct named n = names_at(t, e->process, e->ns, handler);
    bool cpython = n.object && (strstr(n.object, "libpython") || !strncmp(n.object, "python", 6));
    if (!n.path || cpython)
        return p; /* the interpreter's own: default_int_handler, or a function nobody told */
    snprintf(p.name, sizeof p.name, "%s", n.path);
    names_function(p.function, sizeof p.function, &n);
    return p;
}

static bool is_handler(uint64_t handler)
{
    return handler != (uint64_t)(uintptr_t)SIG_DFL && handler != (uint64_t)(uintptr_t)SIG_IGN;
}

/* The handler comes back later: it was only set aside for a while. */
static bool restored(const struct timeline *t, const event_id *events, size_t count, size_t from, int signal,
                     uint64_t handler, const struct party *old)
{
    for (size_t i = from + 1; i < count; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        if (!e->record) continue;
        struct ft_sigaction r = FT_GET(sigaction, e->record);
        if (r.signal != signal || r.new_handler != handler) continue;
        struct party now = party(t, e, handler);
        if (!strcmp(now.name, old->name)) return true;
    }
    return false;
}

/*
 * A module that forks the program's children equips them: Apache's MPMs replace, in each child, what the
 * program itself has set up for the parent.
 */
static bool equips_its_child(const struct timeline *t, const struct event *e, process_id installed_in,
                             const struct party *old, const struct party *new)
{
    const struct process *child = &t->processes[e->process];
    const char *program = child->image_count ? child->images[child->image_count - 1].exe : NULL;
    if (installed_in == e->process || child->fork == NONE || !program || strcmp(old->name, program))
        return false;
    const struct event *fork = EVENT_AT(t, child->fork);
    struct named forker = names_frame(t, fork->process, fork->ns, timeline_site(fork));
    return forker.path && !strcmp(forker.path, new->name);
}

/*
 * Python's signal.siginterrupt(), which gunicorn calls, installs the handler that is there once more, with
 * other flags and without telling Python: whose it is, says the install before.
 */
static event_id owners_install(const struct timeline *t, event_id install)
{
    event_id at = install;
    for (int steps = 0; steps < 4; steps++) {
        const struct event *e = EVENT_AT(t, at);
        if (timeline_python_handler(t, e).name) return at;
        if (e->child >= at) break; /* NONE, too */
        const struct event *before = EVENT_AT(t, e->child);
        if (!before->record || before->type != EVENT_SIGACTION || before->process != e->process) break;
        if (FT_GET(sigaction, before->record).new_handler != FT_GET(sigaction, e->record).new_handler) break;
        at = e->child;
    }
    return install;
}

/* Giving back what was set aside takes nothing away. Python's are one C function: whether it is the same, its
 * name says. */
static bool gives_back(const struct timeline *t, event_id before, const struct event *e)
{
    const struct event *aside = EVENT_AT(t, before);
    struct python_function now = timeline_python_handler(t, e);
    if (FT_GET(sigaction, aside->record).old_handler != FT_GET(sigaction, e->record).new_handler)
        return false;
    if (!now.name || aside->child >= before) return true;
    struct python_function was = timeline_python_handler(t, EVENT_AT(t, owners_install(t, aside->child)));
    return !was.name || (!strcmp(was.name, now.name) && was.line == now.line);
}

static void look(struct findings *f, const event_id *events, size_t count, size_t i)
{
    const struct timeline *t = f->timeline;
    const struct event *e = EVENT_AT(t, events[i]);
    struct ft_sigaction r = FT_GET(sigaction, e->record);
    if (!is_handler(r.old_handler) || !is_handler(r.new_handler) || r.signal < 1) return;
    struct disposition before = timeline_disposition(t, e->process, r.signal, e->ns - 1);
    if (before.event == NONE || before.event >= events[i] || before.handler != r.old_handler) return;
    before.event = owners_install(t, before.event);
    if (gives_back(t, before.event, e)) return;
    struct party old = party(t, EVENT_AT(t, before.event), r.old_handler), new = party(t, e, r.new_handler);
    if (!*old.name || !*new.name || old.library || new.library || !strcmp(old.name, new.name)) return;
    if (restored(t, events, count, i, r.signal, r.old_handler, &old)) return;
    if (equips_its_child(t, e, EVENT_AT(t, before.event)->process, &old, &new)) return;
    char signal[TEXT_SHORT], subject[NAMES_TEXT];
    text_signal(signal, r.signal);
    snprintf(subject, sizeof subject, "%s %.180s", signal, old.function);
    struct finding *x = finding_of(f, RULE_handler_replaced, subject);
    if (!x->processes.count) x->severity = SEVERITY_NOTE;
    if (r.asked != FT_ASKED) finding_worse(x, SEVERITY_WARNING);
    finding_process(f, x, e->process);
    finding_thread(f, x, e->thread);
    finding_event(f, x, before.event);
    finding_event(f, x, events[i]);
}

void find_handler_replaced(struct findings *f)
{
    const struct timeline *t = f->timeline;
    for (process_id p = 0; p < t->process_count; p++) {
        size_t count;
        const event_id *installs = timeline_installs_of(t, p, &count);
        for (size_t i = 0; i < count; i++)
            if (EVENT_AT(t, installs[i])->record) look(f, installs, count, i);
        find_signal_stack(f, p);
    }
}

void tell_handler_replaced(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char signal[TEXT_SHORT], place[NAMES_TEXT], name[NAMES_TEXT];
    if (x->evidence.count < 2 || tell_signal_stack(t, x, title, why)) return;
    /* the last one, and what it replaced in the same process: others of its kind may have done so meanwhile */
    event_id last = x->evidence.list[x->evidence.count - 1];
    const struct event *is = EVENT_AT(t, last);
    struct ft_sigaction r = FT_GET(sigaction, is->record);
    event_id first = timeline_disposition(t, is->process, r.signal, is->ns - 1).event;
    if (first == NONE) return;
    first = owners_install(t, first);
    const struct event *was = EVENT_AT(t, first);
    struct party old = party(t, was, FT_GET(sigaction, was->record).new_handler),
                 new = party(t, is, r.new_handler);
    say(title, "In ");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, " %s replaced %s as the handler of %s: ", new.function, old.function,
        text_signal(signal, r.signal));
    say(title, r.asked == FT_ASKED       ? "it was told of that one, and can call it."
               : r.asked == FT_NOT_ASKED ? "that one is not called any more."
                                         : "that one is not called any more, unless the new one does it.");
    say(why, "It was installed");
    if (*word_place(place, t, first)) say(why, " at %s", place);
    say(why, " in %s", word_process(name, t, was->process));
    say(why, " and replaced");
    if (*word_place(place, t, last)) say(why, " from %s", place);
    say(why, " in %s.", word_process(name, t, is->process));
    if (r.asked == FT_NOT_ASKED) say(why, " Who installed it did not ask sigaction() for the one before.");
}
