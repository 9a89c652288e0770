/*
 * globals.c: globals and their copies as JSON.
 */
#include <stdio.h>

#include "json.h"
#include "viewer/names.h"

static void put_value(cJSON *object, const char *key, const struct timeline *t, const struct copy *c,
                      struct value v)
{
    char text[512];
    names_value(text, sizeof text, t, c, v);
    json_string(object, key, v.known ? text : NULL);
}

/* `writes` 0: its share is not known. */
static void put_writer(cJSON *writers, const struct timeline *t, const struct copy *c, const struct writer *w)
{
    const char *file = w->file;
    int line = (int)w->line;
    thread_id thread = w->thread;
    uint64_t writes = w->writes;
    if (w->pc) names_line(t, c->process, c->written, w->pc, &file, &line);
    cJSON *writer = cJSON_CreateObject();
    json_id(writer, "thread", 't', thread);
    if (writes)
        json_uint(writer, "writes", writes);
    else
        json_null(writer, "writes");
    json_string(writer, "file", file);
    json_int(writer, "line", line);
    cJSON_AddItemToArray(writers, writer);
}

static void put_writers(cJSON *object, const struct timeline *t, const struct copy *c)
{
    cJSON *writers = cJSON_AddArrayToObject(object, "writers");
    for (size_t i = 0; i < c->writer_count; i++) put_writer(writers, t, c, &c->writers[i]);
    /* the last; each one's share is counted for watched globals */
    struct writer last = {c->writer, c->writes == 1 ? 1 : 0, c->file, c->line, c->pc};
    if (!c->writer_count && c->writer != NONE) put_writer(writers, t, c, &last);
}

cJSON *json_copy(const struct timeline *t, copy_id id)
{
    const struct copy *c = &t->copies[id];
    cJSON *object = cJSON_CreateObject();
    json_id(object, "id", 'c', id);
    json_id(object, "process", 'p', c->process);
    json_id(object, "parent_copy", 'c', c->parent);
    static const char *const births[] = {[COPY_BY_IMPORT] = "import",
                                         [COPY_BY_FORK] = "fork",
                                         [COPY_BY_LOAD] = "load",
                                         [COPY_BY_EXEC] = "exec"};
    json_string(object, "born_by", births[c->birth]);
    json_int(object, "born_ns", c->born);
    json_time(object, "end_ns", c->end);
    put_value(object, "value_at_birth", t, c, c->at_birth);
    json_bool(object, "birth_inferred", c->birth_inferred);
    put_value(object, "last_value", t, c, c->last);
    json_time(object, "last_sampled_ns", c->sampled);
    json_uint(object, "writes", c->writes);
    json_uint(object, "changes", c->changes);
    json_bool(object, "torn_down", c->torn_down);
    put_writers(object, t, c);
    return object;
}

cJSON *json_global(const struct timeline *t, global_id id)
{
    const struct global *g = &t->globals[id];
    char name[512];
    cJSON *object = cJSON_CreateObject();
    global_format(g, name, sizeof name);
    json_id(object, "id", 'g', id);
    json_string(object, "name", name);
    json_string(object, "language", g->c ? "c" : "python");
    json_string(object, "module", g->c ? NULL : g->module);
    json_string(object, "object", g->path);
    json_string(object, "file", g->count ? t->copies[g->first].file : NULL);
    json_bool(object, "shared", g->shared);
    json_bool(object, "diverged", g->diverged);
    json_bool(object, "discovered", g->found);
    cJSON *copies = cJSON_AddArrayToObject(object, "copies");
    for (size_t i = 0; i < g->count; i++) cJSON_AddItemToArray(copies, json_copy(t, g->first + (copy_id)i));
    return object;
}
