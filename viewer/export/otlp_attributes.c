/*
 * otlp_attributes.c: what JSON says of a thing as OpenTelemetry's attributes.
 * They are flat: backends look through keys, and few of them show objects in
 * objects.
 */
#include <stdlib.h>
#include <string.h>

#include "otlp.h"
#include "viewer/names.h"

enum { FRAMES_MOST = 64 };

/* An integer is text here, too (the mapping of Protocol Buffers to JSON); beyond int64 there is none. */
static cJSON *integer(const char *digits)
{
    cJSON *value = cJSON_CreateObject();
    bool fits = *digits == '-' || strlen(digits) < 19 ||
                (strlen(digits) == 19 && strcmp(digits, "9223372036854775807") <= 0);
    json_string(value, fits ? "intValue" : "stringValue", digits);
    return value;
}

static cJSON *number(double n)
{
    char digits[32];
    cJSON *value;
    if (n > -1e15 && n < 1e15 && (double)(int64_t)n == n) {
        snprintf(digits, sizeof digits, "%lld", (long long)n);
        return integer(digits);
    }
    value = cJSON_CreateObject();
    cJSON_AddNumberToObject(value, "doubleValue", n);
    return value;
}

static cJSON *text(const char *json)
{
    cJSON *value = cJSON_CreateObject();
    cJSON_AddRawToObject(value, "stringValue", json);
    return value;
}

static cJSON *object_as_text(const cJSON *item)
{
    char *json = cJSON_PrintUnformatted(item);
    cJSON *value = cJSON_CreateObject();
    json_string(value, "stringValue", json);
    cJSON_free(json);
    return value;
}

/* An AnyValue; NULL: null. */
static cJSON *any_value(const cJSON *item)
{
    cJSON *value = NULL;
    if (cJSON_IsRaw(item))
        return *item->valuestring == '"' ? text(item->valuestring) : integer(item->valuestring);
    if (cJSON_IsNumber(item)) return number(item->valuedouble);
    if (cJSON_IsObject(item)) return object_as_text(item);
    if (!item || cJSON_IsNull(item)) return NULL;
    value = cJSON_CreateObject();
    if (cJSON_IsString(item)) {
        json_string(value, "stringValue", item->valuestring);
    } else if (cJSON_IsBool(item)) {
        cJSON_AddBoolToObject(value, "boolValue", cJSON_IsTrue(item));
    } else {
        cJSON *list = cJSON_AddArrayToObject(cJSON_AddObjectToObject(value, "arrayValue"), "values");
        for (const cJSON *i = item->child; i; i = i->next) cJSON_AddItemToArray(list, any_value(i));
    }
    return value;
}

static void put(cJSON *attributes, const char *key, const cJSON *item)
{
    cJSON *value = any_value(item);
    if (!value) return;
    cJSON *attribute = cJSON_CreateObject();
    cJSON_AddStringToObject(attribute, "key", key);
    cJSON_AddItemToObject(attribute, "value", value);
    cJSON_AddItemToArray(attributes, attribute);
}

void otlp_put(cJSON *attributes, const char *key, cJSON *value)
{
    put(attributes, key, value);
    cJSON_Delete(value);
}

void otlp_put_text(cJSON *attributes, const char *key, const char *string)
{
    if (string) otlp_put(attributes, key, json_array_string(string));
}

void otlp_put_int(cJSON *attributes, const char *key, int64_t n)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%lld", (long long)n);
    otlp_put(attributes, key, cJSON_CreateRaw(digits));
}

static void put_members(cJSON *attributes, const char *prefix, const cJSON *object)
{
    for (const cJSON *item = object ? object->child : NULL; item; item = item->next) {
        char key[128];
        bool empty = cJSON_IsArray(item) && !item->child;
        snprintf(key, sizeof key, "%s.%s", prefix, item->string);
        if (cJSON_IsObject(item))
            put_members(attributes, key, item);
        else if (!empty)
            put(attributes, key, item);
    }
}

void otlp_put_all(cJSON *attributes, cJSON *object)
{
    put_members(attributes, "forktrace", object);
    cJSON_Delete(object);
}

void otlp_put_image(cJSON *attributes, const struct image *image)
{
    const char *slash = image->exe ? strrchr(image->exe, '/') : NULL;
    cJSON *words = cJSON_CreateArray();
    otlp_put_text(attributes, "process.executable.path", image->exe);
    otlp_put_text(attributes, "process.executable.name", slash && slash[1] ? slash + 1 : image->exe);
    for (size_t i = 0; i < image->argc; i++) cJSON_AddItemToArray(words, json_array_string(image->argv[i]));
    otlp_put(attributes, "process.command_args", words);
    otlp_put_text(attributes, "process.working_directory", image->cwd);
}

void otlp_put_stack(cJSON *attributes, const struct timeline *t, event_id id)
{
    const struct event *e = EVENT_AT(t, id);
    char line[NAMES_TEXT], *stack = NULL;
    const uint64_t *pcs;
    size_t size, count = timeline_stack(t, e, &pcs);
    struct python_function python;
    FILE *out = open_memstream(&stack, &size);
    if (!out) return;
    for (size_t i = 0; i < FRAMES_MOST && timeline_python_frame(t, e, i, &python); i++)
        fprintf(out, "%s\n", names_python(line, sizeof line, &python));
    for (size_t i = 0; i < count && i < FRAMES_MOST; i++) {
        struct named n = names_frame(t, e->process, e->ns, pcs[i]);
        fprintf(out, "%s\n", names_function(line, sizeof line, &n));
    }
    fclose(out);
    if (stack && size) stack[size - 1] = 0, otlp_put_text(attributes, "code.stacktrace", stack);
    free(stack);
}
