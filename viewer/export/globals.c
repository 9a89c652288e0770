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

static void put_writers(cJSON *object, const struct copy *c)
{
    cJSON *writers = cJSON_AddArrayToObject(object, "writers");
    if (c->writer == NONE) return;
    cJSON *writer = cJSON_CreateObject(); /* the last one; each one's share is known for watched globals */
    json_id(writer, "thread", 't', c->writer);
    json_null(writer, "writes");
    json_string(writer, "file", c->file);
    json_uint(writer, "line", c->line);
    cJSON_AddItemToArray(writers, writer);
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
    json_time(object, "last_sampled_ns", c->written);
    json_uint(object, "writes", c->writes);
    json_null(object, "changes");
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
