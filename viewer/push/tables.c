/*
 * tables.c: the tables and their columns. What a user's queries are written against:
 * it is changed by adding.
 */
#include <string.h>

#include "tables.h"
#include "viewer/command.h"

/* clang-format off */
#define C(name, type)        {#name, #type, #name}
#define AT(name, type, path) {#name, #type, path}

const struct column push_common[] = {
    C(run_id, String), C(pushed, UInt64), C(started, DateTime), C(host, String), C(build, String),
    C(program, String), {NULL, NULL, NULL}};

static const struct column runs[] = {
    C(file, String), C(forktrace, String),
    C(exe, Nullable(String)), C(argv, Array(String)),
    AT(kernel, String, "host.kernel"), AT(arch, String, "host.arch"), AT(boot_id, String, "host.boot_id"),
    AT(clock, String, "clock.source"), AT(realtime_offset_ns, Int64, "clock.realtime_offset_ns"),
    C(wait_threshold_ms, UInt32),
    C(duration_ns, Int64), C(sources, Array(String)), C(complete, UInt8),
    AT(lost, UInt64, "lost.records"), AT(lost_reasons, String, "lost.reasons"), AT(torn, UInt64, "lost.torn"),
    C(running, UInt64), C(processes, UInt64), C(threads, UInt64), C(events, UInt64), C(globals, UInt64), C(copies, UInt64),
    C(findings, UInt64), {NULL, NULL, NULL}};

static const struct column processes[] = {
    C(id, String), C(pid, Nullable(UInt32)), C(ppid, Nullable(UInt32)), C(parent, Nullable(String)),
    C(created_by, Nullable(String)), C(origin, String), C(role, Nullable(String)),
    AT(exe, Nullable(String), "images.-1.exe"), AT(argv, Array(String), "images.-1.argv"),
    C(start_ns, Int64), C(end_ns, Nullable(Int64)), AT(ended, String, "end.how"),
    AT(status, Nullable(Int32), "end.status"), AT(signal, Nullable(String), "end.signal"),
    AT(end_inferred, UInt8, "end.inferred"), AT(killed_by, Nullable(UInt64), "end.killed_by"),
    AT(out_of_memory, UInt8, "end.out_of_memory"), C(reaped_by, Nullable(String)),
    C(images, String), C(ghosts, String), C(signals, String), C(mask_at_birth, Array(String)),
    C(coverage, String), C(coverage_reason, Nullable(String)), {NULL, NULL, NULL}};

static const struct column threads[] = {
    C(id, String), C(process, String), C(tid, Nullable(UInt32)), C(name, Nullable(String)),
    C(python_name, Nullable(String)), C(kind, String), C(type, Nullable(String)), C(hub, UInt8),
    C(runs_on, Nullable(String)), C(copy_of, Nullable(String)), C(created_by, Nullable(String)),
    C(created_at, String),
    AT(start_symbol, Nullable(String), "start_routine.symbol"), AT(start_object, Nullable(String), "start_routine.object"),
    AT(start_offset, Nullable(UInt64), "start_routine.offset"), AT(start_python, Nullable(String), "start_routine.python"),
    C(start_ns, Int64), C(end_ns, Nullable(Int64)), AT(ended, String, "end"), C(cpu_ns, Nullable(Int64)), {NULL, NULL, NULL}};

static const struct column events[] = {
    C(i, UInt64), C(ns, Int64), C(process, Nullable(String)), C(thread, Nullable(String)), C(image, UInt32),
    C(type, String), C(inferred, UInt8), C(seen_by, Nullable(String)),
    AT(function, Nullable(String), "innermost.function"), AT(file, Nullable(String), "innermost.file"),
    AT(line, Nullable(Int64), "innermost.line"), C(stack, String), AT(fields, String, "*"), {NULL, NULL, NULL}};

static const struct column globals[] = {
    C(id, String), C(name, String), C(language, String), C(module, Nullable(String)),
    C(object, Nullable(String)), C(file, Nullable(String)), C(shared, UInt8), C(diverged, UInt8),
    C(discovered, UInt8), {NULL, NULL, NULL}};

static const struct column copies[] = {
    C(id, String), C(global, String), C(name, String), C(process, String), C(parent_copy, Nullable(String)),
    C(born_by, String), C(born_ns, Int64), C(end_ns, Nullable(Int64)), C(value_at_birth, Nullable(String)),
    C(birth_inferred, UInt8), C(last_value, Nullable(String)), C(last_sampled_ns, Nullable(Int64)),
    C(writes, UInt64), C(changes, UInt64), C(torn_down, UInt8), C(writers, String), {NULL, NULL, NULL}};

static const struct column findings[] = {
    C(id, String), C(rule, String), C(severity, String), C(fingerprint, String), C(subject, String),
    C(ns, Int64), C(processes, Array(String)), C(threads, Array(String)), C(globals, Array(String)),
    C(title, String), C(explanation, String), C(fix, String), C(evidence, Array(UInt64)), {NULL, NULL, NULL}};
/* clang-format on */

/* --- their objects ---------------------------------------------------------------------------- */

const char *push_program(const struct timeline *t)
{
    const struct process *root = t->processes;
    if (!t->process_count) return "";
    if (root->program) return root->program;
    const char *exe = root->image_count ? root->images[root->image_count - 1].exe : NULL;
    const char *slash = exe ? strrchr(exe, '/') : NULL;
    return slash ? slash + 1 : exe ? exe : "";
}

cJSON *push_common_object(const struct pushed *p)
{
    const struct timeline *t = p->loaded->timeline;
    cJSON *o = json_trace(p->loaded);
    cJSON *name = cJSON_DetachItemFromObject(cJSON_GetObjectItem(o, "host"), "name");
    cJSON_DeleteItemFromObject(o, "host");
    cJSON_AddItemToObject(o, "host", name);
    int64_t seconds = t->realtime / 1000000000; /* as far as a DateTime goes: 1970 to 2106 */
    json_int(o, "started", seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : seconds);
    json_uint(o, "pushed", p->at);
    json_string(o, "build", p->build);
    json_string(o, "program", push_program(t));
    return o;
}

static size_t count_processes(const struct pushed *p) { return p->loaded->timeline->process_count; }
static size_t count_threads(const struct pushed *p) { return p->loaded->timeline->thread_count; }
static size_t count_events(const struct pushed *p) { return p->loaded->timeline->event_count; }
static size_t count_globals(const struct pushed *p) { return p->loaded->timeline->global_count; }
static size_t count_copies(const struct pushed *p) { return p->loaded->timeline->copy_count; }
static size_t count_findings(const struct pushed *p) { return p->findings->count; }
static size_t count_runs(const struct pushed *p) { return 1; }

static cJSON *object_process(const struct pushed *p, size_t i)
{
    return json_process(p->loaded->timeline, (process_id)i);
}

static cJSON *object_thread(const struct pushed *p, size_t i)
{
    return json_thread(p->loaded->timeline, (thread_id)i);
}

/* With its innermost frame by itself: in the stack it may be text already (export/frames.c). */
static cJSON *object_event(const struct pushed *p, size_t i)
{
    cJSON *event = json_event(p->loaded->timeline, (event_id)i);
    const cJSON *frame = cJSON_GetArrayItem(cJSON_GetObjectItem(event, "stack"), 0);
    if (frame)
        cJSON_AddItemToObject(event, "innermost",
                              cJSON_IsRaw(frame) ? cJSON_Parse(frame->valuestring)
                                                 : cJSON_Duplicate(frame, true));
    return event;
}

static cJSON *object_global(const struct pushed *p, size_t i)
{
    return json_global(p->loaded->timeline, (global_id)i);
}

static cJSON *object_copy(const struct pushed *p, size_t i)
{
    const struct timeline *t = p->loaded->timeline;
    char name[512];
    cJSON *copy = json_copy(t, (copy_id)i);
    global_format(&t->globals[t->copies[i].global], name, sizeof name);
    json_id(copy, "global", 'g', t->copies[i].global);
    json_string(copy, "name", name);
    return copy;
}

static cJSON *object_finding(const struct pushed *p, size_t i) { return json_finding(p->findings, i); }

size_t push_running(const struct timeline *t)
{
    size_t count = 0;
    for (process_id p = 0; p < t->process_count; p++) count += t->processes[p].how == END_RUNNING;
    return count;
}

static cJSON *object_run(const struct pushed *p, size_t i)
{
    const struct timeline *t = p->loaded->timeline;
    const char *slash = strrchr(p->loaded->path, '/');
    cJSON *run = json_trace(p->loaded);
    json_string(run, "file", slash ? slash + 1 : p->loaded->path);
    json_string(run, "forktrace", FORKTRACE_VERSION);
    json_int(run, "duration_ns", t->end);
    json_uint(run, "running", push_running(t));
    for (const struct table *table = push_tables; table->count != count_runs; table++)
        json_uint(run, table->name, table->count(p));
    cJSON *root = t->process_count ? json_process(t, 0) : NULL;
    cJSON *images = cJSON_GetObjectItem(root, "images");
    cJSON *image = cJSON_GetArrayItem(images, cJSON_GetArraySize(images) - 1);
    if (image) {
        cJSON_AddItemToObject(run, "exe", cJSON_DetachItemFromObject(image, "exe"));
        cJSON_AddItemToObject(run, "argv", cJSON_DetachItemFromObject(image, "argv"));
    }
    cJSON_Delete(root);
    return run;
}

const struct table push_tables[TABLE_COUNT] = {
    {"processes", "process", processes, "id", count_processes, object_process},
    {"threads", "thread", threads, "id", count_threads, object_thread},
    {"events", "event", events, "i", count_events, object_event},
    {"globals", "global", globals, "id", count_globals, object_global},
    {"copies", "copy", copies, "id", count_copies, object_copy},
    {"findings", "finding", findings, "id", count_findings, object_finding},
    {"runs", "run", runs, "", count_runs, object_run},
};
