/*
 * otlp.h: OpenTelemetry's protocol in its JSON encoding: the parts of a request
 * (ExportTraceServiceRequest of opentelemetry-proto 1), and how they are written.
 */
#ifndef EXPORT_OTLP_H
#define EXPORT_OTLP_H

#include "json.h"

/*
 * OTEL_SPAN_EVENT_COUNT_LIMIT: as many events as OpenTelemetry's own SDKs put on a span, and what others are
 * made for. Of a thread with more, further spans follow.
 */
enum { OTLP_EVENTS = 128 };

/* --- otlp_attributes.c: cJSON as attributes ------------------------------------------------------- */

/* One more of a list of KeyValues, with what the item holds, which is deleted; null: nothing is added. */
void otlp_put(cJSON *attributes, const char *key, cJSON *value);
void otlp_put_text(cJSON *attributes, const char *key, const char *text); /* NULL: nothing is added */
void otlp_put_int(cJSON *attributes, const char *key, int64_t number);
/* All keys of an object, which is deleted, as forktrace.KEY; of objects in it as forktrace.KEY.KEY; objects
 * in lists as text. */
void otlp_put_all(cJSON *attributes, cJSON *object);
/* What runs: process.executable.name, process.command_args and their like. */
void otlp_put_image(cJSON *attributes, const struct image *image);
/* Where the call of an event was made: code.stacktrace, a frame a line, innermost first. */
void otlp_put_stack(cJSON *attributes, const struct timeline *t, event_id event);

/* --- otlp_requests.c: requests, one a line -------------------------------------------------------- */

struct otlp_requests {
    FILE *out;
    const struct loaded *l;
    process_id process; /* whose spans are being written; NONE */
    size_t size;        /* bytes of the request so far; 0: none is begun */
    bool any;           /* this process has a span in it */
};

struct otlp_span {
    uint64_t id, parent; /* otlp_id; parent 0: none */
    process_id process;
    const char *name; /* escaped */
    int64_t start, end;
    cJSON *attributes, *links; /* deleted when written; NULL: none */
    char **events;             /* each a JSON object */
    size_t count;
    const char *error; /* NULL: its status is not that */
};

/* Spans of one process after the other. false: out of memory. */
bool otlp_write(struct otlp_requests *r, const struct otlp_span *s);
void otlp_end(struct otlp_requests *r);

/* --- ids --------------------------------------------------------------------------------------------- */

/* The same in every export of a run, and of no other thing: from our own ids, never 0. */
enum otlp_thing { OTLP_PROCESS, OTLP_IMAGE, OTLP_THREAD, OTLP_EVENT, OTLP_MORE };
uint64_t otlp_id(enum otlp_thing kind, uint32_t id, uint32_t index); /* index: of 24 bits */
/* The span of a thread: a main thread's is that of its process. 0: it has none. */
uint64_t otlp_thread(const struct timeline *t, thread_id thread);
/* As the protocol has them: hexadecimal. */
void otlp_put_trace_id(cJSON *object, const struct loaded *l);
void otlp_put_span_id(cJSON *object, const char *key, uint64_t id);
void otlp_put_time(cJSON *object, const char *key, const struct timeline *t, int64_t ns);

/* --- otlp_lives.c: lanes as spans ----------------------------------------------------------------- */

/* What was collected for a thread's span, or for one that follows it. */
struct carrier {
    char *events[OTLP_EVENTS];
    size_t count;
    int64_t first, last;
    uint32_t spans; /* written so far: its own, and those that followed it */
};

struct otlp {
    struct otlp_requests requests;
    const struct timeline *t;
    const struct findings *findings;
    struct carrier **carriers;                  /* [thread_count], of the process that is being written */
    const char **thread_error, **process_error; /* the title of the worst finding of severity error; NULL */
    copy_id *first_copy, *next_copy;            /* of a process, of the same */
};

/* The spans of a process's images. false: out of memory, as below. */
bool otlp_images(struct otlp *o, process_id process);
/* What was collected of a thread is written, as its span or as one that follows it, and forgotten. */
bool otlp_flush(struct otlp *o, thread_id thread);
/* One more of a list of Links: to a span (0: to none), and why. */
void otlp_put_link(const struct otlp *o, cJSON *links, uint64_t span, const char *why);

#endif
