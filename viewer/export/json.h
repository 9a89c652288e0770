/*
 * json.h: the objects of schema forktrace-timeline/1, one cJSON tree each.
 *
 * A whole timeline may be larger than memory: the formats write the arrays by
 * hand and ask for one object at a time. Integers go in as raw text, because
 * cJSON keeps numbers as doubles; strings too, because cJSON passes bytes on
 * that are no UTF-8 or that act on a terminal.
 */
#ifndef EXPORT_JSON_H
#define EXPORT_JSON_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "viewer/findings/findings.h"
#include "viewer/load.h"

#define JSON_SCHEMA "forktrace-timeline/1"

/* Keys that hold one value. NULL strings and NONE ids are null. */
void json_string(cJSON *object, const char *key, const char *string);
void json_bytes(cJSON *object, const char *key, const char *bytes, size_t length);
void json_int(cJSON *object, const char *key, int64_t number);
void json_uint(cJSON *object, const char *key, uint64_t number);
void json_bool(cJSON *object, const char *key, bool value);
void json_null(cJSON *object, const char *key);
void json_id(cJSON *object, const char *key, char letter, uint32_t id); /* "p3" */
void json_index(cJSON *object, const char *key, event_id event);        /* its "i" */
void json_time(cJSON *object, const char *key, int64_t ns);             /* NEVER: null */
void json_python(cJSON *object, const char *key,
                 const struct python_function *f);               /* "tick (app.py:12)" or null */
void json_hex(cJSON *object, const char *key, uint64_t address); /* "0x7f12"; 0: null */
void json_signal(cJSON *object, const char *key, int signal);    /* "SIGTERM"; below 1: null */
void json_mask(cJSON *object, const char *key, uint64_t mask);   /* ["SIGTERM"] */
cJSON *json_array_string(const char *string);                    /* an item for an array */

/* Writes it, for people to read, and deletes it. false: out of memory. */
bool json_document(FILE *out, cJSON *document);

/* What stands before the arrays: schema, run, host, clock, losses. */
cJSON *json_trace(const struct loaded *l);
cJSON *json_process(const struct timeline *t, process_id p);
cJSON *json_thread(const struct timeline *t, thread_id id);
cJSON *json_global(const struct timeline *t, global_id g);
cJSON *json_copy(const struct timeline *t, copy_id id);
cJSON *json_event(const struct timeline *t, event_id i);
cJSON *json_finding(const struct findings *f, size_t i);
/* The same without their stacks. */
cJSON *json_thread_itself(const struct timeline *t, thread_id id);
cJSON *json_event_itself(const struct timeline *t, event_id i);

/* An array of frames of an event; of a stack whose process and time are those of the event. */
cJSON *json_frames(const struct timeline *t, const struct event *e);
void json_frames_forget(void); /* the texts kept of frames seen before */

/* The formats: the whole timeline to a stream. false: out of memory. */
bool export_json(FILE *out, const struct loaded *l);
bool export_ndjson(FILE *out, const struct loaded *l);
bool export_svg(FILE *out, const struct loaded *l); /* likewise, in a file of its own each */
bool export_chrome(FILE *out, const struct loaded *l);
bool export_perfetto(FILE *out, const struct loaded *l);
bool export_mermaid(FILE *out, const struct loaded *l);
bool export_otlp(FILE *out, const struct loaded *l);

#endif
