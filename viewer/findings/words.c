/*
 * words.c: what findings are made of, in words: processes by their role,
 * threads by their name, places by file and line. Nothing here says a number
 * that differs from run to run.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "find.h"
#include "viewer/tree.h"

#define SHOWN 8 /* of a list, before "and N others" */

void say(struct say *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(s->text + s->used, sizeof s->text - s->used, format, arguments);
    va_end(arguments);
    if (n > 0) s->used += (size_t)n;
    if (s->used < sizeof s->text) return;
    s->used = sizeof s->text - 1;
    while (s->used && (s->text[s->used - 1] & 0xc0) == 0x80) s->used--; /* not in the middle of a character */
    if (s->used && s->text[s->used - 1] & 0x80) s->used--;
    s->text[s->used] = 0;
}

void say_duration(struct say *s, int64_t ns)
{
    char text[TEXT_SHORT];
    say(s, "%s", text_duration(text, ns));
}

static const char *base(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path;
}

/* --- processes -------------------------------------------------------------------------------- */

const char *word_process(char *buffer, const struct timeline *t, process_id p)
{
    const struct process *process = p == NONE ? NULL : &t->processes[p];
    const char *name = !process               ? "a process outside of the run"
                       : process->role        ? process->role
                       : process->image_count ? base(process->images[process->image_count - 1].exe)
                                              : NULL;
    if (!name) name = "a process that was not seen";
    text_escape(buffer, NAMES_TEXT, name, strlen(name));
    return buffer;
}

/* --- signals ---------------------------------------------------------------------------------- */

int signal_of(const struct timeline *t, event_id i)
{
    const struct event *e = EVENT_AT(t, i);
    if (e->type == EVENT_SIGNAL) return timeline_sender(t, e).signal;
    return e->type == EVENT_KILL && e->record ? FT_GET(kill, e->record).signal : 0;
}

const char *word_sender(char *buffer, const struct timeline *t, event_id i)
{
    const struct event *e = EVENT_AT(t, i);
    if (e->type == EVENT_KILL) return word_process(buffer, t, e->process);
    if (e->child != NONE) return word_process(buffer, t, t->threads[e->child].process);
    if (!*tree_sender(buffer, NAMES_TEXT, t, i)) snprintf(buffer, NAMES_TEXT, "somebody");
    return buffer;
}

event_id sent_to(const struct timeline *t, process_id p, uint64_t signals, int64_t ns)
{
    size_t count;
    const event_id *sent = timeline_signals_to(t, p, &count);
    while (count-- > 0) {
        int signal = signal_of(t, sent[count]);
        bool wanted = signal > 0 && signal <= 64 && signals >> (signal - 1) & 1;
        if (wanted && t->events[sent[count]].ns <= ns) return sent[count];
    }
    return NONE;
}

/* --- processes, in groups ---------------------------------------------------------------------- */

/* Length of "uwsgi worker " in "uwsgi worker 12"; 0 if it has no number. */
static size_t stem(const char *name)
{
    size_t n = strlen(name);
    while (n && name[n - 1] >= '0' && name[n - 1] <= '9') n--;
    return name[n] ? n : 0;
}

const char *word_group(char *buffer, const struct timeline *t, process_id p)
{
    word_process(buffer, t, p);
    size_t n = stem(buffer);
    if (n > 1 && buffer[n - 1] == ' ') buffer[n - 1] = 0;
    return buffer;
}

/* Its place among the first `count` of the list, by name: processes may share one (respawned workers). */
static size_t first_named(const struct timeline *t, const uint32_t *list, size_t count, const char *name)
{
    char other[NAMES_TEXT];
    for (size_t i = 0; i < count; i++)
        if (!strcmp(word_process(other, t, list[i]), name)) return i;
    return count;
}

void say_processes(struct say *s, const struct timeline *t, const uint32_t *list, size_t count)
{
    enum { LOOKED_AT = SHOWN };
    struct {
        process_id process;
        size_t times;
    } names[LOOKED_AT];
    char name[NAMES_TEXT], before[NAMES_TEXT] = "";
    size_t different = 0, others = 0;
    uint32_t firsts[LOOKED_AT];
    for (size_t i = 0; i < count; i++) {
        size_t k = i < 4096 ? first_named(t, firsts, different, word_process(name, t, list[i])) : SHOWN;
        if (k == different && different < SHOWN) {
            firsts[different] = names[different].process = list[i];
            names[different++].times = 1;
        } else if (k < different) {
            names[k].times++;
        } else {
            others++;
        }
    }
    for (size_t i = 0; i < different; i++) {
        word_process(name, t, names[i].process);
        size_t n = stem(name);
        bool same = i && n && n == stem(before) && !strncmp(name, before, n);
        say(s, "%s%s", !i ? "" : i + 1 == different && !others ? " and " : ", ", same ? name + n : name);
        if (names[i].times > 1) say(s, " (%zu processes)", names[i].times);
        memcpy(before, name, sizeof before);
    }
    if (others) say(s, " and %zu others", others);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* "Thread-3 (ticker)", "Thread-3": nobody gave it a name. */
static bool is_made_up(const char *name)
{
    return !strncmp(name, "Thread-", 7) && name[7] >= '0' && name[7] <= '9';
}

/* "pool-0_3" is one of the pool; "md5" is a name. */
static void cut_numbers(char *name)
{
    for (size_t n = stem(name); n > 1 && strchr("-_# ", name[n - 1]); n = stem(name)) name[n - 1] = 0;
}

const char *word_thread(char *buffer, const struct timeline *t, thread_id thread)
{
    if (thread == NONE) return strcpy(buffer, "?");
    const struct thread *th = &t->threads[thread];
    if (th->is_main) return strcpy(buffer, "main thread");
    if (th->python_name && is_made_up(th->python_name) && th->python.name)
        text_escape(buffer, NAMES_TEXT, th->python.name, strlen(th->python.name));
    else
        tree_thread(buffer, NAMES_TEXT, t, thread);
    cut_numbers(buffer);
    return buffer;
}

void say_threads(struct say *s, const struct timeline *t, const struct finding_ids *threads)
{
    char names[SHOWN][NAMES_TEXT];
    size_t different = 0;
    for (size_t i = 0; i < threads->count && different < SHOWN; i++) {
        word_thread(names[different], t, threads->list[i]);
        size_t k = 0;
        while (k < different && strcmp(names[k], names[different])) k++;
        different += k == different;
    }
    bool greenlets = threads->count && t->threads[threads->list[0]].kind == THREAD_GREENLET;
    const char *what = greenlets ? "greenlet" : "thread";
    if (threads->count == 1)
        say(s, "the %s ", what);
    else if (different == 1)
        say(s, "%zu %ss ", threads->count, what);
    else
        say(s, "the %ss ", what);
    for (size_t i = 0; i < different; i++)
        say(s, "%s`%s`", !i ? "" : i + 1 == different ? " and " : ", ", names[i]);
}

bool is_internal_thread(const struct timeline *t, thread_id thread)
{
    static const char *const packages[] = {"/multiprocessing/", "/concurrent/futures/", "/asyncio/"};
    const struct thread *th = &t->threads[thread];
    const char *library = th->python.file ? strstr(th->python.file, "/lib/python") : NULL;
    if (!library || strstr(library, "-packages/")) return false;
    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++)
        if (strstr(library, packages[i])) return true;
    return false;
}

bool are_records_lost(const struct timeline *t)
{
    static const enum ft_lost reasons[] = {FT_LOST_DISK_FULL, FT_LOST_OVERWRITTEN, FT_LOST_NO_MEMORY};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (ft_reader_lost(t->reader, reasons[i])) return true;
    return t->reader->truncated;
}

bool is_python_object(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;
    return name && (!strncmp(name, "libpython", 9) || !strncmp(name, "python", 6));
}

bool is_unnamed_thread(const struct timeline *t, thread_id thread)
{
    const struct thread *th = &t->threads[thread];
    if (!(t->processes[th->process].dark & DARK_PYTHON_NAMES) || th->name || !th->start_routine) return false;
    const struct object *o = timeline_object(t, th->process, th->start, th->start_routine);
    return o && is_python_object(o->path);
}

bool is_fork_safe(const struct timeline *t, thread_id thread)
{
    const struct thread *th = &t->threads[thread];
    return (th->python_name && strstr(th->python_name, "fork-safe")) ||
           (th->name && strstr(th->name, "fork-safe"));
}

bool is_transient_thread(const struct timeline *t, thread_id thread)
{
    const struct thread *th = &t->threads[thread];
    bool by_itself = th->how == THREAD_RETURNED || th->how == THREAD_EXITED;
    return by_itself && th->end != NEVER && th->end - th->start < 1000 * MS &&
           process_end_ns(t, th->process) > th->end;
}

static bool was_signalled(const struct timeline *t, process_id p)
{
    size_t count;
    timeline_signals_to(t, p, &count);
    return count > 0;
}

bool did_its_job(const struct timeline *t, process_id p, thread_id lost)
{
    const struct process *child = &t->processes[p];
    const struct thread *th = &t->threads[lost];
    return !th->python_name && !th->python.name && !is_unnamed_thread(t, lost) && child->how == END_EXIT &&
           child->end != NEVER && process_end_ns(t, child->parent) > child->end && !was_signalled(t, p);
}

static uint64_t hash(uint64_t h, const char *text)
{
    for (; text && *text; text++) h = (h ^ (uint8_t)*text) * 0x100000001b3u;
    return (h ^ 0xff) * 0x100000001b3u;
}

uint64_t thread_kind(const struct timeline *t, thread_id thread)
{
    const struct thread *th = &t->threads[thread];
    uint64_t h = 0xcbf29ce484222325u;
    char place[NAMES_TEXT];
    if (th->is_main || !th->start_routine || is_unnamed_thread(t, thread)) return 0;
    if (th->python_name || th->python.name) {
        h = hash(hash(h, th->python.name), th->python.file);
        h = hash(h, word_place(place, t, th->create));
        return hash(h, word_thread(place, t, thread)) | 1;
    }
    const struct object *o = timeline_object(t, th->process, th->start, th->start_routine);
    if (!o || !o->path) return 0;
    if (names_routine(place, sizeof place, t, thread)) h = hash(h, place); /* std::thread has one for all */
    return hash(h ^ (th->start_routine - o->bias), o->path) | 1;
}

/* --- places and locks ------------------------------------------------------------------------- */

const char *word_place(char *buffer, const struct timeline *t, event_id e)
{
    struct python_function f;
    buffer[0] = 0;
    if (e == NONE) return buffer;
    if (!names_python_caller(t, EVENT_AT(t, e), &f) || !f.file)
        return names_caller(buffer, NAMES_TEXT, t, EVENT_AT(t, e));
    size_t n = text_escape(buffer, NAMES_TEXT - 16, base(f.file), strlen(base(f.file)));
    snprintf(buffer + n, 16, ":%u", f.line);
    return buffer;
}

struct wait_of wait_of(const struct event *e)
{
    if (!e->record) return (struct wait_of){0};
    if (e->record->type == FT_WAIT_SLOT) {
        struct ft_wait_slot r = FT_GET(wait_slot, e->record);
        return (struct wait_of){r.address, r.kind};
    }
    struct ft_wait r = FT_GET(wait, e->record);
    return (struct wait_of){r.address, r.kind};
}

bool is_gil(const struct timeline *t, const struct event *e)
{
    struct wait_of w = wait_of(e);
    if (w.kind == FT_WAIT_gil) return true;
    if (w.kind != FT_WAIT_cond && w.kind != FT_WAIT_mutex) return false;
    struct named n = names_at(t, e->process, e->ns, w.address);
    return n.symbol && !strcmp(n.symbol, "_PyRuntime");
}

bool in_python(const struct timeline *t, const struct event *e, const char *function, const char *file)
{
    struct python_function f;
    for (size_t i = 0; timeline_python_frame(t, e, i, &f); i++)
        if (f.name && f.file && !strcmp(f.name, function) && !strcmp(base(f.file), file)) return true;
    return false;
}

const char *word_lock(char *buffer, const struct timeline *t, const struct event *e, uint64_t address,
                      unsigned kind, thread_id owner)
{
    struct named n = names_at(t, e->process, e->ns, address);
    char object[80], name[NAMES_TEXT];
    if (n.symbol) return names_text(buffer, NAMES_TEXT, &n);
    struct say s = {0};
    copy_id python = kind == FT_WAIT_sem ? timeline_lock(t, e->process, address) : NONE;
    if (python != NONE) {
        global_format(&t->globals[t->copies[python].global], name, sizeof name);
        text_escape(buffer, NAMES_TEXT, name, strlen(name));
        return buffer;
    }
    text_escape(object, sizeof object, n.object ? n.object : "", n.object ? strlen(n.object) : 0);
    if (n.object)
        say(&s, "%s at offset 0x%" PRIx64 " of %s", text_wait_kind(kind), n.in_object, object);
    else
        say(&s, "a %s on the heap or a stack", text_wait_kind(kind));
    if (owner != NONE) say(&s, ", held by `%.80s`", word_thread(name, t, owner));
    snprintf(buffer, NAMES_TEXT, "%.*s", NAMES_TEXT - 1, s.text);
    return buffer;
}

/* --- processes in time ------------------------------------------------------------------------ */

int64_t process_end_ns(const struct timeline *t, process_id p)
{
    return t->processes[p].end == NEVER ? t->end : t->processes[p].end;
}

bool lives_on(const struct timeline *t, process_id p)
{
    const struct process *process = &t->processes[p];
    if (!process->image_inherited || process->image_count > 1 || process->origin == ORIGIN_VFORK)
        return false;
    return process->how == END_RUNNING || process_end_ns(t, p) - process->start >= LIVES_ON;
}

bool is_ancestor(const struct timeline *t, process_id ancestor, process_id p)
{
    for (size_t guard = 0; p != NONE && guard <= t->process_count; guard++) {
        p = t->processes[p].parent;
        if (p == ancestor) return p != NONE;
    }
    return false;
}

/* --- around a fork ---------------------------------------------------------------------------- */

struct at_fork at_fork(const struct timeline *t, process_id child)
{
    const struct process *process = &t->processes[child];
    struct at_fork a = {0};
    if (process->fork == NONE || process->parent == NONE) return a;
    a.events = timeline_events_of(t, process->parent, &a.count);
    a.forker = EVENT_AT(t, process->fork)->thread;
    size_t low = 0, high = a.count;
    while (low < high) { /* the fork itself: events are in order */
        size_t middle = low + (high - low) / 2;
        if (a.events[middle] <= process->fork)
            low = middle + 1;
        else
            high = middle;
    }
    a.next = low;
    return a;
}

event_id at_fork_next(const struct timeline *t, struct at_fork *a, enum event_type type)
{
    while (a->next < a->count) {
        event_id i = a->events[a->next++];
        const struct event *e = EVENT_AT(t, i);
        if (e->thread != a->forker) continue;
        if (e->type == type && e->record) return i;
        if (e->type != EVENT_LOCK_HELD && e->type != EVENT_STDIO) a->next = a->count; /* it went on */
    }
    return NONE;
}
