/*
 * chrome.c: the timeline as Chrome's trace events (JSON), which ui.perfetto.dev,
 * chrome://tracing and speedscope open: what tracks.c draws.
 */
#include <string.h>

#include "tracks.h"
#include "viewer/tui/values.h"

struct chrome {
    FILE *out;
    const struct timeline *t;
    const struct findings *findings;
    bool any;
};

static bool put(struct chrome *c, cJSON *event)
{
    char *text = cJSON_PrintUnformatted(event);
    cJSON_Delete(event);
    if (!text) return false;
    fprintf(c->out, "%s%s", c->any ? ",\n" : "\n", text);
    c->any = true;
    cJSON_free(text);
    return true;
}

/* Microseconds with three places, exact. */
static void json_us(cJSON *object, const char *key, int64_t ns)
{
    char text[32];
    if (ns < 0) ns = 0;
    snprintf(text, sizeof text, "%lld.%03d", (long long)(ns / 1000), (int)(ns % 1000));
    cJSON_AddRawToObject(object, key, text);
}

/*
 * Ids of the timeline, not of the kernel: pids are reused, and a tid is the pid's in the main thread only.
 * The names tell both. 0 would be the idle task.
 */
static cJSON *event(const char *phase, const char *name, process_id p, uint64_t tid)
{
    cJSON *e = cJSON_CreateObject();
    json_string(e, "ph", phase);
    json_string(e, "name", name);
    json_uint(e, "pid", (uint64_t)p + 1);
    json_uint(e, "tid", tid);
    return e;
}

/* Threads are numbered from 1 on, and their ghosts after them, as tracks are after the processes. */
static uint64_t tid_of(const struct chrome *c, enum track_kind kind, uint64_t track)
{
    return kind == TRACK_THREAD || kind == TRACK_GHOST ? track - c->t->process_count : 0;
}

static bool put_track(void *context, const struct track *track)
{
    struct chrome *c = context;
    char name[300];
    bool process = track->kind == TRACK_PROCESS, thread = track->kind == TRACK_THREAD;
    if (track->kind == TRACK_COPY || track->kind == TRACK_FINDINGS) return true;
    uint64_t tid = tid_of(c, track->kind, track->id);
    unsigned kernel = process  ? c->t->processes[track->process].pid
                      : thread ? c->t->threads[track->thread].tid
                               : 0;
    snprintf(name, sizeof name, process ? "%s (pid %u)" : thread ? "%s (tid %u)" : "%s", track->name, kernel);
    cJSON *e = event("M", process ? "process_name" : "thread_name", track->process, tid);
    json_string(cJSON_AddObjectToObject(e, "args"), "name", name);
    return put(c, e);
}

/* An arrow between two lanes: begins within the slice of the one, ends with the beginning of the other. */
static bool put_arrow(struct chrome *c, const struct mark *m, const char *phase, uint64_t id)
{
    if (!id) return true;
    cJSON *e = event(phase, m->arrow, m->process, tid_of(c, m->on, m->track));
    json_string(e, "cat", m->arrow);
    json_uint(e, "id", id);
    json_us(e, "ts", m->ns);
    if (*phase == 'f') json_string(e, "bp", "e");
    return put(c, e);
}

static bool put_value(struct chrome *c, const struct mark *m)
{
    char name[512];
    double number;
    int64_t integer;
    if (!value_number(m->value, &number)) return true;
    global_format(&c->t->globals[c->t->copies[m->copy].global], name, sizeof name);
    cJSON *e = event("C", name, m->process, 0);
    json_us(e, "ts", m->ns);
    cJSON *args = cJSON_AddObjectToObject(e, "args");
    if (value_integer(m->value, &integer))
        json_int(args, "value", integer);
    else
        cJSON_AddNumberToObject(args, "value", number);
    return put(c, e);
}

static bool put_mark(void *context, const struct mark *m)
{
    struct chrome *c = context;
    if (m->shape == MARK_VALUE) return put_value(c, m);
    bool slice = m->shape == MARK_SLICE, finding = m->about == ABOUT_FINDING;
    uint64_t tid = finding ? (m->thread == NONE ? 0 : (uint64_t)m->thread + 1) : tid_of(c, m->on, m->track);
    cJSON *e = event(slice ? "X" : "i", m->name, m->process, tid);
    json_string(e, "cat", m->category);
    json_us(e, "ts", m->ns);
    if (slice)
        json_us(e, "dur", m->end - m->ns);
    else
        json_string(e, "s", finding ? "p" : "t");
    if (finding)
        json_string(cJSON_AddObjectToObject(e, "args"), "why", c->findings->list[m->id]->explanation);
    return put(c, e) && put_arrow(c, m, "s", m->begins) && put_arrow(c, m, "f", m->ends);
}

bool export_chrome(FILE *out, const struct loaded *l)
{
    static const struct tracks_format format = {put_track, put_mark};
    struct chrome c = {out, l->timeline, findings_find(l->timeline), false};
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
    bool ok = c.findings && tracks_draw(c.t, c.findings, &format, &c);
    fputs("\n]}\n", out);
    findings_free((struct findings *)c.findings);
    return ok;
}
