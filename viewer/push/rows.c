/*
 * rows.c: the columns of tables.c, as SQL and as values taken out of JSON objects.
 */
#include <stdlib.h>
#include <string.h>

#include "rows.h"

/* --- SQL -------------------------------------------------------------------------------------- */

static void put_types(FILE *out, const struct column *c, const char *before)
{
    for (; c->name; c++, before = ", ") fprintf(out, "%s%s %s", before, c->name, c->type);
}

/* By months, so that old runs can be dropped as partitions; a run's rows lie together. */
void rows_create_table(FILE *out, const struct table *table)
{
    fprintf(out, "CREATE TABLE IF NOT EXISTS forktrace_pushed_%s (", table->name);
    put_types(out, push_common, "");
    put_types(out, table->columns, ", ");
    fprintf(out, ") ENGINE = MergeTree() PARTITION BY toYYYYMM(started) ORDER BY (run_id, pushed%s%s)",
            *table->key ? ", " : "", table->key);
}

void rows_create_view(FILE *out, const struct table *table)
{
    fprintf(out,
            "CREATE VIEW IF NOT EXISTS forktrace_%s AS SELECT * FROM forktrace_pushed_%s WHERE (run_id, "
            "pushed) IN"
            " (SELECT run_id, max(pushed) FROM forktrace_pushed_runs GROUP BY run_id)",
            table->name, table->name);
}

/* --- values ----------------------------------------------------------------------------------- */

static const cJSON *step(const cJSON *in, const char *key, size_t length)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, key);
    if (!cJSON_IsArray(in)) return cJSON_GetObjectItemCaseSensitive(in, name);
    int i = atoi(name);
    return cJSON_GetArrayItem(in, i < 0 ? cJSON_GetArraySize(in) + i : i);
}

static const cJSON *at_path(const cJSON *object, const char *path)
{
    while (object && *path) {
        size_t length = strcspn(path, ".");
        object = step(object, path, length);
        path += length + (path[length] == '.');
    }
    return object;
}

static void put_plain(FILE *out, const cJSON *item)
{
    char *text = cJSON_PrintUnformatted(item);
    fputs(text ? text : "null", out);
    cJSON_free(text);
}

/* JSON as a string of its own. */
static void put_quoted(FILE *out, const char *json)
{
    cJSON *string = json_array_string(json);
    if (string) fputs(string->valuestring, out);
    cJSON_Delete(string);
}

static void put_value(FILE *out, const struct column *c, const cJSON *item)
{
    bool structured = cJSON_IsArray(item) || cJSON_IsObject(item);
    if (cJSON_IsBool(item)) {
        fputs(cJSON_IsTrue(item) ? "1" : "0", out);
    } else if (structured && strncmp(c->type, "Array", 5)) {
        char *text = cJSON_PrintUnformatted(item);
        put_quoted(out, text ? text : "");
        cJSON_free(text);
    } else {
        put_plain(out, item);
    }
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool has_column(const struct column *c, const char *key)
{
    size_t length = strlen(key);
    for (; c->name; c++)
        if (strcspn(c->path, ".") == length && !memcmp(c->path, key, length)) return true;
    return false;
}

static void put_rest(FILE *out, const struct column *columns, const cJSON *object)
{
    char *text = NULL;
    size_t size;
    FILE *rest = open_memstream(&text, &size);
    if (!rest) return;
    const char *before = "{";
    for (const cJSON *item = object->child; item; item = item->next) {
        if (has_column(columns, item->string)) continue;
        fprintf(rest, "%s\"%s\":", before, item->string);
        put_plain(rest, item);
        before = ",";
    }
    fputs(*before == '{' ? "{}" : "}", rest);
    if (!fclose(rest)) put_quoted(out, text);
    free(text);
}

static void put_columns(FILE *out, const struct column *columns, const cJSON *object, const char *before)
{
    for (const struct column *c = columns; c->name; c++) {
        bool rest = !strcmp(c->path, "*");
        const cJSON *item = rest ? NULL : at_path(object, c->path);
        if (!rest && (!item || cJSON_IsNull(item))) continue;
        fprintf(out, "%s\"%s\":", before, c->name);
        before = ",";
        if (rest)
            put_rest(out, columns, object);
        else
            put_value(out, c, item);
    }
}

char *rows_common(const struct pushed *p)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cJSON *object = push_common_object(p);
    if (out && object) put_columns(out, push_common, object, "");
    cJSON_Delete(object);
    if (out && !fclose(out)) return text;
    free(text);
    return NULL;
}

void rows_put(FILE *out, const char *common, const struct table *table, const cJSON *object)
{
    fprintf(out, "{%s", common);
    put_columns(out, table->columns, object, ",");
    fputs("}\n", out);
}
