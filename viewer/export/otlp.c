/*
 * otlp.c: the timeline as spans of OpenTelemetry, for the collector a team has
 * already. A trace is one run. A process is a resource and a span; its images,
 * threads and whatever lasts (waits) are spans in it; all else are events of the
 * span of the thread it happened on. Its parent is the span of who made it.
 *
 * It is written process by process. Of each thread at most as many events are
 * held as a span has, so that memory does not grow with the trace. The spans of
 * processes, images and threads: otlp_lives.c.
 */
#include <stdlib.h>
#include <string.h>

#include "otlp.h"
#include "tracks.h"
#include "viewer/text.h"
#include "viewer/tui/facts.h"
#include "viewer/tui/rows.h"

/* --- events --------------------------------------------------------------------------------------- */

static bool add(struct otlp *o, thread_id id, int64_t ns, const char *name, cJSON *attributes)
{
    struct carrier *c = o->carriers[id];
    cJSON *event = cJSON_CreateObject();
    otlp_put_time(event, "timeUnixNano", o->t, ns);
    json_string(event, "name", name);
    cJSON_AddItemToObject(event, "attributes", attributes);
    char *text = cJSON_PrintUnformatted(event);
    cJSON_Delete(event);
    if (!text) return false;
    if (!c->count) c->first = c->last = ns;
    if (ns < c->first) c->first = ns;
    if (ns > c->last) c->last = ns;
    c->events[c->count++] = text;
    return c->count < OTLP_EVENTS || otlp_flush(o, id);
}

static cJSON *attributes_of(const struct otlp *o, event_id i, const char *line)
{
    cJSON *attributes = cJSON_CreateArray(), *details = json_event_itself(o->t, i);
    cJSON_DeleteItemFromObject(details, "ns"); /* said by the event itself */
    cJSON_DeleteItemFromObject(details, "type");
    otlp_put_text(attributes, "message", line);
    otlp_put_all(attributes, details);
    otlp_put_stack(attributes, o->t, i);
    return attributes;
}

static bool write_event(struct otlp *o, event_id i)
{
    const struct event *e = EVENT_AT(o->t, i);
    char text[300], line[400];
    if (e->type == EVENT_THREAD_START || e->type == EVENT_THREAD_END) return true; /* the span says so */
    thread_id on = e->thread < o->t->thread_count ? e->thread : o->t->processes[e->process].main;
    if (!o->carriers[on]) on = o->t->processes[e->process].main; /* a damaged file's */
    fact_event_line(o->t, i, text, sizeof text);
    tracks_text(line, sizeof line, text);
    cJSON *attributes = attributes_of(o, i, line);
    int64_t lasted = timeline_duration(o->t, e);
    if (lasted <= 0) return add(o, on, e->ns, event_type_name(e->type), attributes);
    struct otlp_span span = {
        .id = otlp_id(OTLP_EVENT, i, 0), .parent = otlp_thread(o->t, on), .process = e->process};
    span.name = line, span.start = e->ns, span.end = e->ns + lasted, span.attributes = attributes;
    thread_id owner = tracks_waited_for(o->t, e);
    span.links = cJSON_CreateArray();
    if (owner != NONE) otlp_put_link(o, span.links, otlp_thread(o->t, owner), "waits-for");
    return otlp_write(&o->requests, &span);
}

static bool add_ghosts(struct otlp *o, process_id id)
{
    const struct process *p = &o->t->processes[id];
    bool ok = true;
    for (size_t g = 0; ok && g < p->ghost_count; g++) {
        const struct ghost *ghost = &p->ghosts[g];
        char name[280], own[16];
        cJSON *attributes = cJSON_CreateArray();
        snprintf(own, sizeof own, "t%u", ghost->thread);
        otlp_put_text(attributes, "thread.name", tracks_thread(o->t, ghost->thread, name, sizeof name));
        otlp_put_text(attributes, "forktrace.thread", own);
        if (ghost->fork != NONE) otlp_put_int(attributes, "forktrace.fork", ghost->fork);
        if (ghost->python != BELIEF_UNKNOWN)
            otlp_put(attributes, "forktrace.python_believes_alive",
                     cJSON_CreateBool(ghost->python == BELIEF_ALIVE));
        ok = add(o, p->main, p->start, "ghost", attributes);
    }
    return ok;
}

static bool add_copies(struct otlp *o, process_id id)
{
    bool ok = true;
    for (copy_id i = o->first_copy[id]; ok && i != NONE; i = o->next_copy[i]) {
        const struct copy *c = &o->t->copies[i];
        char name[512], value[512];
        cJSON *attributes = cJSON_CreateArray();
        global_format(&o->t->globals[c->global], name, sizeof name);
        otlp_put_text(attributes, "forktrace.global", name);
        if (c->at_birth.known) value_format(c->at_birth, value, sizeof value);
        otlp_put_text(attributes, "forktrace.value_at_birth", c->at_birth.known ? value : NULL);
        if (c->last.known) value_format(c->last, value, sizeof value);
        otlp_put_text(attributes, "forktrace.last_value", c->last.known ? value : NULL);
        otlp_put_int(attributes, "forktrace.writes", (int64_t)c->writes);
        otlp_put(attributes, "forktrace.diverged", cJSON_CreateBool(o->t->globals[c->global].diverged));
        ok = add(o, o->t->processes[id].main, c->sampled == NEVER ? c->born : c->sampled, "global",
                 attributes);
    }
    return ok;
}

static bool concerns(const struct finding *x, process_id id)
{
    bool found = !x->processes.count && !id;
    for (size_t i = 0; i < x->processes.count; i++) found |= x->processes.list[i] == id;
    return found;
}

static bool add_findings(struct otlp *o, process_id id)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < o->findings->count; i++) {
        const struct finding *x = o->findings->list[i];
        if (!concerns(x, id)) continue;
        cJSON *attributes = cJSON_CreateArray();
        otlp_put_text(attributes, "level", severity_name(x->severity));
        otlp_put_text(attributes, "message", x->title);
        otlp_put_all(attributes, json_finding(o->findings, i));
        ok = add(o, o->t->processes[id].main, x->ns, "finding", attributes);
    }
    return ok;
}

/* --- all of it ------------------------------------------------------------------------------------ */

static bool write_all_of(struct otlp *o, process_id id)
{
    const struct timeline *t = o->t;
    bool ok = true;
    for (thread_id i = timeline_next_thread(t, id, NONE); ok && i != NONE; i = timeline_next_thread(t, id, i))
        ok = (o->carriers[i] = calloc(1, sizeof **o->carriers));
    size_t count = 0;
    const event_id *events = ok ? timeline_events_of(t, id, &count) : NULL;
    ok = ok && add_findings(o, id) && add_ghosts(o, id) && add_copies(o, id) && otlp_images(o, id);
    for (size_t i = 0; ok && i < count; i++) ok = write_event(o, events[i]);
    for (thread_id i = timeline_next_thread(t, id, NONE); i != NONE; i = timeline_next_thread(t, id, i)) {
        ok = ok && otlp_flush(o, i);
        for (size_t k = 0; o->carriers[i] && k < o->carriers[i]->count; k++)
            cJSON_free(o->carriers[i]->events[k]);
        free(o->carriers[i]);
        o->carriers[i] = NULL;
    }
    return ok;
}

/* Findings come worst first: the first there is of somebody stays. */
static void find_errors(struct otlp *o)
{
    for (size_t i = o->findings->count; i-- > 0;) {
        const struct finding *x = o->findings->list[i];
        if (x->severity != SEVERITY_ERROR) continue;
        for (size_t k = 0; k < x->processes.count; k++) o->process_error[x->processes.list[k]] = x->title;
        for (size_t k = 0; k < x->threads.count; k++) o->thread_error[x->threads.list[k]] = x->title;
    }
}

/* Those worth a look, by process, in their order. */
static void sort_copies(struct otlp *o)
{
    for (process_id p = 0; p < o->t->process_count; p++) o->first_copy[p] = NONE;
    for (copy_id c = (copy_id)o->t->copy_count; c-- > 0;) {
        process_id p = o->t->copies[c].process;
        if (p >= o->t->process_count || !rows_notable(o->t, c)) continue;
        o->next_copy[c] = o->first_copy[p];
        o->first_copy[p] = c;
    }
}

bool export_otlp(FILE *out, const struct loaded *l)
{
    const struct timeline *t = l->timeline;
    struct otlp o = {.requests = {.out = out, .l = l, .process = NONE}, .t = t, .findings = findings_find(t)};
    o.carriers = calloc(t->thread_count + 1, sizeof *o.carriers);
    o.thread_error = calloc(t->thread_count + 1, sizeof *o.thread_error);
    o.process_error = calloc(t->process_count + 1, sizeof *o.process_error);
    o.first_copy = calloc(t->process_count + 1, sizeof *o.first_copy);
    o.next_copy = calloc(t->copy_count + 1, sizeof *o.next_copy);
    bool ok = o.findings && o.carriers && o.thread_error && o.process_error && o.first_copy && o.next_copy;
    if (ok) find_errors(&o), sort_copies(&o);
    for (process_id p = 0; ok && p < t->process_count; p++) ok = write_all_of(&o, p);
    otlp_end(&o.requests);
    free(o.carriers), free(o.thread_error), free(o.process_error), free(o.first_copy), free(o.next_copy);
    findings_free((struct findings *)o.findings);
    return ok;
}
