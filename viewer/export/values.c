/*
 * values.c: single values of JSON: exact integers, safe strings, ids, signals.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "viewer/text.h"

/* A quoted string; what is no UTF-8 becomes U+FFFD, what would act on a terminal \uXXXX. */
static char *quoted(const char *bytes, size_t length)
{
    char *text = malloc(length * 6 + 3), *at = text; /* at most \uXXXX for a byte */
    if (!text) return NULL;
    *at++ = '"';
    for (size_t i = 0; i < length;) {
        uint32_t c = (unsigned char)bytes[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') { /* nearly all there is */
            *at++ = bytes[i++];
            continue;
        }
        unsigned n = text_decode(bytes + i, length - i, &c);
        if (!n) c = 0xfffd;
        if (c == '"' || c == '\\')
            at += sprintf(at, "\\%c", (char)c);
        else if (n && !text_treacherous(c))
            memcpy(at, bytes + i, n), at += n;
        else if (c < 0x10000)
            at += sprintf(at, "\\u%04x", c);
        else
            at += sprintf(at, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                          0xdc00 + ((c - 0x10000) & 0x3ff));
        i += n ? n : 1;
    }
    *at++ = '"';
    *at = 0;
    return text;
}

static void raw(cJSON *object, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void raw(cJSON *object, const char *key, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cJSON_AddRawToObject(object, key, text);
}

void json_bytes(cJSON *object, const char *key, const char *bytes, size_t length)
{
    char *text = quoted(bytes, length);
    if (text) cJSON_AddRawToObject(object, key, text);
    free(text);
}

void json_string(cJSON *object, const char *key, const char *string)
{
    if (string)
        json_bytes(object, key, string, strlen(string));
    else
        json_null(object, key);
}

cJSON *json_array_string(const char *string)
{
    char *text = quoted(string, strlen(string));
    cJSON *item = text ? cJSON_CreateRaw(text) : NULL;
    free(text);
    return item;
}

void json_int(cJSON *object, const char *key, int64_t number) { raw(object, key, "%" PRId64, number); }
void json_uint(cJSON *object, const char *key, uint64_t number) { raw(object, key, "%" PRIu64, number); }
void json_bool(cJSON *object, const char *key, bool value) { cJSON_AddBoolToObject(object, key, value); }
void json_null(cJSON *object, const char *key) { cJSON_AddNullToObject(object, key); }

void json_id(cJSON *object, const char *key, char letter, uint32_t id)
{
    if (id == NONE)
        json_null(object, key);
    else
        raw(object, key, "\"%c%" PRIu32 "\"", letter, id);
}

void json_index(cJSON *object, const char *key, event_id event)
{
    if (event == NONE)
        json_null(object, key);
    else
        json_uint(object, key, event);
}

void json_python(cJSON *object, const char *key, const struct python_function *f)
{
    char text[512];
    const char *slash = f->file ? strrchr(f->file, '/') : NULL;
    if (!f->name) return json_null(object, key);
    if (!f->file) return json_string(object, key, f->name);
    snprintf(text, sizeof text, "%s (%s:%" PRIu32 ")", f->name, slash ? slash + 1 : f->file, f->line);
    json_string(object, key, text);
}

void json_time(cJSON *object, const char *key, int64_t ns)
{
    if (ns == NEVER)
        json_null(object, key);
    else
        json_int(object, key, ns);
}

void json_hex(cJSON *object, const char *key, uint64_t address)
{
    if (!address)
        json_null(object, key);
    else
        raw(object, key, "\"0x%" PRIx64 "\"", address);
}

void json_signal(cJSON *object, const char *key, int signal)
{
    char name[TEXT_SHORT];
    if (signal < 1)
        json_null(object, key);
    else
        json_string(object, key, text_signal(name, signal));
}

void json_mask(cJSON *object, const char *key, uint64_t mask)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    char name[TEXT_SHORT];
    for (int signal = 1; signal <= 64; signal++)
        if (mask >> (signal - 1) & 1)
            cJSON_AddItemToArray(array, json_array_string(text_signal(name, signal)));
}

bool json_document(FILE *out, cJSON *document)
{
    char *text = cJSON_Print(document);
    bool done = text;
    cJSON_Delete(document);
    if (text) fprintf(out, "%s\n", text);
    cJSON_free(text);
    return done;
}
