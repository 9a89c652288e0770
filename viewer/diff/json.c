/*
 * json.c: the difference as one JSON document, schema forktrace-diff/1. Every
 * key is always there; what is not known or not said is null.
 */
#include <string.h>

#include "diff.h"
#include "viewer/export/json.h"

#define DIFF_SCHEMA "forktrace-diff/1"

static void run_object(cJSON *document, const char *key, const struct run *r)
{
    const struct timeline *t = r->t;
    cJSON *object = cJSON_AddObjectToObject(document, key);
    const struct process *server = t->process_count ? &t->processes[r->server] : NULL;
    const struct image *i = server && server->image_count ? &server->images[server->image_count - 1] : NULL;
    json_string(object, "file", r->path);
    json_string(object, "program", server ? server->program : NULL);
    cJSON *argv = cJSON_AddArrayToObject(object, "argv");
    for (size_t a = 0; i && a < i->argc; a++) cJSON_AddItemToArray(argv, json_array_string(i->argv[a]));
    json_uint(object, "processes", t->process_count);
    json_uint(object, "threads", t->thread_count);
    json_bool(object, "complete", t->complete);
    json_string(object, "lost", *r->lost ? r->lost : NULL);
    cJSON *uncovered = cJSON_AddArrayToObject(object, "uncovered");
    for (process_id p = 0; p < t->process_count; p++) {
        if (t->processes[p].coverage == COVERAGE_FULL && !t->processes[p].coverage_reason) continue;
        cJSON *process = cJSON_CreateObject();
        json_id(process, "process", 'p', p);
        json_string(process, "role", t->processes[p].role);
        json_string(process, "reason", t->processes[p].coverage_reason);
        cJSON_AddItemToArray(uncovered, process);
    }
}

static void groups(cJSON *object, const char *key, const struct run *r, uint32_t part)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (size_t i = 0; i < r->group_count; i++)
        if (r->groups[i].part == part) cJSON_AddItemToArray(array, json_array_string(r->groups[i].name));
}

static void parts(cJSON *document, const struct diff *d)
{
    cJSON *array = cJSON_AddArrayToObject(document, "parts");
    for (uint32_t i = 0; i < d->part_count; i++) {
        cJSON *part = cJSON_CreateObject();
        json_string(part, "name", d->parts[i].name);
        groups(part, "a", &d->runs[0], i);
        groups(part, "b", &d->runs[1], i);
        cJSON_AddItemToArray(array, part);
    }
}

static void findings(cJSON *document, const struct diff *d)
{
    static const char *const states[] = {"a", "b", "both"};
    cJSON *array = cJSON_AddArrayToObject(document, "findings");
    for (size_t i = 0; i < d->finding_count; i++) {
        const struct shared_finding *f = &d->findings[i];
        const struct finding *any = f->of[0] ? f->of[0] : f->of[1];
        cJSON *x = cJSON_CreateObject();
        json_string(x, "rule", finding_rules[any->rule].name);
        json_string(x, "subject", any->subject);
        json_string(x, "fingerprint", any->fingerprint);
        json_string(x, "in", states[f->of[0] && f->of[1] ? 2 : !f->of[0]]);
        json_bool(x, "counts", f->counts);
        json_string(x, "not_seen_in", f->allowed || !*f->reason ? NULL : f->of[0] ? "b" : "a");
        json_string(x, "reason", *f->reason ? f->reason : NULL);
        json_string(x, "severity_a", f->of[0] ? severity_name(f->of[0]->severity) : NULL);
        json_string(x, "severity_b", f->of[1] ? severity_name(f->of[1]->severity) : NULL);
        json_string(x, "title_a", f->of[0] ? f->of[0]->title : NULL);
        json_string(x, "title_b", f->of[1] ? f->of[1]->title : NULL);
        cJSON_AddItemToArray(array, x);
    }
}

static void facts(cJSON *document, const struct diff *d)
{
    cJSON *array = cJSON_AddArrayToObject(document, "facts");
    for (size_t i = 0; i < d->fact_count; i++) {
        const struct fact *f = &d->facts[i];
        cJSON *x = cJSON_CreateObject();
        json_string(x, "section", section_words[f->section].name);
        json_string(x, "subject", f->subject);
        json_bool(x, "same", f->same);
        json_bool(x, "counts", f->counts);
        json_string(x, "a", f->says[0]);
        json_string(x, "b", f->says[1]);
        json_string(x, "not_seen_in", f->unseen < 0 ? NULL : f->unseen ? "b" : "a");
        json_string(x, "reason", f->unseen < 0 ? NULL : f->reason);
        cJSON_AddItemToArray(array, x);
    }
}

bool diff_json(FILE *out, const struct diff *d)
{
    cJSON *document = cJSON_CreateObject();
    json_string(document, "schema", DIFF_SCHEMA);
    run_object(document, "a", &d->runs[0]);
    run_object(document, "b", &d->runs[1]);
    json_string(document, "answer", d->answer.text);
    json_string(document, "fix", d->fix);
    json_uint(document, "differences", d->differences);
    parts(document, d);
    findings(document, d);
    facts(document, d);
    return json_document(out, document);
}
