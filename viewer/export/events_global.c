/*
 * events_global.c: writes to globals, and greenlets, as JSON: the fields of each type of event.
 */
#include <signal.h>
#include <string.h>

#include "events.h"
#include "viewer/names.h"
#include "viewer/text.h"

/* Of a C global. */
static bool store_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    bool exact;
    const char *file = NULL;
    int line = 0;
    uint64_t pc = timeline_store(t, e, &exact);
    const char *engine = timeline_engine(t, e);
    if (!engine) return false;
    bool known = pc && names_line(t, e->process, e->ns, pc, &file, &line);
    json_string(object, "engine", engine);
    json_bool(object, "exact", exact);
    json_string(object, "file", file);
    if (known)
        json_int(object, "line", line);
    else
        json_null(object, "line");
    return true;
}

void event_write_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    char text[512];
    copy_id copy = timeline_copy_written(t, e->id);
    struct value value = timeline_written(t, e);
    if (copy == NONE)
        value_format(value, text, sizeof text);
    else
        names_value(text, sizeof text, t, &t->copies[copy], value);
    json_id(object, "global", 'g', e->child);
    json_id(object, "copy", 'c', copy);
    json_null(object, "old");
    json_string(object, "value", text);
    if (store_fields(object, t, e)) return;
    struct ft_py_write r = {0};
    timeline_python_write(t, e, &r);
    json_string(object, "engine", "python");
    json_bool(object, "exact", true);
    bool line = r.file && e->type == EVENT_WRITE; /* a shutdown comes from no line */
    event_string(object, "file", t, line ? r.file : 0);
    if (line)
        json_uint(object, "line", r.line);
    else
        json_null(object, "line");
}

void event_greenlet_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    json_id(object, "greenlet", 't', e->child);
}

void event_change_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    char text[256];
    struct value old = timeline_changed_from(t, e);
    json_id(object, "global", 'g', e->child);
    json_id(object, "copy", 'c', timeline_copy_written(t, e->id));
    value_format(old, text, sizeof text);
    json_string(object, "old", t->globals[e->child].c && !old.known ? NULL : text);
    value_format(timeline_written(t, e), text, sizeof text);
    json_string(object, "value", text);
    json_string(object, "engine", t->globals[e->child].c ? "sample" : "python");
    json_bool(object, "exact", false); /* in between it may have been anything */
}

void event_greenlet_run_fields(cJSON *object, const struct timeline *t, const struct event *e)
{
    struct python_function ran = timeline_greenlet_ran(t, e);
    json_id(object, "greenlet", 't', e->child);
    json_python(object, "python", &ran);
    json_int(object, "ran_ns", timeline_duration(t, e));
    json_bool(object, "ended", !(e->flags & EVENT_UNFINISHED));
    json_uint(object, "others", timeline_greenlets_waiting(t, e));
}
