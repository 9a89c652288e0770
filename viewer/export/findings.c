/*
 * findings.c: verdicts as JSON.
 */
#include <stdio.h>

#include "json.h"

static void put_ids(cJSON *object, const char *key, char letter, const struct finding_ids *ids)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    char text[16];
    for (size_t i = 0; i < ids->count; i++) {
        snprintf(text, sizeof text, "%c%u", letter, ids->list[i]);
        cJSON_AddItemToArray(array, letter ? json_array_string(text) : cJSON_CreateNumber(ids->list[i]));
    }
}

cJSON *json_finding(const struct findings *f, size_t i)
{
    const struct finding *x = f->list[i];
    cJSON *object = cJSON_CreateObject();
    json_id(object, "id", 'f', (uint32_t)i);
    json_string(object, "rule", finding_rules[x->rule].name);
    json_string(object, "severity", severity_name(x->severity));
    json_string(object, "fingerprint", x->fingerprint);
    json_string(object, "subject", x->subject);
    json_int(object, "ns", x->ns);
    put_ids(object, "processes", 'p', &x->processes);
    put_ids(object, "threads", 't', &x->threads);
    put_ids(object, "globals", 'g', &x->globals);
    json_string(object, "title", x->title);
    json_string(object, "explanation", x->explanation);
    json_string(object, "fix", x->fix);
    put_ids(object, "evidence", 0, &x->evidence);
    return object;
}
