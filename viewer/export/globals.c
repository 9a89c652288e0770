/*
 * globals.c: globals and their copies as JSON.
 */
#include <stdio.h>

#include "json.h"

static void put_value(cJSON *object, const char *key, struct value v)
{
    char text[256];
    value_format(v, text, sizeof text);
    json_string(object, key, v.known ? text : NULL);
}

/* `writes` 0: its share is not known. */
static void put_writer(cJSON *writers, thread_id thread, const char *file, uint32_t line, uint64_t writes)
{
    cJSON *writer = cJSON_CreateObject();
    json_id(writer, "thread", 't', thread);
    if (writes)
        json_uint(writer, "writes", writes);
    else
        json_null(writer, "writes");
    json_string(writer, "file", file);
    json_uint(writer, "line", line);
    cJSON_AddItemToArray(writers, writer);
}

static void put_writers(cJSON *object, const struct copy *c)
{
    cJSON *writers = cJSON_AddArrayToObject(object, "writers");
    for (size_t i = 0; i < c->writer_count; i++) {
        const struct writer *w = &c->writers[i];
        put_writer(writers, w->thread, w->file, w->line, w->writes);
    }
    if (!c->writer_count && c->writer != NONE) /* the last; each one's share is counted for watched globals */
        put_writer(writers, c->writer, c->file, c->line, c->writes == 1 ? 1 : 0);
}

static cJSON *put_copy(const struct timeline *t, copy_id id)
{
    const struct copy *c = &t->copies[id];
    cJSON *object = cJSON_CreateObject();
    json_id(object, "id", 'c', id);
    json_id(object, "process", 'p', c->process);
    json_id(object, "parent_copy", 'c', c->parent);
    json_string(object, "born_by", c->birth == COPY_BY_FORK ? "fork" : "import");
    json_int(object, "born_ns", c->born);
    json_time(object, "end_ns", c->end);
    put_value(object, "value_at_birth", c->at_birth);
    put_value(object, "last_value", c->last);
    json_time(object, "last_sampled_ns", c->sampled);
    json_uint(object, "writes", c->writes);
    json_uint(object, "changes", c->changes);
    json_bool(object, "torn_down", c->torn_down);
    put_writers(object, c);
    return object;
}

cJSON *json_global(const struct timeline *t, global_id id)
{
    const struct global *g = &t->globals[id];
    char name[512];
    cJSON *object = cJSON_CreateObject();
    snprintf(name, sizeof name, "%s.%s", g->module, g->name);
    json_id(object, "id", 'g', id);
    json_string(object, "name", name);
    json_string(object, "language", "python");
    json_string(object, "module", g->module);
    json_null(object, "object");
    json_string(object, "file", g->count ? t->copies[g->first].file : NULL);
    json_bool(object, "shared", false);
    json_bool(object, "diverged", g->diverged);
    cJSON *copies = cJSON_AddArrayToObject(object, "copies");
    for (size_t i = 0; i < g->count; i++) cJSON_AddItemToArray(copies, put_copy(t, g->first + (copy_id)i));
    return object;
}
