/* tracks_lives.c: what lasts as long as its track: lives of processes and threads, images, ghosts. */
#include <string.h>

#include "tracks_walk.h"
#include "viewer/text.h"
#include "viewer/tui/facts.h"

int64_t tracks_end(const struct timeline *t, thread_id thread)
{
    const struct thread *th = &t->threads[thread];
    int64_t end = t->processes[th->process].end, limit = end == NEVER ? t->end : end;
    int64_t own = th->is_main || th->end == NEVER || th->end > limit ? limit : th->end;
    return own > th->start ? own : th->start;
}

/* From when to when an image ran, within the life of its process. */
static int64_t image_start(const struct process *p, size_t i) { return i ? p->images[i].start : p->start; }

int64_t walk_limit(const struct walk *w, thread_id thread, int64_t ns)
{
    const struct thread *th = &w->t->threads[thread];
    const struct process *p = &w->t->processes[th->process];
    int64_t end = tracks_end(w->t, thread);
    for (size_t i = 1; th->is_main && i < p->image_count; i++)
        if (p->images[i].start > ns) return p->images[i].start < end ? p->images[i].start : end;
    return end;
}

const char *tracks_image(const struct image *image, char *buffer, size_t size)
{
    const char *exe = image->exe ? image->exe : "?", *slash = strrchr(exe, '/');
    return tracks_text(buffer, size, slash && slash[1] ? slash + 1 : exe);
}

static bool draw_images(const struct walk *w, process_id id)
{
    const struct process *p = &w->t->processes[id];
    int64_t end = tracks_end(w->t, p->main), from = p->start;
    bool ok = true;
    for (size_t i = 0; ok && i < p->image_count; i++) {
        char name[200];
        int64_t until = i + 1 < p->image_count ? image_start(p, i + 1) : end;
        struct mark m = {.shape = MARK_SLICE, .category = "image", .about = ABOUT_IMAGE, .id = (uint32_t)i};
        walk_place(w, &m, id, p->main);
        m.name = tracks_image(&p->images[i], name, sizeof name);
        m.ns = from;
        m.end = from = until < from ? from : until > end ? end : until;
        ok = w->format->mark(w->context, &m);
    }
    return ok;
}

/* A ghost is one until the process executes something else. */
static bool draw_ghosts(const struct walk *w, process_id id)
{
    const struct process *p = &w->t->processes[id];
    int64_t end = p->end == NEVER ? w->t->end : p->end;
    bool ok = true;
    if (p->image_count > 1 && p->images[1].start < end) end = p->images[1].start;
    for (size_t g = 0; ok && g < p->ghost_count; g++) {
        char name[200], text[300];
        bool believed = p->ghosts[g].python == BELIEF_ALIVE;
        struct mark m = {.shape = MARK_SLICE, .category = "ghost", .name = text, .ns = p->start};
        tracks_thread(w->t, p->ghosts[g].thread, name, sizeof name);
        snprintf(text, sizeof text, "† %s does not exist here: lost at the fork%s", name,
                 believed ? ", and Python believes that it is alive" : "");
        m.end = end > p->start ? end : p->start;
        walk_place_ghost(w, &m, id, g);
        ok = w->format->mark(w->context, &m);
    }
    return ok;
}

bool walk_life_of_process(const struct walk *w, process_id id, uint64_t arrow)
{
    const struct process *p = &w->t->processes[id];
    char name[300], end[TEXT_SHORT], role[200];
    if (p->main >= w->t->thread_count) return true;
    struct mark m = {
        .shape = MARK_SLICE, .category = "process", .name = name, .ends = arrow, .arrow = "fork", .id = id};
    walk_place(w, &m, id, p->main);
    m.about = ABOUT_PROCESS;
    m.ns = p->start;
    m.end = tracks_end(w->t, p->main);
    if (m.end < m.ns) m.end = m.ns;
    snprintf(name, sizeof name, "%s: %s", tracks_text(role, sizeof role, process_name(w->t, id)),
             p->end == NEVER ? "running" : end_text(p, end, sizeof end));
    return w->format->mark(w->context, &m) && draw_images(w, id) && draw_ghosts(w, id);
}

bool walk_life_of_thread(const struct walk *w, thread_id id, uint64_t arrow)
{
    const struct thread *th = &w->t->threads[id];
    char name[200];
    if (th->is_main) return true; /* the life of its process */
    struct mark m = {.shape = MARK_SLICE, .category = "thread", .ends = arrow, .arrow = "thread", .id = id};
    walk_place(w, &m, th->process, id);
    m.about = ABOUT_THREAD;
    m.name = tracks_thread(w->t, id, name, sizeof name);
    m.ns = th->start;
    m.end = tracks_end(w->t, id);
    return w->format->mark(w->context, &m);
}

/* Those that no event made; the others follow their event, so that an arrow to them is written from its
 * beginning. */
bool walk_unborn(const struct walk *w)
{
    bool ok = true;
    for (process_id p = 0; ok && p < w->t->process_count; p++)
        ok = walk_fork_of(w, p) != NONE || walk_life_of_process(w, p, 0);
    for (thread_id i = 0; ok && i < w->t->thread_count; i++)
        ok = walk_create_of(w, i) != NONE || walk_life_of_thread(w, i, 0);
    return ok;
}
