/*
 * coverage.c: which processes the library was not in, or not all the time, and
 * why: told before the image began (FT_BLIND), or concluded from its silence.
 */
#include <string.h>

#include "build.h"

/* --- told ------------------------------------------------------------------------------------- */

/* The call that makes the child may not have returned yet, or be one of libc's that does not tell the pid. */
static void keep_for_later(struct build *b, ft_ref fork, struct blind blind)
{
    const struct ft_head *record = ft_reader_find(b->t->reader, fork, FT_FORK);
    if (!record) return;
    b->blinds = build_grow(b, b->blinds, b->blind_count, sizeof *b->blinds);
    b->blinds[b->blind_count] = blind;
    build_map_put(b, &b->early_blind, (uintptr_t)record, 0, (uint32_t)b->blind_count++);
}

void coverage_blind(struct build *b, const struct item *it)
{
    struct ft_blind record = FT_GET(blind, it->record);
    struct blind blind = {.why = record.why, .path = build_string(b, record.path), .ns = it->ns};
    struct task *child = record.fork ? task_find(b, record.fork) : NULL;
    if (!record.fork)
        more_of(b, it)->blind = blind;
    else if (child && child->thread != NONE)
        b->processes[b->t->threads[child->thread].process].blind = blind;
    else
        keep_for_later(b, record.fork, blind);
}

void coverage_born(struct build *b, process_id p)
{
    event_id fork = b->t->processes[p].fork;
    const struct ft_head *record = fork == NONE ? NULL : event_about(b, fork)->record;
    uint32_t *told = record ? map_get(&b->early_blind, (uintptr_t)record, 0) : NULL;
    if (told) b->processes[p].blind = b->blinds[*told];
}

/* --- seen, but not all of it --------------------------------------------------------------------- */

#define DARK_PYTHON (DARK_PYTHON_NAMES | DARK_PYTHON_GLOBALS | DARK_GREENLETS)

/* Notes that say what of a process is not seen. From FT_NOTE_KERNEL_PYTHON on: of one only the kernel saw. */
static const struct partly {
    unsigned note;
    const char *text; /* NULL: any */
    const char *prefix;
    unsigned dark;
} partly[] = {
    {FT_NOTE_PYTHON_UNKNOWN, NULL, "python: ", DARK_PYTHON},
    {FT_NOTE_PYTHON_UNPATCHED, NULL, "python: ", DARK_PYTHON_GLOBALS},
    {FT_NOTE_PYTHON_FULL, NULL, "python: ", DARK_PYTHON_GLOBALS},
    {FT_NOTE_PYTHON_WATCHERS, NULL, "python: ", DARK_PYTHON_GLOBALS},
    {FT_NOTE_PYTHON_OWN_GIL, NULL, "python: ", DARK_PYTHON_GLOBALS},
    {FT_NOTE_GREENLETS_UNKNOWN, NULL, "python: ", DARK_GREENLETS},
    {FT_NOTE_GREENLETS_TRACED, NULL, "python: ", 0},
    {FT_NOTE_LEFT_OUT, FT_LEFT_OUT_PYTHON, "", DARK_PYTHON},
    {FT_NOTE_LEFT_OUT, FT_LEFT_OUT_GLOBALS, "", DARK_PYTHON_GLOBALS},
    {FT_NOTE_LEFT_OUT, FT_LEFT_OUT_MEMORY, "", 0},
    {FT_NOTE_MEMORY_UNREADABLE, NULL, "memory: ", 0},
    {FT_NOTE_KERNEL_PYTHON, NULL, "python: ", DARK_PYTHON_GLOBALS},
    {FT_NOTE_KERNEL_PYTHON_LATE, NULL, "python: ", DARK_PYTHON_GLOBALS},
    {FT_NOTE_KERNEL_NAME, NULL, "python: ", DARK_PYTHON_GLOBALS},
    {FT_NOTE_KERNEL_C_WATCH, NULL, "watch: ", 0},
};

static const struct partly *partly_of(unsigned note, const char *text)
{
    for (size_t i = 0; i < sizeof partly / sizeof *partly; i++)
        if (partly[i].note == note && (!partly[i].text || (text && !strcmp(partly[i].text, text))))
            return &partly[i];
    return NULL;
}

/* Written once in an address space: it holds in children forked from there, too (coverage_inherit). */
void coverage_note(struct build *b, const struct item *it)
{
    struct ft_note note = FT_GET(note, it->record);
    if (!note.what) return; /* withdrawn */
    event_add(b, it, EVENT_NOTE);
    globals_note(b, it);
    if (note.what == FT_NOTE_SECCOMP) more_of(b, it)->filtered = build_string(b, note.text);
    const char *what = ft_note_text(note.what), *detail = build_string(b, note.text);
    const struct partly *how = partly_of(note.what, detail);
    if (!how) return;
    process_id p = process_of(b, it);
    struct process_more *more = &b->processes[p];
    const char **reason = &b->t->processes[p].coverage_reason, *before = more->partly;
    b->t->processes[p].dark |= how->dark;
    more->partly = build_format(b, "%s%s%s%s%s%s", before ? before : "", before ? "; " : "", how->prefix,
                                what, detail && *detail ? ": " : "", detail ? detail : "");
    if (!*reason || *reason == before) *reason = more->partly;
}

void coverage_inherit(struct build *b, process_id child, process_id parent)
{
    b->t->processes[child].coverage_reason = b->processes[child].partly = b->processes[parent].partly;
    b->t->processes[child].dark = b->t->processes[parent].dark;
    b->processes[child].filtered = b->processes[parent].filtered;
}

/* --- images that did not speak ------------------------------------------------------------------ */

static void add_image(struct build *b, process_id p, int64_t ns, const char *path)
{
    struct image image = {.start = ns, .family = b->family_count++, .exe = path};
    image.argv = build_alloc(b, sizeof *image.argv);
    process_image(b, p, image);
    signals_exec_unseen(b, p); /* whatever it did about signals since */
}

static bool same_name(const char *a, const char *b)
{
    const char *x = a ? strrchr(a, '/') : NULL, *y = b ? strrchr(b, '/') : NULL;
    return a && b && !strcmp(x ? x + 1 : a, y ? y + 1 : b);
}

/* What we were told of has become this; or it is this, and the library came in after all. */
void coverage_image(struct build *b, process_id p, const char *exe)
{
    struct process_more *more = &b->processes[p];
    struct blind blind = more->blind;
    more->blind.why = 0;
    more->partly = NULL;
    if (!blind.why || same_name(exe, blind.path)) return;
    add_image(b, p, blind.ns, blind.path);
    more->was_blind = true;
    b->t->processes[p].coverage_reason =
        build_format(b, "%s: an image of it was not seen, %s: %s", ft_blind_name(blind.why),
                     blind.path ? blind.path : "?", ft_blind_text(blind.why));
}

/* --- concluded ---------------------------------------------------------------------------------- */

static bool anything_lost(const struct build *b)
{
    for (unsigned reason = 0; reason < FT_LOST_COUNT; reason++)
        if (ft_reader_lost(b->t->reader, (enum ft_lost)reason)) return true;
    return b->t->reader->truncated || b->t->reader->torn;
}

/* Nobody recorded that it was made: only the wait for it, or what it did itself. */
static bool made_unseen(const struct build *b, process_id p)
{
    event_id fork = b->t->processes[p].fork;
    return fork != NONE && !event_about(b, fork)->record;
}

/* It ended by an exit, yet passed none that we know: what it did before is not known either. */
static bool left_unseen(const struct build *b, process_id p)
{
    const struct process *process = &b->t->processes[p];
    return process->how == END_EXIT && process->end_inferred && process->exit == NONE && !anything_lost(b);
}

#define SILENT "; of what it does and starts, only programs that load the library are seen"

static void none(struct build *b, process_id p, unsigned why)
{
    b->t->processes[p].coverage = COVERAGE_NONE;
    b->t->processes[p].coverage_reason =
        why ? build_format(b, "%s: %s" SILENT, ft_blind_name(why), ft_blind_text(why))
            : "unknown: it wrote nothing: it was just starting, ended while it was loading, or turned "
              "recording off";
}

/* From some moment on it was silent by our own will. */
static void filtered(struct build *b, process_id p, const char *call)
{
    bool kernel = b->processes[p].kernel;
    b->t->processes[p].coverage = kernel ? COVERAGE_KERNEL_ONLY : COVERAGE_NONE;
    b->t->processes[p].coverage_reason =
        build_format(b, "%s: %s (%s)%s", ft_blind_name(FT_BLIND_SECCOMP), ft_blind_text(FT_BLIND_SECCOMP),
                     call, kernel ? "" : "; what it did and started from then on is not known");
}

void coverage_decide(struct build *b, process_id p)
{
    struct process_more *more = &b->processes[p];
    struct process *process = &b->t->processes[p];
    bool covered = kernel_covers(b, p);
    if (more->filtered) filtered(b, p, more->filtered);
    if (covered || more->filtered) return;
    bool pending = more->exec != NONE && b->t->events[more->exec].ns >= more->last_record;
    if (!more->spoke) {
        if (more->blind.why && !process->image_count) add_image(b, p, process->start, more->blind.path);
        none(b, p, more->blind.why ? more->blind.why : made_unseen(b, p) ? FT_BLIND_RAW_CLONE : 0);
    } else if (pending || more->blind.why) {
        const struct event *e = more->exec == NONE ? NULL : EVENT_AT(b->t, more->exec);
        int64_t ns = e ? e->ns : more->blind.ns;
        add_image(b, p, ns, e ? build_string(b, FT_GET(exec, e->record).path) : more->blind.path);
        threads_end_all(b, p, process->main, ns, THREAD_EXEC);
        none(b, p, more->blind.why);
    } else if (left_unseen(b, p)) {
        none(b, p, FT_BLIND_RAW_EXEC);
    } else if (more->was_blind) {
        process->coverage = COVERAGE_NONE;
    }
}
