/*
 * perfetto_details.c: the JSON of an event, process or finding as debug
 * annotations, so that who clicks on it in a viewer reads what `export --format
 * json` says of it.
 */
#include <stdlib.h>
#include <string.h>

#include "perfetto.h"
#include "viewer/names.h"

enum { STACK_MOST = 64 };

/* A string as json.h writes it, without what JSON needs: quotes and backslashes. \uXXXX stays as it is: it
 * stands for what is no UTF-8, or would act on who reads it. */
static void raw_string(struct annotating *a, const char *json)
{
    size_t length = strlen(json), n = 0;
    char *text = length >= 2 ? malloc(length) : NULL;
    for (size_t i = 1; text && i + 1 < length; i++) {
        bool quoted = json[i] == '\\' && (json[i + 1] == '"' || json[i + 1] == '\\');
        text[n++] = json[i += quoted];
    }
    if (text) text[n] = 0, interned_put(a->texts, a->event, a->fresh, text);
    free(text);
}

/* Exact integers, and strings: cJSON has them as they are to be written (json.h). */
static void raw(struct annotating *a, const char *json)
{
    if (*json == '"')
        raw_string(a, json);
    else if (*json == '-' || strlen(json) < 19)
        wire_uint(a->event, PF_DebugAnnotation_int_value, (uint64_t)strtoll(json, NULL, 10));
    else
        wire_uint(a->event, PF_DebugAnnotation_uint_value, strtoull(json, NULL, 10));
}

static void number(struct annotating *a, double value)
{
    if (value > -1e15 && value < 1e15 && (double)(int64_t)value == value)
        wire_uint(a->event, PF_DebugAnnotation_int_value, (uint64_t)(int64_t)value);
    else
        wire_double(a->event, PF_DebugAnnotation_double_value, value);
}

static void members(struct annotating *a, const cJSON *list, unsigned field);

static void value(struct annotating *a, const cJSON *item)
{
    if (cJSON_IsRaw(item))
        raw(a, item->valuestring);
    else if (cJSON_IsString(item))
        interned_put(a->texts, a->event, a->fresh, item->valuestring);
    else if (cJSON_IsBool(item))
        wire_uint(a->event, PF_DebugAnnotation_bool_value, cJSON_IsTrue(item));
    else if (cJSON_IsNumber(item))
        number(a, item->valuedouble);
    else if (cJSON_IsObject(item))
        members(a, item, PF_DebugAnnotation_dict_entries);
    else if (cJSON_IsArray(item))
        members(a, item, PF_DebugAnnotation_array_values);
}

static bool says_nothing(const cJSON *item)
{
    return cJSON_IsNull(item) || ((cJSON_IsArray(item) || cJSON_IsObject(item)) && !item->child);
}

static void members(struct annotating *a, const cJSON *list, unsigned field)
{
    for (const cJSON *item = list ? list->child : NULL; item; item = item->next) {
        if (says_nothing(item)) continue;
        size_t opened = wire_open(a->event, field);
        if (item->string) interned_put(a->names, a->event, a->fresh, item->string);
        value(a, item);
        wire_close(a->event, opened);
    }
}

void annotate(struct annotating *a, const cJSON *object)
{
    members(a, object, PF_TrackEvent_debug_annotations);
}

void annotate_text(struct annotating *a, const char *key, const char *text)
{
    size_t opened = wire_open(a->event, PF_TrackEvent_debug_annotations);
    interned_put(a->names, a->event, a->fresh, key);
    interned_put(a->texts, a->event, a->fresh, text);
    wire_close(a->event, opened);
}

static void frame(struct annotating *a, const char *text)
{
    size_t opened = wire_open(a->event, PF_DebugAnnotation_array_values);
    interned_put(a->texts, a->event, a->fresh, text);
    wire_close(a->event, opened);
}

void annotate_stack(struct annotating *a, const struct timeline *t, event_id id)
{
    const struct event *e = EVENT_AT(t, id);
    char text[NAMES_TEXT];
    const uint64_t *pcs;
    struct python_function python;
    size_t count = timeline_stack(t, e, &pcs), n = 0;
    bool any = count || timeline_python_frame(t, e, 0, &python);
    if (!any) return;
    size_t opened = wire_open(a->event, PF_TrackEvent_debug_annotations);
    interned_put(a->names, a->event, a->fresh, "stack");
    for (; n < STACK_MOST && timeline_python_frame(t, e, n, &python); n++)
        frame(a, names_python(text, sizeof text, &python));
    for (size_t i = 0; i < count && i < STACK_MOST; i++) {
        struct named c = names_frame(t, e->process, e->ns, pcs[i]);
        frame(a, names_function(text, sizeof text, &c));
    }
    wire_close(a->event, opened);
}
