/*
 * objects.c: the trace itself, processes and threads as JSON.
 */
#include <string.h>

#include "json.h"
#include "viewer/names.h"
#include "viewer/text.h"

/* --- the trace -------------------------------------------------------------------------------- */

static void hex_id(cJSON *object, const char *key, const uint8_t id[16])
{
    char text[33];
    for (int i = 0; i < 16; i++) snprintf(text + 2 * i, 3, "%02x", id[i]);
    json_string(object, key, text);
}

static void padded(cJSON *object, const char *key, const char *bytes, size_t room)
{
    json_bytes(object, key, bytes, strnlen(bytes, room));
}

static void reason(cJSON *reasons, const char *name, uint64_t count, uint64_t *sum)
{
    if (!count) return;
    cJSON *r = cJSON_CreateObject();
    json_string(r, "reason", name);
    json_uint(r, "count", count);
    cJSON_AddItemToArray(reasons, r);
    *sum += count;
}

static void lost(cJSON *trace, const struct loaded *l)
{
    cJSON *object = cJSON_AddObjectToObject(trace, "lost"), *reasons = cJSON_CreateArray();
    uint64_t sum = 0;
    for (unsigned i = 0; i < FT_LOST_COUNT; i++)
        reason(reasons, ft_lost_name((enum ft_lost)i), ft_reader_lost(&l->reader, (enum ft_lost)i), &sum);
    json_uint(object, "records", sum);
    cJSON_AddItemToObject(object, "reasons", reasons);
    json_uint(object, "torn", l->reader.torn); /* being written when their process was killed */
}

static const char *clock_name(const struct ft_header *h)
{
    if (h->clock != FT_CLOCK_TSC) return "monotonic";
    return !strncmp(h->arch, "aarch64", sizeof h->arch) ? "cntvct" : "tsc";
}

cJSON *json_trace(const struct loaded *l)
{
    const struct ft_header *h = l->reader.header;
    cJSON *trace = cJSON_CreateObject();
    json_string(trace, "schema", JSON_SCHEMA);
    hex_id(trace, "run_id", h->run_id);
    cJSON *host = cJSON_AddObjectToObject(trace, "host");
    padded(host, "name", h->host, sizeof h->host);
    padded(host, "kernel", h->kernel, sizeof h->kernel);
    padded(host, "arch", h->arch, sizeof h->arch);
    hex_id(host, "boot_id", h->boot_id);
    cJSON *clock = cJSON_AddObjectToObject(trace, "clock");
    json_string(clock, "source", clock_name(h));
    json_int(clock, "realtime_offset_ns", l->timeline->realtime);
    json_uint(trace, "wait_threshold_ms", h->wait_threshold);
    cJSON *sources = cJSON_AddArrayToObject(trace, "sources");
    bool kernel = l->timeline->kernel_view != KERNEL_VIEW_NONE;
    if (l->timeline->by_library || !kernel) cJSON_AddItemToArray(sources, json_array_string("preload"));
    if (kernel) cJSON_AddItemToArray(sources, json_array_string("ebpf"));
    json_bool(trace, "complete", l->timeline->complete);
    lost(trace, l);
    return trace;
}

/* --- processes -------------------------------------------------------------------------------- */

static void images(cJSON *object, const struct process *p)
{
    cJSON *array = cJSON_AddArrayToObject(object, "images");
    for (size_t i = 0; i < p->image_count; i++) {
        cJSON *image = cJSON_CreateObject();
        json_int(image, "start_ns", p->images[i].start);
        json_string(image, "exe", p->images[i].exe);
        cJSON *argv = cJSON_AddArrayToObject(image, "argv");
        for (size_t a = 0; a < p->images[i].argc; a++)
            cJSON_AddItemToArray(argv, json_array_string(p->images[i].argv[a]));
        json_string(image, "cwd", p->images[i].cwd);
        cJSON_AddItemToArray(array, image);
    }
}

static void ghosts(cJSON *object, const struct process *p)
{
    cJSON *array = cJSON_AddArrayToObject(object, "ghosts");
    for (size_t i = 0; i < p->ghost_count; i++) {
        cJSON *ghost = cJSON_CreateObject();
        json_id(ghost, "thread", 't', p->ghosts[i].thread);
        json_index(ghost, "fork", p->ghosts[i].fork);
        if (p->ghosts[i].python == BELIEF_UNKNOWN) {
            json_null(ghost, "python_believes_alive");
            json_null(ghost, "believes_at");
        } else {
            cJSON_AddBoolToObject(ghost, "python_believes_alive", p->ghosts[i].python == BELIEF_ALIVE);
            cJSON_AddStringToObject(ghost, "believes_at", p->ghosts[i].at_exit ? "exit" : "fork");
        }
        cJSON_AddItemToArray(array, ghost);
    }
}

static void signals(cJSON *object, const struct timeline *t, process_id id)
{
    static const char *const kinds[] = {"default", "ignore", "handler"};
    const struct process *p = &t->processes[id];
    cJSON *array = cJSON_AddArrayToObject(object, "signals");
    for (size_t i = 0; i < p->disposition_count; i++) {
        const struct disposition *d = &p->dispositions[i];
        cJSON *signal = cJSON_CreateObject();
        int64_t ns = p->end == NEVER ? t->end : p->end;
        struct named n = names_at(t, id, ns, d->handler);
        json_signal(signal, "signal", d->signal);
        json_string(signal, "disposition", kinds[d->kind]);
        json_string(signal, "handler", d->kind == DISPOSITION_HANDLER ? n.symbol : NULL);
        json_string(signal, "object", d->kind == DISPOSITION_HANDLER ? n.path : NULL);
        struct python_function python = d->event == NONE ? (struct python_function){0}
                                                         : timeline_python_handler(t, EVENT_AT(t, d->event));
        json_python(signal, "python", &python);
        json_bool(signal, "inherited", d->inherited);
        cJSON_AddItemToArray(array, signal);
    }
}

static void end(cJSON *object, const struct process *p)
{
    json_time(object, "end_ns", p->end);
    cJSON *how = cJSON_AddObjectToObject(object, "end");
    json_string(how, "how", process_end_name(p->how));
    if (p->how == END_EXIT && p->status >= 0)
        json_int(how, "status", p->status);
    else
        json_null(how, "status");
    json_signal(how, "signal", p->how == END_SIGNAL ? p->signal : 0);
    json_bool(how, "inferred", p->end_inferred);
    json_index(how, "killed_by", p->killed_by);
    json_bool(how, "out_of_memory", p->out_of_memory);
    json_id(object, "reaped_by", 'p', p->reaped_by);
}

cJSON *json_process(const struct timeline *t, process_id id)
{
    static const char *const coverages[] = {"full", "kernel-only", "none"};
    const struct process *p = &t->processes[id];
    cJSON *object = cJSON_CreateObject();
    json_id(object, "id", 'p', id);
    if (p->pid)
        json_uint(object, "pid", p->pid);
    else
        json_null(object, "pid");
    if (p->ppid)
        json_uint(object, "ppid", p->ppid);
    else
        json_null(object, "ppid");
    json_id(object, "parent", 'p', p->parent);
    json_id(object, "created_by", 't', p->created_by);
    json_string(object, "origin", origin_name(p->origin));
    json_int(object, "start_ns", p->start);
    end(object, p);
    json_string(object, "role", p->role);
    images(object, p);
    ghosts(object, p);
    signals(object, t, id);
    json_mask(object, "mask_at_birth", p->mask_at_birth);
    json_string(object, "coverage", coverages[p->coverage]);
    json_string(object, "coverage_reason", p->coverage_reason);
    return object;
}

/* --- threads ---------------------------------------------------------------------------------- */

static void start_routine(cJSON *object, const struct timeline *t, const struct thread *th)
{
    if (!th->start_routine && th->kind == THREAD_NATIVE) {
        json_null(object, "start_routine");
        return;
    }
    struct named n = names_at(t, th->process, th->start, th->start_routine);
    cJSON *routine = cJSON_AddObjectToObject(object, "start_routine");
    json_string(routine, "symbol", n.symbol);
    json_string(routine, "object", n.path);
    if (th->start_routine)
        json_uint(routine, "offset", n.path ? n.in_object : n.address);
    else
        json_null(routine, "offset");
    json_python(routine, "python", &th->python);
}

cJSON *json_thread_itself(const struct timeline *t, thread_id id)
{
    const struct thread *th = &t->threads[id];
    cJSON *object = cJSON_CreateObject();
    json_id(object, "id", 't', id);
    json_id(object, "process", 'p', th->process);
    if (th->tid)
        json_uint(object, "tid", th->tid);
    else
        json_null(object, "tid");
    json_string(object, "name", th->name);
    json_string(object, "python_name", th->python_name);
    json_string(object, "kind", th->kind == THREAD_GREENLET ? "greenlet" : "thread");
    json_id(object, "runs_on", 't', th->runs_on); /* greenlets: the thread that runs it, */
    json_id(object, "copy_of", 't', th->copy_of); /* and the parent's that a fork copied */
    json_bool(object, "hub", th->hub);
    json_string(object, "type", th->type);
    json_id(object, "created_by", 't', th->created_by);
    start_routine(object, t, th);
    json_int(object, "start_ns", th->start);
    json_time(object, "end_ns", th->end);
    json_string(object, "end", thread_end_name(th->how));
    if (th->cpu_ns >= 0)
        json_int(object, "cpu_ns", th->cpu_ns);
    else
        json_null(object, "cpu_ns");
    return object;
}

cJSON *json_thread(const struct timeline *t, thread_id id)
{
    const struct thread *th = &t->threads[id];
    cJSON *object = json_thread_itself(t, id);
    event_id made = th->is_main ? t->processes[th->process].fork : th->create;
    cJSON_AddItemToObject(object, "created_at",
                          made == NONE ? cJSON_CreateArray() : json_frames(t, EVENT_AT(t, made)));
    return object;
}
