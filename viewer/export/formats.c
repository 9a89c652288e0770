/*
 * formats.c: json (one document) and ndjson (one object a line), written
 * object by object.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* Takes the object. `insert` goes in front of its own keys, `cut` bytes of its end are left out. */
static bool put(FILE *out, cJSON *object, const char *insert, size_t cut)
{
    char *text = object ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    if (!text) return false;
    fprintf(out, "{%s", insert);
    fwrite(text + 1, 1, strlen(text) - 1 - cut, out);
    cJSON_free(text);
    return true;
}

static const char *comma(size_t i) { return i ? ",\n" : "\n"; }

bool export_json(FILE *out, const struct loaded *l)
{
    const struct timeline *t = l->timeline;
    bool ok = put(out, json_trace(l), "", 1);
    fputs(",\n\"processes\":[", out);
    for (process_id p = 0; ok && p < t->process_count; p++)
        fputs(comma(p), out), ok = put(out, json_process(t, p), "", 0);
    fputs("],\n\"threads\":[", out);
    for (thread_id i = 0; ok && i < t->thread_count; i++)
        fputs(comma(i), out), ok = put(out, json_thread(t, i), "", 0);
    fputs("],\n\"events\":[", out);
    for (event_id i = 0; ok && i < t->event_count; i++)
        fputs(comma(i), out), ok = put(out, json_event(t, i), "", 0);
    fputs("],\n\"globals\":[", out);
    for (global_id i = 0; ok && i < t->global_count; i++)
        fputs(comma(i), out), ok = put(out, json_global(t, i), "", 0);
    fputs("],\n\"findings\":[", out);
    struct findings *f = ok ? findings_find(t) : NULL;
    ok = f != NULL;
    for (size_t i = 0; ok && i < f->count; i++)
        fputs(comma(i), out), ok = put(out, json_finding(f, i), "", 0);
    findings_free(f);
    fputs("]}\n", out);
    json_frames_forget();
    return ok;
}

/* What a line is of stands in front of it, as "object": the ELF object something lies in is called in_object.
 */
static bool line(FILE *out, cJSON *object, const char *kind)
{
    cJSON *own = object ? cJSON_DetachItemFromObjectCaseSensitive(object, "object") : NULL;
    if (own) cJSON_AddItemToObject(object, "in_object", own);
    bool ok = put(out, object, kind, 0);
    fputc('\n', out);
    return ok;
}

bool export_ndjson(FILE *out, const struct loaded *l)
{
    const struct timeline *t = l->timeline;
    bool ok = line(out, json_trace(l), "\"object\":\"trace\",");
    for (process_id p = 0; ok && p < t->process_count; p++)
        ok = line(out, json_process(t, p), "\"object\":\"process\",");
    for (thread_id i = 0; ok && i < t->thread_count; i++)
        ok = line(out, json_thread(t, i), "\"object\":\"thread\",");
    for (event_id i = 0; ok && i < t->event_count; i++)
        ok = line(out, json_event(t, i), "\"object\":\"event\",");
    for (global_id i = 0; ok && i < t->global_count; i++)
        ok = line(out, json_global(t, i), "\"object\":\"global\",");
    struct findings *f = ok ? findings_find(t) : NULL;
    ok = f != NULL;
    for (size_t i = 0; ok && i < f->count; i++) ok = line(out, json_finding(f, i), "\"object\":\"finding\",");
    findings_free(f);
    json_frames_forget();
    return ok;
}
