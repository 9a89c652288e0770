/*
 * report_events.c: long waits, signals sent, addresses bound, and what the
 * trace itself does not know.
 */
#include <inttypes.h>
#include <string.h>

#include "names.h"
#include "report.h"
#include "text.h"
#include "trace/settings.h"
#include "tree.h"

#define AWAITED 4 /* threads named in one line */

static void lead(FILE *out, const struct timeline *t, const struct event *e)
{
    char time[TEXT_SHORT], name[128];
    fprintf(out, "  %12s  %s: ", text_time(time, e->ns), tree_process(name, sizeof name, t, e->process));
}

/* --- waits ------------------------------------------------------------------------------------ */

static void lock_name(char *buffer, size_t size, const struct timeline *t, const struct event *e,
                      uint64_t address)
{
    struct named n = names_at(t, e->process, e->ns, address);
    if (n.symbol)
        names_text(buffer, size, &n);
    else
        snprintf(buffer, size, "at 0x%" PRIx64, address);
}

static void owner(FILE *out, const struct timeline *t, const struct event *e, uint32_t tid)
{
    char name[NAMES_TEXT];
    if (!tid) return;
    if (e->child == NONE)
        fprintf(out, ", held by tid %u, which nobody knows", tid);
    else if (timeline_owner_alive(t, e))
        fprintf(out, ", held by t%u (%s)", e->child, tree_thread(name, sizeof name, t, e->child));
    else if (t->threads[e->child].process == e->process)
        fprintf(out, ", held by t%u (%s), which has ended", e->child,
                tree_thread(name, sizeof name, t, e->child));
    else
        fprintf(out, ", held by %st%u (%s) of p%u, which does not exist here%s", text_ink(INK_BAD), e->child,
                tree_thread(name, sizeof name, t, e->child), t->threads[e->child].process,
                text_ink(INK_PLAIN));
}

/* "ticker (t1), started at ticker.py:18 in uwsgi master (p0)" */
static void thread_with_start(FILE *out, const struct timeline *t, thread_id id)
{
    char name[NAMES_TEXT], started[NAMES_TEXT];
    fprintf(out, "%s (t%u)%s", tree_thread(name, sizeof name, t, id), id,
            tree_started(started, sizeof started, t, id));
}

/* Python waits for a thread to end: for one we can name, or for one of several. */
static void awaited(FILE *out, const struct timeline *t, const struct event *e)
{
    thread_id first = timeline_awaited(t, e, NONE);
    if (first == NONE) return;
    bool several = timeline_awaited(t, e, first) != NONE;
    bool ghost = t->threads[first].process != e->process;
    size_t count = 0;
    fprintf(out, "\n%16s%s", "", several ? "for one of these threads to end: " : "for a thread to end: ");
    for (thread_id id = first; id != NONE; id = timeline_awaited(t, e, id)) {
        if (count++ == AWAITED) {
            fputs(", ...", out);
            break;
        }
        fputs(count > 1 ? ", " : "", out);
        thread_with_start(out, t, id);
    }
    if (ghost)
        fprintf(out, ": %slost at the fork, it does not exist here%s", text_ink(INK_BAD),
                text_ink(INK_PLAIN));
}

/* CPython's own waits for the GIL are made again when their time is over. */
static bool has_limit(const struct event *e, const struct named *lock)
{
    return timeline_timed(e) == FT_TIMED && !names_python_lock(lock);
}

/*
 * The process has no other thread. What lies in an ELF object's memory is the process's own, so nobody else
 * can reach it either.
 */
static void nobody(FILE *out, const struct timeline *t, const struct event *e, const struct named *lock)
{
    const struct process *p = &t->processes[e->process];
    if (!(e->flags & EVENT_UNFINISHED) || !timeline_alone(t, e) || !lock->path) return;
    fprintf(out, "\n%16s%snobody in this process can end it%s: it has no other thread%s", "",
            text_ink(INK_BAD), has_limit(e, lock) ? " before its time limit" : "", text_ink(INK_PLAIN));
    for (size_t i = 0; i < p->ghost_count && i < AWAITED && tree_ghosts_matter(p); i++) {
        fputs(i ? ", " : "; lost at its fork: ", out);
        thread_with_start(out, t, p->ghosts[i].thread);
    }
}

static void lasted(FILE *out, const struct timeline *t, const struct event *e)
{
    char duration[TEXT_SHORT];
    bool unfinished = e->flags & EVENT_UNFINISHED;
    if (unfinished && t->processes[e->process].how == END_VANISHED)
        fputs("waited from then on, till an end nobody recorded,", out);
    else
        fprintf(out, "waited %s%s", text_duration(duration, timeline_duration(t, e)),
                unfinished ? ", to the end," : "");
}

static void wait_line(FILE *out, const struct timeline *t, const struct event *e)
{
    uint64_t address = 0;
    uint32_t kind, tid;
    char where[NAMES_TEXT], caller[NAMES_TEXT], thread[NAMES_TEXT];
    if (e->record->type == FT_WAIT_SLOT) {
        struct ft_wait_slot r = FT_GET(wait_slot, e->record);
        address = r.address, kind = r.kind, tid = r.owner_tid;
    } else {
        struct ft_wait r = FT_GET(wait, e->record);
        address = r.address, kind = r.kind, tid = r.owner_tid;
    }
    lead(out, t, e);
    struct named lock = kind == FT_WAIT_child ? (struct named){0} : names_at(t, e->process, e->ns, address);
    const char *meaning = names_python_lock(&lock);
    fprintf(out, "t%u (%s) ", e->thread, tree_thread(thread, sizeof thread, t, e->thread));
    lasted(out, t, e);
    if (has_limit(e, &lock)) fputs(" with a time limit", out);
    if (meaning) fprintf(out, " %s:", meaning);
    fprintf(out, " %s%s", meaning ? "" : "for ", text_wait_kind(kind));
    if (kind != FT_WAIT_child) {
        lock_name(where, sizeof where, t, e, address);
        fprintf(out, " %s", where);
    }
    owner(out, t, e, tid);
    if (*names_caller(caller, sizeof caller, t, e))
        fprintf(out, "\n%16s%sfrom %s%s", "", text_ink(INK_DIM), caller, text_ink(INK_PLAIN));
    awaited(out, t, e);
    nobody(out, t, e, &lock);
    fputc('\n', out);
}

/* --- signals sent ------------------------------------------------------------------------------- */

static void kill_line(FILE *out, const struct timeline *t, const struct event *e)
{
    struct ft_kill r = FT_GET(kill, e->record);
    char signal[TEXT_SHORT], error[TEXT_SHORT], name[NAMES_TEXT];
    lead(out, t, e);
    fprintf(out, "%s %s to ", text_kill_api(r.api), text_signal(signal, r.signal));
    if (e->child == NONE)
        fprintf(out, "%" PRId64, r.target);
    else if (timeline_kill_thread(e))
        fprintf(out, "t%u (%s)", e->child, tree_thread(name, sizeof name, t, e->child));
    else
        fprintf(out, "%s", tree_process(name, sizeof name, t, e->child));
    if (r.error) fprintf(out, ": %s", text_error(error, r.error));
    fputc('\n', out);
}

/* --- signals taken ------------------------------------------------------------------------------ */

/* The kernel alone knows. */
static void taken_line(FILE *out, const struct timeline *t, const struct event *e)
{
    char signal[TEXT_SHORT], from[NAMES_TEXT], name[NAMES_TEXT];
    const struct process *p = &t->processes[e->process];
    lead(out, t, e);
    fprintf(out, "%s taken by t%u (%s)", text_signal(signal, timeline_sender(t, e).signal), e->thread,
            tree_thread(name, sizeof name, t, e->thread));
    if (*tree_sender(from, sizeof from, t, e->id)) fprintf(out, ", from %s", from);
    if (*names_taken_by(name, sizeof name, t, e)) fprintf(out, ", handler %s", name);
    if (p->killed_by == e->id)
        fprintf(out, ": %sit ended the process%s", text_ink(INK_BAD), text_ink(INK_PLAIN));
    if (p->killed_by == e->id && p->out_of_memory) fputs(", out of memory", out);
    fputc('\n', out);
}

/* --- addresses bound ---------------------------------------------------------------------------- */

static void bind_line(FILE *out, const struct timeline *t, const struct event *e)
{
    struct ft_bind r = FT_GET(bind, e->record);
    char address[160], error[TEXT_SHORT];
    size_t length;
    int port;
    const void *bytes = ft_tail(e->record, sizeof r, &length);
    text_sockaddr(bytes, length, address, sizeof address, &port);
    lead(out, t, e);
    fprintf(out, port >= 0 && strchr(address, ':') ? "[%s]" : "%s", *address ? address : "(unnamed)");
    if (port >= 0) fprintf(out, ":%d", port);
    fprintf(out, " (fd %d)", r.fd);
    if (r.error) fprintf(out, ": %s%s%s", text_ink(INK_BAD), text_error(error, r.error), text_ink(INK_PLAIN));
    event_id before = timeline_bound_before(t, e);
    if (before != NONE) {
        const struct event *b = EVENT_AT(t, before);
        char name[NAMES_TEXT], time[TEXT_SHORT];
        fprintf(out, ", %s had bound it at %s", tree_process(name, sizeof name, t, b->process),
                text_time(time, b->ns));
        if (*names_caller(name, sizeof name, t, b)) fprintf(out, " in %s", name);
    }
    char caller[NAMES_TEXT];
    if (*names_caller(caller, sizeof caller, t, e))
        fprintf(out, "\n%16s%sfrom %s%s", "", text_ink(INK_DIM), caller, text_ink(INK_PLAIN));
    fputc('\n', out);
}

static void run_line(FILE *out, const struct timeline *t, const struct event *e)
{
    char name[NAMES_TEXT], where[NAMES_TEXT], duration[TEXT_SHORT];
    struct python_function ran = timeline_greenlet_ran(t, e);
    lead(out, t, e);
    if (e->child != NONE)
        fprintf(out, "t%u (%s)", e->child, tree_thread(name, sizeof name, t, e->child));
    else
        fputs(ran.name ? names_python(name, sizeof name, &ran) : "the thread itself", out);
    fprintf(out, " ran for %s", text_duration(duration, timeline_duration(t, e)));
    if (e->flags & EVENT_UNFINISHED) fputs(", to the end", out);
    if (*names_caller(where, sizeof where, t, e)) fprintf(out, ", gave way in %s", where);
    fputc('\n', out);
}

static void section(FILE *out, const struct timeline *t, enum event_type type, const char *heading,
                    void (*line)(FILE *, const struct timeline *, const struct event *))
{
    size_t count = 0, all;
    const event_id *events = timeline_events_of_type(t, type, &all);
    for (size_t i = 0; i < all; i++) {
        const struct event *e = EVENT_AT(t, events[i]);
        if (!e->record) continue;
        if (!count++) report_heading(out, heading);
        if (count <= REPORT_MANY) line(out, t, e);
    }
    if (count > REPORT_MANY) fprintf(out, "  ... and %zu more\n", count - REPORT_MANY);
}

void report_waits(FILE *out, const struct timeline *t)
{
    section(out, t, EVENT_LOCK_WAIT, "Long waits", wait_line);
    section(out, t, EVENT_GREENLET_RUN, "Greenlets that kept their thread", run_line);
}
void report_kills(FILE *out, const struct timeline *t)
{
    section(out, t, EVENT_KILL, "Signals sent", kill_line);
    section(out, t, EVENT_SIGNAL, "Signals taken", taken_line);
}
void report_binds(FILE *out, const struct timeline *t)
{
    section(out, t, EVENT_BIND, "Addresses bound", bind_line);
}

/* --- what the trace does not know ----------------------------------------------------------------- */

static void note_line(FILE *out, const struct timeline *t, const struct event *e)
{
    struct ft_note r = FT_GET(note, e->record);
    size_t length;
    bool cut;
    char text[512];
    lead(out, t, e);
    fputs(ft_note_text(r.what), out);
    if (r.text) {
        const char *bytes = ft_reader_string(t->reader, r.text, &length, &cut);
        text_escape(text, sizeof text, bytes, length);
        fprintf(out, ": %s", text);
    }
    fputc('\n', out);
}

static void threshold(FILE *out, const struct timeline *t)
{
    uint32_t ms = t->reader->header->wait_threshold;
    char text[TEXT_SHORT];
    if (ms <= ft_wait_ms(NULL)) return;
    fprintf(out, "\nWaits that took less than %s were not recorded, as FORKTRACE_WAIT_MS asks.\n",
            text_duration(text, (int64_t)ms * 1000000));
}

static void loss(FILE *out, uint64_t n, const char *text)
{
    if (n) fprintf(out, "  %s%" PRIu64 " %s%s\n", text_ink(INK_BAD), n, text, text_ink(INK_PLAIN));
}

void report_coverage(FILE *out, const struct loaded *l)
{
    const struct timeline *t = l->timeline;
    char text[256];
    size_t uncovered = 0, lost_births = 0, found = 0;
    section(out, t, EVENT_NOTE, "Notes", note_line);
    threshold(out, t);
    if (t->complete) return;
    report_heading(out, "Coverage");
    for (unsigned reason = 0; reason < FT_LOST_COUNT; reason++) {
        snprintf(text, sizeof text, "records lost: %s", ft_lost_text((enum ft_lost)reason));
        loss(out, ft_reader_lost(t->reader, (enum ft_lost)reason), text);
    }
    for (size_t i = 0; i < t->process_count; i++) {
        uncovered += t->processes[i].coverage != COVERAGE_FULL;
        lost_births += t->processes[i].birth_lost && !t->processes[i].found;
        found += t->processes[i].found;
    }
    loss(out, t->reader->missing, "bytes are missing at the end of the file");
    loss(out, t->reader->torn, "records were being written when their process was killed");
    loss(out, uncovered, "processes were not (fully) seen");
    loss(out, lost_births, "processes whose birth was overwritten");
    loss(out, found, "processes ran already when forktrace-ebpf began to look");
    if (t->kernel_view == KERNEL_VIEW_OPEN)
        fputs("  forktrace-ebpf did not look to the end: it was killed, or still does\n", out);
    loss(out, timeline_left_out(t), "ghosts left out: the file names absurdly many");
}
