/*
 * chrome.c: the timeline as Chrome's trace events (JSON), which ui.perfetto.dev,
 * chrome://tracing and speedscope open: lanes as slices, waits within them,
 * forks, thread births and signals as flows, findings as instants.
 */
#include <string.h>

#include "json.h"
#include "viewer/text.h"
#include "viewer/tui/facts.h"

static bool put(FILE *out, cJSON *event, bool *first)
{
    char *text = cJSON_PrintUnformatted(event);
    cJSON_Delete(event);
    if (!text) return false;
    fprintf(out, "%s%s", *first ? "\n" : ",\n", text);
    *first = false;
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
static cJSON *event(const char *phase, const char *name, process_id p, thread_id t)
{
    cJSON *e = cJSON_CreateObject();
    json_string(e, "ph", phase);
    json_string(e, "name", name);
    json_uint(e, "pid", (uint64_t)p + 1);
    json_uint(e, "tid", t == NONE ? 0 : (uint64_t)t + 1);
    return e;
}

static cJSON *metadata(const char *what, const char *name, process_id p, thread_id t)
{
    cJSON *e = event("M", what, p, t);
    json_string(cJSON_AddObjectToObject(e, "args"), "name", name);
    return e;
}

static int64_t end_of(int64_t end, int64_t limit) { return end == NEVER || end > limit ? limit : end; }

static bool put_process(FILE *out, const struct timeline *t, process_id p, bool *first)
{
    const struct process *process = &t->processes[p];
    char name[200], end[TEXT_SHORT], short_name[140];
    const char *role = process_name(t, p);
    text_escape(short_name, sizeof short_name, role, strlen(role));
    snprintf(name, sizeof name, "%s (pid %u)", short_name, process->pid);
    bool ok = put(out, metadata("process_name", name, p, NONE), first);
    snprintf(name, sizeof name, "%s: %s", short_name,
             process->end == NEVER ? "running" : end_text(process, end, sizeof end));
    cJSON *slice = event("X", name, p, process->main);
    json_us(slice, "ts", process->start);
    json_us(slice, "dur", end_of(process->end, t->end) - process->start);
    return ok && put(out, slice, first);
}

static bool put_thread(FILE *out, const struct timeline *t, thread_id id, bool *first)
{
    const struct thread *th = &t->threads[id];
    char name[300], label[280], safe[200];
    const char *text = th->is_main ? "main" : thread_label(t, id, label, sizeof label);
    text_escape(safe, sizeof safe, text, strlen(text));
    snprintf(name, sizeof name, "%s (tid %u)", safe, th->tid);
    bool ok = put(out, metadata("thread_name", name, th->process, id), first);
    if (th->is_main) return ok; /* the slice of its process */
    int64_t limit = end_of(t->processes[th->process].end, t->end);
    cJSON *slice = event("X", safe, th->process, id);
    json_us(slice, "ts", th->start);
    json_us(slice, "dur", end_of(th->end, limit) - th->start);
    return ok && put(out, slice, first);
}

/* An arrow between two lanes: begins within the slice of the one, ends with the beginning of the other. */
static bool put_flow(FILE *out, const char *name, uint64_t id, process_id from, thread_id from_thread,
                     int64_t at, process_id to, thread_id to_thread, int64_t start, bool *first)
{
    cJSON *s = event("s", name, from, from_thread), *f = event("f", name, to, to_thread);
    json_string(s, "cat", name), json_string(f, "cat", name);
    json_uint(s, "id", id), json_uint(f, "id", id);
    json_us(s, "ts", at), json_us(f, "ts", start);
    json_string(f, "bp", "e");
    return put(out, s, first) && put(out, f, first);
}

static bool put_event(FILE *out, const struct timeline *t, event_id i, bool *first)
{
    const struct event *e = EVENT_AT(t, i);
    char line[300], safe[400];
    if (e->type == EVENT_THREAD_START || e->type == EVENT_THREAD_END) return true;
    fact_event_line(t, i, line, sizeof line);
    text_escape(safe, sizeof safe, line, strlen(line));
    bool lasts = e->type == EVENT_LOCK_WAIT && timeline_duration(t, e) > 0;
    cJSON *x = event(lasts ? "X" : "i", safe, e->process, e->thread);
    json_us(x, "ts", e->ns);
    if (lasts)
        json_us(x, "dur", timeline_duration(t, e));
    else
        json_string(x, "s", "t");
    json_string(x, "cat", event_type_name(e->type));
    bool ok = put(out, x, first);
    if (e->type == EVENT_FORK && e->child < t->process_count) {
        const struct process *child = &t->processes[e->child];
        ok &= put_flow(out, "fork", i + 1, e->process, e->thread, e->ns, e->child, child->main, child->start,
                       first);
    }
    if (e->type == EVENT_THREAD_CREATE && e->child < t->thread_count) {
        const struct thread *child = &t->threads[e->child];
        ok &= put_flow(out, "thread", i + 1, e->process, e->thread, e->ns, child->process, e->child,
                       child->start, first);
    }
    event_id taken = timeline_taken(t, e);
    if (taken != NONE) {
        const struct event *by = EVENT_AT(t, taken);
        ok &= put_flow(out, "signal", i + 1, e->process, e->thread, e->ns, by->process, by->thread, by->ns,
                       first);
    }
    return ok;
}

static bool put_finding(FILE *out, const struct finding *x, bool *first)
{
    process_id p = x->processes.count ? x->processes.list[0] : 0;
    cJSON *e = event("i", x->title, p, x->threads.count ? x->threads.list[0] : NONE);
    json_string(e, "cat", finding_rules[x->rule].name);
    json_string(e, "s", "p");
    json_us(e, "ts", x->ns);
    json_string(cJSON_AddObjectToObject(e, "args"), "why", x->explanation);
    return put(out, e, first);
}

bool export_chrome(FILE *out, const struct loaded *l)
{
    const struct timeline *t = l->timeline;
    bool ok = true, first = true;
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
    for (process_id p = 0; ok && p < t->process_count; p++) ok = put_process(out, t, p, &first);
    for (thread_id i = 0; ok && i < t->thread_count; i++) ok = put_thread(out, t, i, &first);
    for (event_id i = 0; ok && i < t->event_count; i++) ok = put_event(out, t, i, &first);
    struct findings *f = ok ? findings_find(t) : NULL;
    for (size_t i = 0; f && ok && i < f->count; i++) ok = put_finding(out, f->list[i], &first);
    fputs("\n]}\n", out);
    ok &= f != NULL;
    findings_free(f);
    return ok;
}
