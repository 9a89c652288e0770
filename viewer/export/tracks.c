/*
 * tracks.c: which tracks a timeline has, and the findings. What lasts as long as
 * its track: tracks_lives.c; events and values: tracks_events.c.
 */
#include <stdlib.h>
#include <string.h>

#include "tracks_walk.h"
#include "viewer/text.h"
#include "viewer/tui/facts.h"
#include "viewer/tui/rows.h"

/* --- who has which id --------------------------------------------------------------------------- */

static uint64_t process_track(process_id p) { return 1 + (uint64_t)p; }

static uint64_t thread_track(const struct walk *w, thread_id thread)
{
    return 1 + w->t->process_count + (uint64_t)thread;
}

static uint64_t ghost_track(const struct walk *w, process_id p, size_t ghost)
{
    return 1 + w->t->process_count + w->t->thread_count + w->ghosts[p] + ghost;
}

static uint64_t copy_track(const struct walk *w, copy_id copy)
{
    return ghost_track(w, (process_id)w->t->process_count, 0) + copy;
}

static uint64_t findings_track(const struct walk *w) { return copy_track(w, (copy_id)w->t->copy_count); }

void walk_place(const struct walk *w, struct mark *m, process_id p, thread_id thread)
{
    bool known = thread < w->t->thread_count;
    m->on = known ? TRACK_THREAD : TRACK_PROCESS;
    m->process = known ? w->t->threads[thread].process : p;
    m->thread = known ? thread : NONE;
    m->track = known ? thread_track(w, thread) : process_track(p);
}

void walk_place_ghost(const struct walk *w, struct mark *m, process_id p, size_t ghost)
{
    m->on = TRACK_GHOST;
    m->process = p;
    m->thread = w->t->processes[p].ghosts[ghost].thread;
    m->track = ghost_track(w, p, ghost);
}

void walk_place_copy(const struct walk *w, struct mark *m, copy_id copy)
{
    m->on = TRACK_COPY;
    m->process = w->t->copies[copy].process;
    m->thread = NONE;
    m->copy = copy;
    m->track = copy_track(w, copy);
}

const char *tracks_text(char *buffer, size_t size, const char *text)
{
    text_escape(buffer, size, text, strlen(text));
    return buffer;
}

/* --- tracks --------------------------------------------------------------------------------------- */

const char *tracks_thread(const struct timeline *t, thread_id thread, char *buffer, size_t size)
{
    char label[280];
    const char *text = thread < t->thread_count && t->threads[thread].is_main
                           ? "main"
                           : thread_label(t, thread, label, sizeof label);
    return tracks_text(buffer, size, text);
}

static bool tracks_of_process(const struct walk *w, process_id p)
{
    const struct timeline *t = w->t;
    char name[200], ghost[240];
    struct track track = {TRACK_PROCESS, process_track(p), p, NONE, NONE, false, name};
    tracks_text(name, sizeof name, process_name(t, p));
    bool ok = w->format->track(w->context, &track);
    track.kind = TRACK_THREAD;
    for (thread_id i = timeline_next_thread(t, p, NONE); ok && i != NONE; i = timeline_next_thread(t, p, i)) {
        track.id = thread_track(w, track.thread = i);
        tracks_thread(w->t, i, name, sizeof name);
        ok = w->format->track(w->context, &track);
    }
    track.kind = TRACK_GHOST;
    track.name = ghost;
    for (size_t g = 0; ok && g < t->processes[p].ghost_count; g++) {
        track.id = ghost_track(w, p, g);
        track.thread = t->processes[p].ghosts[g].thread;
        snprintf(ghost, sizeof ghost, "† %s", tracks_thread(w->t, track.thread, name, sizeof name));
        ok = w->format->track(w->context, &track);
    }
    return ok;
}

bool walk_shows(const struct walk *w, copy_id copy)
{
    return w->t->copies[copy].process < w->t->process_count && rows_notable(w->t, copy);
}

static bool track_of_copy(const struct walk *w, copy_id id)
{
    const struct copy *c = &w->t->copies[id];
    char name[512], safe[400];
    global_format(&w->t->globals[c->global], name, sizeof name);
    tracks_text(safe, sizeof safe, name);
    bool counts = walk_counts(w, id);
    struct track track = {TRACK_COPY, copy_track(w, id), c->process, NONE, id, counts, safe};
    return w->format->track(w->context, &track);
}

static bool draw_tracks(const struct walk *w)
{
    bool ok = true;
    for (process_id p = 0; ok && p < w->t->process_count; p++) ok = tracks_of_process(w, p);
    for (copy_id c = 0; ok && c < w->t->copy_count; c++) ok = !walk_shows(w, c) || track_of_copy(w, c);
    struct track track = {TRACK_FINDINGS, findings_track(w), NONE, NONE, NONE, false, "forktrace: findings"};
    return ok && w->format->track(w->context, &track);
}

/* --- findings ------------------------------------------------------------------------------------- */

static bool draw_findings(const struct walk *w, const struct findings *f)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < f->count; i++) {
        const struct finding *x = f->list[i];
        struct mark m = {
            .shape = MARK_INSTANT, .name = x->title, .ns = x->ns, .about = ABOUT_FINDING, .id = i};
        m.category = finding_rules[x->rule].name;
        m.process = x->processes.count ? x->processes.list[0] : 0;
        m.thread = x->threads.count ? x->threads.list[0] : NONE;
        m.on = TRACK_FINDINGS;
        m.track = findings_track(w);
        ok = w->format->mark(w->context, &m);
    }
    return ok;
}

bool tracks_draw(const struct timeline *t, const struct findings *f, const struct tracks_format *format,
                 void *context)
{
    struct walk w = {.t = t, .format = format, .context = context};
    w.ghosts = calloc(t->process_count + 1, sizeof *w.ghosts);
    w.open = calloc(t->thread_count + 1, sizeof *w.open);
    bool ok = w.ghosts && w.open;
    for (process_id p = 0; ok && p < t->process_count; p++)
        w.ghosts[p + 1] = w.ghosts[p] + t->processes[p].ghost_count;
    ok = ok && draw_tracks(&w) && walk_unborn(&w) && walk_copies(&w) && walk_events(&w);
    ok = ok && draw_findings(&w, f);
    map_free(&w.taken);
    free(w.ghosts);
    free(w.open);
    return ok;
}

/* --- what is known of a mark ---------------------------------------------------------------------- */

static cJSON *image_details(const struct timeline *t, const struct mark *m)
{
    cJSON *process = json_process(t, m->process);
    cJSON *image = cJSON_DetachItemFromArray(cJSON_GetObjectItem(process, "images"), (int)m->id);
    cJSON_Delete(process);
    return image;
}

cJSON *tracks_details(const struct timeline *t, const struct findings *f, const struct mark *m)
{
    switch (m->about) {
    case ABOUT_PROCESS: return json_process(t, m->id);
    case ABOUT_THREAD: return json_thread_itself(t, m->id);
    case ABOUT_IMAGE: return image_details(t, m);
    case ABOUT_EVENT: return json_event_itself(t, m->id);
    case ABOUT_FINDING: return json_finding(f, m->id);
    default: return NULL;
    }
}

event_id tracks_origin(const struct timeline *t, const struct mark *m)
{
    event_id e = m->about == ABOUT_THREAD    ? t->threads[m->id].create
                 : m->about == ABOUT_EVENT   ? m->id
                 : m->about == ABOUT_PROCESS ? t->processes[m->id].fork
                                             : NONE;
    return e < t->event_count ? e : NONE;
}
