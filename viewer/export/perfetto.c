/*
 * perfetto.c: the timeline as a trace of Perfetto (TracePackets of Protocol
 * Buffers), for ui.perfetto.dev and trace_processor: what tracks.c draws.
 *
 * Packets are written one after the other as tracks.c tells them: nothing is
 * kept but a bounded table of the texts that come again. Their times are those
 * of CLOCK_MONOTONIC, so that the file can be put beside one that Perfetto itself
 * recorded on the same machine.
 *
 * Readers give a pid to another process once a second process track with it is
 * described: so each process is described with all its threads before the next.
 * Pid and tid 0 would be the kernel's idle task: what has no number of the kernel's
 * (greenlets, ghosts, what nobody saw) is a track with a name only.
 */
#include <stdlib.h>
#include <string.h>

#include "perfetto.h"
#include "viewer/text.h"
#include "viewer/tui/values.h"

enum { SEQUENCE = 1 }; /* all packets are of one writer */

struct perfetto {
    FILE *out;
    const struct timeline *t;
    const struct findings *findings;
    struct wire packet, event, fresh; /* event: a TrackEvent; fresh: fields of InternedData it needs */
    struct interning categories, names, annotations, texts;
    bool began;
};

/* --- packets -------------------------------------------------------------------------------------- */

static bool put(struct perfetto *x)
{
    struct wire *p = &x->packet;
    wire_uint(p, PF_TracePacket_trusted_packet_sequence_id, SEQUENCE);
    wire_uint(p, PF_TracePacket_sequence_flags,
              x->began ? SEQ_NEEDS_INCREMENTAL_STATE : SEQ_INCREMENTAL_STATE_CLEARED);
    x->began = true;
    struct wire file = {0};
    wire_bytes(&file, PF_Trace_packet, p->bytes, p->used);
    bool ok = !p->failed && !file.failed;
    if (ok) fwrite(file.bytes, 1, file.used, x->out);
    wire_free(&file);
    p->used = 0;
    return ok;
}

static void clock_at_0(struct wire *w, unsigned clock, int64_t ns)
{
    size_t opened = wire_open(w, PF_ClockSnapshot_clocks);
    wire_uint(w, PF_Clock_clock_id, clock);
    wire_uint(w, PF_Clock_timestamp, (uint64_t)ns);
    wire_close(w, opened);
}

/* What the two clocks said at time 0, and that all times are of the first. */
static bool put_clocks(struct perfetto *x)
{
    size_t opened = wire_open(&x->packet, PF_TracePacket_clock_snapshot);
    clock_at_0(&x->packet, BUILTIN_CLOCK_MONOTONIC, x->t->origin);
    clock_at_0(&x->packet, BUILTIN_CLOCK_REALTIME, x->t->realtime);
    wire_uint(&x->packet, PF_ClockSnapshot_primary_trace_clock, BUILTIN_CLOCK_MONOTONIC);
    wire_close(&x->packet, opened);
    opened = wire_open(&x->packet, PF_TracePacket_trace_packet_defaults);
    wire_uint(&x->packet, PF_TracePacketDefaults_timestamp_clock_id, BUILTIN_CLOCK_MONOTONIC);
    wire_close(&x->packet, opened);
    return put(x);
}

static bool put_run(struct perfetto *x, const uint8_t run_id[16])
{
    uint64_t id[2] = {0, 0};
    for (int i = 0; i < 16; i++) id[i / 8] = id[i / 8] << 8 | run_id[i];
    size_t opened = wire_open(&x->packet, PF_TracePacket_trace_uuid);
    wire_uint(&x->packet, PF_TraceUuid_msb, id[0]);
    wire_uint(&x->packet, PF_TraceUuid_lsb, id[1]);
    wire_close(&x->packet, opened);
    return put(x);
}

/* --- tracks --------------------------------------------------------------------------------------- */

static void describe_process(struct perfetto *x, const struct track *track)
{
    const struct process *p = &x->t->processes[track->process];
    const struct image *image = p->image_count ? &p->images[p->image_count - 1] : NULL;
    if (!p->pid) return wire_string(&x->packet, PF_TrackDescriptor_name, track->name);
    size_t opened = wire_open(&x->packet, PF_TrackDescriptor_process);
    wire_uint(&x->packet, PF_ProcessDescriptor_pid, p->pid);
    for (size_t i = 0; image && i < image->argc; i++) {
        char word[4096];
        text_escape(word, sizeof word, image->argv[i], strlen(image->argv[i]));
        wire_string(&x->packet, PF_ProcessDescriptor_cmdline, word);
    }
    wire_string(&x->packet, PF_ProcessDescriptor_process_name, track->name);
    wire_uint(&x->packet, PF_ProcessDescriptor_start_timestamp_ns, (uint64_t)(x->t->origin + p->start));
    wire_close(&x->packet, opened);
}

static void describe_thread(struct perfetto *x, const struct track *track)
{
    uint32_t pid = x->t->processes[track->process].pid, tid = x->t->threads[track->thread].tid;
    if (!pid || !tid) return wire_string(&x->packet, PF_TrackDescriptor_name, track->name);
    size_t opened = wire_open(&x->packet, PF_TrackDescriptor_thread);
    wire_uint(&x->packet, PF_ThreadDescriptor_pid, pid);
    wire_uint(&x->packet, PF_ThreadDescriptor_tid, tid);
    wire_string(&x->packet, PF_ThreadDescriptor_thread_name, track->name);
    wire_close(&x->packet, opened);
}

static bool put_track(void *context, const struct track *track)
{
    struct perfetto *x = context;
    struct wire *w = &x->packet;
    size_t opened = wire_open(w, PF_TracePacket_track_descriptor);
    wire_uint(w, PF_TrackDescriptor_uuid, track->id);
    if (track->process != NONE && track->kind != TRACK_PROCESS)
        wire_uint(w, PF_TrackDescriptor_parent_uuid, 1 + (uint64_t)track->process);
    if (track->kind == TRACK_PROCESS)
        describe_process(x, track);
    else if (track->kind == TRACK_THREAD)
        describe_thread(x, track);
    else
        wire_string(w, PF_TrackDescriptor_name, track->name);
    if (track->kind == TRACK_GHOST)
        wire_string(
            w, PF_TrackDescriptor_description,
            "A thread of the parent that does not exist in this process: fork() copies only its caller.");
    if (track->counts) wire_close(w, wire_open(w, PF_TrackDescriptor_counter));
    /* Two tracks of one name, like those of two ghosts, stay two. */
    wire_uint(w, PF_TrackDescriptor_sibling_merge_behavior, SIBLING_MERGE_BEHAVIOR_NONE);
    wire_close(w, opened);
    return put(x);
}

/* --- marks ---------------------------------------------------------------------------------------- */

/* The packet of x->event, which is written. */
static bool put_event(struct perfetto *x, int64_t ns)
{
    wire_uint(&x->packet, PF_TracePacket_timestamp, (uint64_t)(x->t->origin + ns));
    wire_bytes(&x->packet, PF_TracePacket_track_event, x->event.bytes, x->event.used);
    if (x->fresh.used) wire_bytes(&x->packet, PF_TracePacket_interned_data, x->fresh.bytes, x->fresh.used);
    bool ok = !x->event.failed && !x->fresh.failed && put(x);
    x->event.used = x->fresh.used = 0;
    return ok;
}

static void begin_event(struct perfetto *x, uint64_t type, const struct mark *m)
{
    wire_uint(&x->event, PF_TrackEvent_type, type);
    wire_uint(&x->event, PF_TrackEvent_track_uuid, m->track);
}

static bool put_number(struct perfetto *x, const struct mark *m)
{
    int64_t integer;
    double number = 0;
    begin_event(x, TYPE_COUNTER, m);
    if (value_integer(m->value, &integer))
        wire_uint(&x->event, PF_TrackEvent_counter_value, (uint64_t)integer);
    else if (value_number(m->value, &number))
        wire_double(&x->event, PF_TrackEvent_double_counter_value, number);
    return put_event(x, m->ns);
}

static void put_details(struct perfetto *x, const struct mark *m)
{
    struct annotating a = {&x->event, &x->fresh, &x->annotations, &x->texts};
    cJSON *details = tracks_details(x->t, x->findings, m);
    if (m->about == ABOUT_EVENT) /* said by the event itself */
        cJSON_DeleteItemFromObject(details, "ns"), cJSON_DeleteItemFromObject(details, "type");
    annotate(&a, details);
    cJSON_Delete(details);
    event_id origin = tracks_origin(x->t, m);
    if (origin != NONE) annotate_stack(&a, x->t, origin);
}

static bool is_number(const struct mark *m)
{
    double number;
    return m->shape == MARK_VALUE && value_number(m->value, &number);
}

static bool put_mark(void *context, const struct mark *m)
{
    struct perfetto *x = context;
    if (is_number(m)) return put_number(x, m);
    begin_event(x, m->shape == MARK_SLICE ? TYPE_SLICE_BEGIN : TYPE_INSTANT, m);
    interned_put(&x->categories, &x->event, &x->fresh, m->category);
    interned_put(&x->names, &x->event, &x->fresh, m->name);
    /* The earlier of the two is where an arrow begins; its number is not used again. */
    if (m->begins) wire_fixed64(&x->event, PF_TrackEvent_flow_ids, m->begins);
    if (m->ends) wire_fixed64(&x->event, PF_TrackEvent_flow_ids, m->ends);
    put_details(x, m);
    if (!put_event(x, m->ns)) return false;
    if (m->shape != MARK_SLICE) return true;
    begin_event(x, TYPE_SLICE_END, m);
    return put_event(x, m->end);
}

bool export_perfetto(FILE *out, const struct loaded *l)
{
    static const struct tracks_format format = {put_track, put_mark};
    struct perfetto x = {
        .out = out,
        .t = l->timeline,
        .findings = findings_find(l->timeline),
        .categories = {0, PF_TrackEvent_category_iids, PF_InternedData_event_categories, NULL},
        .names = {PF_TrackEvent_name, PF_TrackEvent_name_iid, PF_InternedData_event_names, NULL},
        .annotations = {0, PF_DebugAnnotation_name_iid, PF_InternedData_debug_annotation_names, NULL},
        .texts = {PF_DebugAnnotation_string_value, PF_DebugAnnotation_string_value_iid,
                  PF_InternedData_debug_annotation_string_values, NULL}};
    bool ok = x.findings && put_clocks(&x) && put_run(&x, l->reader.header->run_id);
    ok = ok && tracks_draw(x.t, x.findings, &format, &x);
    interned_free(&x.categories), interned_free(&x.names);
    interned_free(&x.annotations), interned_free(&x.texts);
    wire_free(&x.packet), wire_free(&x.event), wire_free(&x.fresh);
    findings_free((struct findings *)x.findings);
    return ok;
}
