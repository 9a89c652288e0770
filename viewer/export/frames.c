/*
 * frames.c: stacks as JSON. The same frames come again and again: the text of
 * each is made once.
 */
#include <stdlib.h>

#include "json.h"
#include "viewer/names.h"
#include "viewer/timeline/map.h"

static struct map known; /* (object, address in it) -> index of texts */
static char **texts;
static uint32_t count;

static char *render(const struct timeline *t, const struct event *e, uint64_t pc)
{
    struct named n = names_frame(t, e->process, e->ns, pc);
    const char *file = NULL;
    int line = 0;
    names_line(t, e->process, e->ns, pc, &file, &line);
    cJSON *frame = cJSON_CreateObject();
    json_string(frame, "language", "c");
    json_string(frame, "function", n.symbol);
    json_string(frame, "file", file);
    if (file)
        json_int(frame, "line", line);
    else
        json_null(frame, "line");
    json_string(frame, "object", n.path);
    json_uint(frame, "offset", n.path ? n.in_object : n.address);
    char *text = cJSON_PrintUnformatted(frame);
    cJSON_Delete(frame);
    return text;
}

static cJSON *frame_of(const struct timeline *t, const struct event *e, uint64_t pc)
{
    const struct object *object = timeline_object(t, e->process, e->ns, pc - 1);
    uint32_t *seen = object ? map_get(&known, (uintptr_t)object, pc - object->bias) : NULL;
    if (seen) return cJSON_CreateRaw(texts[*seen]);
    char *text = render(t, e, pc);
    cJSON *frame = text ? cJSON_CreateRaw(text) : NULL;
    char **more = object ? realloc(texts, (count + 1) * sizeof *texts) : NULL;
    if (more) texts = more;
    if (!more || !text || !map_put(&known, (uintptr_t)object, pc - object->bias, count)) {
        free(text);
        return frame;
    }
    texts[count++] = text;
    return frame;
}

static cJSON *python_frame(const struct python_function *f)
{
    cJSON *frame = cJSON_CreateObject();
    json_string(frame, "language", "python");
    json_string(frame, "function", f->name);
    json_string(frame, "file", f->file);
    json_uint(frame, "line", f->line);
    json_null(frame, "object");
    json_null(frame, "offset");
    return frame;
}

cJSON *json_frames(const struct timeline *t, const struct event *e)
{
    const uint64_t *pcs;
    size_t n = timeline_stack(t, e, &pcs);
    cJSON *array = cJSON_CreateArray();
    struct python_function frame;
    for (size_t i = 0; timeline_python_frame(t, e, i, &frame); i++)
        cJSON_AddItemToArray(array, python_frame(&frame));
    for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(array, frame_of(t, e, pcs[i]));
    return array;
}

void json_frames_forget(void)
{
    for (uint32_t i = 0; i < count; i++) free(texts[i]);
    free(texts);
    texts = NULL;
    count = 0;
    map_free(&known);
}
