/*
 * perfetto.h: what of Perfetto's trace format we write: each field's number, as
 * in protos/perfetto/trace/ of https://github.com/google/perfetto (as of August 2026; fields
 * never change their number). Its .proto files are not part of Debian.
 */
#ifndef EXPORT_PERFETTO_H
#define EXPORT_PERFETTO_H

#include "tracks.h"
#include "wire.h"

/* clang-format off */
#define PERFETTO_FIELDS(X) \
    X(Trace, packet, 1)                                  /* trace.proto */ \
    X(TracePacket, timestamp, 8)                         /* trace_packet.proto */ \
    X(TracePacket, trusted_packet_sequence_id, 10) \
    X(TracePacket, track_event, 11) \
    X(TracePacket, interned_data, 12) \
    X(TracePacket, sequence_flags, 13) \
    X(TracePacket, clock_snapshot, 6) \
    X(TracePacket, trace_packet_defaults, 59) \
    X(TracePacket, track_descriptor, 60) \
    X(TracePacket, trace_uuid, 89) \
    X(TracePacketDefaults, timestamp_clock_id, 58)       /* trace_packet_defaults.proto */ \
    X(TraceUuid, msb, 1)                                 /* trace_uuid.proto */ \
    X(TraceUuid, lsb, 2) \
    X(ClockSnapshot, clocks, 1)                          /* clock_snapshot.proto */ \
    X(ClockSnapshot, primary_trace_clock, 2) \
    X(Clock, clock_id, 1)                                /* ClockSnapshot.Clock */ \
    X(Clock, timestamp, 2) \
    X(TrackDescriptor, uuid, 1)                          /* track_event/track_descriptor.proto */ \
    X(TrackDescriptor, name, 2) \
    X(TrackDescriptor, process, 3) \
    X(TrackDescriptor, thread, 4) \
    X(TrackDescriptor, parent_uuid, 5) \
    X(TrackDescriptor, counter, 8) \
    X(TrackDescriptor, description, 14) \
    X(TrackDescriptor, sibling_merge_behavior, 15) \
    X(ProcessDescriptor, pid, 1)                         /* track_event/process_descriptor.proto */ \
    X(ProcessDescriptor, cmdline, 2) \
    X(ProcessDescriptor, process_name, 6) \
    X(ProcessDescriptor, start_timestamp_ns, 7) \
    X(ThreadDescriptor, pid, 1)                          /* track_event/thread_descriptor.proto */ \
    X(ThreadDescriptor, tid, 2) \
    X(ThreadDescriptor, thread_name, 5) \
    X(TrackEvent, category_iids, 3)                      /* track_event/track_event.proto */ \
    X(TrackEvent, debug_annotations, 4) \
    X(TrackEvent, type, 9) \
    X(TrackEvent, name_iid, 10) \
    X(TrackEvent, track_uuid, 11) \
    X(TrackEvent, name, 23) \
    X(TrackEvent, counter_value, 30) \
    X(TrackEvent, double_counter_value, 44) \
    X(TrackEvent, flow_ids, 47) \
    X(DebugAnnotation, name_iid, 1)                      /* track_event/debug_annotation.proto */ \
    X(DebugAnnotation, bool_value, 2) \
    X(DebugAnnotation, uint_value, 3) \
    X(DebugAnnotation, int_value, 4) \
    X(DebugAnnotation, double_value, 5) \
    X(DebugAnnotation, string_value, 6) \
    X(DebugAnnotation, dict_entries, 11) \
    X(DebugAnnotation, array_values, 12) \
    X(DebugAnnotation, string_value_iid, 17) \
    X(InternedData, event_categories, 1)                 /* interned_data/interned_data.proto */ \
    X(InternedData, event_names, 2) \
    X(InternedData, debug_annotation_names, 3) \
    X(InternedData, debug_annotation_string_values, 29) \
    X(InternedString, iid, 1)                            /* and EventCategory, EventName, DebugAnnotationName */ \
    X(InternedString, text, 2)
enum {
#define X(message, field, number) PF_##message##_##field = number,
    PERFETTO_FIELDS(X)
#undef X
};
/* And the values of its enums. */
enum { SEQ_INCREMENTAL_STATE_CLEARED = 1, SEQ_NEEDS_INCREMENTAL_STATE = 2 }; /* TracePacket.SequenceFlags */
enum { TYPE_SLICE_BEGIN = 1, TYPE_SLICE_END = 2, TYPE_INSTANT = 3, TYPE_COUNTER = 4 }; /* TrackEvent.Type */
enum { BUILTIN_CLOCK_REALTIME = 1, BUILTIN_CLOCK_MONOTONIC = 3 };
enum { SIBLING_MERGE_BEHAVIOR_NONE = 2 };
/* clang-format on */

/* --- perfetto_names.c: texts that come again have a number --------------------------------------- */

struct interned; /* of one kind; bounded: what was pushed out gets another number when it comes again */

/* `text` as field `plain`, or, when it was seen before, its number as field `numbered`; new ones go to
 * `fresh` (fields of InternedData), where those of its kind are field `index`. */
struct interning {
    unsigned plain, numbered, index; /* plain 0: always as a number */
    struct interned *known;
};
void interned_put(struct interning *kind, struct wire *message, struct wire *fresh, const char *text);
void interned_free(struct interning *kind);

/* --- perfetto_details.c: JSON as debug annotations ------------------------------------------------- */

struct annotating {
    struct wire *event, *fresh;
    struct interning *names, *texts;
};
/* The keys of an object; those that are null, or empty, are left out: there they only take room. */
void annotate(struct annotating *a, const cJSON *object);
void annotate_text(struct annotating *a, const char *key, const char *text);
/* Who made the call of an event, innermost first: "stack": ["tick (app.py:12)", ...]. */
void annotate_stack(struct annotating *a, const struct timeline *t, event_id e);

#endif
