/* otlp_lives.c: the spans of processes, images and threads, and what links them. */
#include <stdlib.h>
#include <string.h>

#include "otlp.h"
#include "tracks.h"
#include "viewer/tui/facts.h"

/* --- links ---------------------------------------------------------------------------------------- */

void otlp_put_link(const struct otlp *o, cJSON *links, uint64_t span, const char *what)
{
    if (!span) return;
    cJSON *link = cJSON_CreateObject();
    otlp_put_trace_id(link, o->requests.l);
    otlp_put_span_id(link, "spanId", span);
    otlp_put_text(cJSON_AddArrayToObject(link, "attributes"), "forktrace.link", what);
    cJSON_AddItemToArray(links, link);
}

static uint64_t creator(const struct otlp *o, process_id id)
{
    const struct process *p = &o->t->processes[id];
    if (p->created_by != NONE) return otlp_thread(o->t, p->created_by);
    return p->parent == NONE ? 0 : otlp_id(OTLP_PROCESS, p->parent, 0);
}

/* --- lives ---------------------------------------------------------------------------------------- */

static bool write_process(struct otlp *o, process_id id, const struct carrier *c)
{
    const struct timeline *t = o->t;
    const struct process *p = &t->processes[id];
    char name[200];
    cJSON *attributes = cJSON_CreateArray(), *links = cJSON_CreateArray(), *details = json_process(t, id);
    tracks_text(name, sizeof name, process_name(t, id));
    cJSON_DeleteItemFromObject(details, "images"); /* spans of their own */
    cJSON_DeleteItemFromObject(details, "ghosts"); /* events */
    if (p->main < t->thread_count && t->threads[p->main].tid)
        otlp_put_int(attributes, "thread.id", t->threads[p->main].tid);
    otlp_put_all(attributes, details);
    if (p->fork < t->event_count) otlp_put_stack(attributes, t, p->fork);
    otlp_put_link(o, links, creator(o, id), origin_name(p->origin));
    for (size_t g = 0; g < p->ghost_count; g++)
        otlp_put_link(o, links, otlp_thread(t, p->ghosts[g].thread), "lost-at-fork");
    int64_t end = p->end == NEVER ? t->end : p->end;
    struct otlp_span span = {.id = otlp_id(OTLP_PROCESS, id, 0), .parent = creator(o, id), .process = id};
    span.name = name, span.start = p->start, span.end = end;
    span.attributes = attributes, span.links = links;
    span.events = (char **)c->events, span.count = c->count,
    span.error = o->process_error[id] ? o->process_error[id] : o->thread_error[p->main];
    return otlp_write(&o->requests, &span);
}

bool otlp_images(struct otlp *o, process_id id)
{
    const struct process *p = &o->t->processes[id];
    int64_t end = p->end == NEVER ? o->t->end : p->end;
    bool ok = true;
    for (size_t i = 0; ok && i < p->image_count; i++) {
        char name[200];
        cJSON *attributes = cJSON_CreateArray();
        otlp_put_image(attributes, &p->images[i]);
        struct otlp_span span = {
            .id = otlp_id(OTLP_IMAGE, id, (uint32_t)i), .process = id, .attributes = attributes};
        span.parent = otlp_id(OTLP_PROCESS, id, 0);
        span.name = tracks_image(&p->images[i], name, sizeof name);
        span.start = i ? p->images[i].start : p->start;
        span.end = i + 1 < p->image_count ? p->images[i + 1].start : end;
        ok = otlp_write(&o->requests, &span);
    }
    return ok;
}

static bool write_thread(struct otlp *o, thread_id id, const struct carrier *c)
{
    const struct timeline *t = o->t;
    const struct thread *th = &t->threads[id];
    char name[280];
    cJSON *attributes = cJSON_CreateArray();
    tracks_thread(t, id, name, sizeof name);
    if (th->tid) otlp_put_int(attributes, "thread.id", th->tid);
    otlp_put_text(attributes, "thread.name", name);
    otlp_put_all(attributes, json_thread_itself(t, id));
    if (th->create < t->event_count) otlp_put_stack(attributes, t, th->create);
    uint64_t by = th->created_by == NONE ? 0 : otlp_thread(t, th->created_by);
    struct otlp_span span = {.id = otlp_id(OTLP_THREAD, id, 0), .process = th->process, .name = name};
    span.parent = by ? by : otlp_id(OTLP_PROCESS, th->process, 0);
    span.start = th->start, span.end = tracks_end(t, id), span.attributes = attributes;
    span.events = (char **)c->events, span.count = c->count, span.error = o->thread_error[id];
    return otlp_write(&o->requests, &span);
}

/* More events of a thread whose span is full. */
static bool write_more(struct otlp *o, thread_id id, const struct carrier *c)
{
    const struct thread *th = &o->t->threads[id];
    char name[280], text[320];
    snprintf(text, sizeof text, "%s: more events", tracks_thread(o->t, id, name, sizeof name));
    struct otlp_span span = {
        .id = otlp_id(OTLP_MORE, id, c->spans), .parent = otlp_thread(o->t, id), .name = text};
    span.process = th->process, span.start = c->first, span.end = c->last;
    span.events = (char **)c->events, span.count = c->count;
    return otlp_write(&o->requests, &span);
}

/* What was collected is written, and forgotten. */
bool otlp_flush(struct otlp *o, thread_id id)
{
    struct carrier *c = o->carriers[id];
    const struct thread *th = &o->t->threads[id];
    bool ok = c->spans      ? !c->count || write_more(o, id, c)
              : th->is_main ? write_process(o, th->process, c)
                            : write_thread(o, id, c);
    for (size_t i = 0; i < c->count; i++) cJSON_free(c->events[i]);
    c->count = 0;
    c->spans++;
    return ok;
}
