/*
 * sarif.c: the result of `forktrace check` as SARIF 2.1.0, for code scanning:
 * rules from the table, each finding with the source lines of its evidence.
 *
 * Files below the working directory are relative to %SRCROOT%, which is what
 * code hosts can show; others are file:// URIs.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "viewer/tree.h"
#include "json.h"
#include "viewer/command.h"
#include "viewer/findings/find.h"
#include "viewer/verdict.h"

static const char *level(enum severity severity) { return severity_name(severity); } /* the same words */

static void put_text(cJSON *object, const char *key, const char *text)
{
    json_string(cJSON_AddObjectToObject(object, key), "text", text);
}

/* A message, in which braces would be placeholders (SARIF 3.11.5). */
static void put_message(cJSON *object, const char *text)
{
    char doubled[4500];
    size_t n = 0;
    for (; *text && n + 3 < sizeof doubled; text++) {
        if (*text == '{' || *text == '}') doubled[n++] = *text;
        doubled[n++] = *text;
    }
    doubled[n] = 0;
    put_text(object, "message", doubled);
}

/* --- locations -------------------------------------------------------------------------------- */

struct line {
    const char *file, *function;
    unsigned line;
    process_id process;
};

static bool line_of(const struct timeline *t, event_id i, struct line *line)
{
    const struct event *e = EVENT_AT(t, i);
    struct python_function f;
    const char *file = NULL;
    int number = 0;
    *line = (struct line){.process = e->process};
    if (names_python_caller(t, e, &f) && f.file && f.file[0] != '<') {
        *line = (struct line){f.file, f.name, f.line, e->process};
        return true;
    }
    uint64_t site = names_call(t, e);
    if (!site || !names_line(t, e->process, e->ns, site, &file, &number) || number < 1) return false;
    *line = (struct line){file, names_frame(t, e->process, e->ns, site).symbol, (unsigned)number, e->process};
    return true;
}

/* Where a relative name in a program's source begins: where it was started. */
static const char *directory_of(const struct timeline *t, process_id p)
{
    const struct process *process = p == NONE ? NULL : &t->processes[p];
    return process && process->image_count ? process->images[process->image_count - 1].cwd : NULL;
}

static void put_uri(cJSON *location, const struct timeline *t, const struct line *line)
{
    char path[PATH_MAX + 256], uri[3 * sizeof path] = "", here[PATH_MAX];
    const char *directory = line->file[0] == '/' ? NULL : directory_of(t, line->process), *from = path;
    size_t n = 0, length = getcwd(here, sizeof here) ? strlen(here) : 0;
    snprintf(path, sizeof path, "%s%s%s", directory ? directory : "", directory ? "/" : "", line->file);
    bool below = length > 1 && !strncmp(path, here, length) && path[length] == '/';
    if (below)
        from += length + 1;
    else if (path[0] == '/')
        n = (size_t)sprintf(uri, "file://");
    for (; *from && n + 4 < sizeof uri; from++) {
        bool plain = (*from >= '0' && *from <= '9') || ((*from | 32) >= 'a' && (*from | 32) <= 'z') ||
                     strchr("/-._~+@", *from);
        n += (size_t)sprintf(uri + n, plain ? "%c" : "%%%02X", (unsigned char)*from);
    }
    cJSON *artifact = cJSON_AddObjectToObject(location, "artifactLocation");
    json_string(artifact, "uri", uri);
    if (below || path[0] != '/') json_string(artifact, "uriBaseId", "%SRCROOT%");
}

static cJSON *location_of(const struct timeline *t, const struct line *line, const char *message)
{
    cJSON *location = cJSON_CreateObject(), *physical = cJSON_AddObjectToObject(location, "physicalLocation");
    put_uri(physical, t, line);
    if (line->line) json_uint(cJSON_AddObjectToObject(physical, "region"), "startLine", line->line);
    if (line->function) {
        cJSON *function = cJSON_CreateObject();
        json_string(function, "name", line->function);
        json_string(function, "kind", "function");
        cJSON_AddItemToArray(cJSON_AddArrayToObject(location, "logicalLocations"), function);
    }
    if (message) put_message(location, message);
    return location;
}

/* Who wrote the globals it is about, then its evidence in order. The first is "the" location. */
static void put_locations(cJSON *result, const struct timeline *t, const struct finding *x)
{
    cJSON *first = cJSON_AddArrayToObject(result, "locations"), *all = cJSON_CreateArray();
    char who[NAMES_TEXT], message[NAMES_TEXT + 64];
    struct line line;
    for (size_t i = 0; i < x->globals.count && x->rule != RULE_thread_lost; i++) {
        const struct global *g = &t->globals[x->globals.list[i]];
        for (size_t k = 0; k < g->count; k++) {
            const struct copy *c = &t->copies[g->first + k];
            if (!c->file || !c->writes || c->file[0] == '<') continue;
            line = (struct line){c->file, NULL, c->line, c->process};
            snprintf(message, sizeof message, "written in %s", word_process(who, t, c->process));
            cJSON_AddItemToArray(all, location_of(t, &line, message));
            if (!cJSON_GetArraySize(first)) cJSON_AddItemToArray(first, location_of(t, &line, NULL));
        }
    }
    for (size_t i = 0; i < x->evidence.count; i++) {
        const struct event *e = EVENT_AT(t, x->evidence.list[i]);
        if (!line_of(t, x->evidence.list[i], &line)) continue;
        snprintf(message, sizeof message, "%s in %s", event_type_name(e->type),
                 word_process(who, t, e->process));
        cJSON_AddItemToArray(all, location_of(t, &line, message));
        if (!cJSON_GetArraySize(first)) cJSON_AddItemToArray(first, location_of(t, &line, NULL));
    }
    if (!cJSON_GetArraySize(first) && x->processes.count) { /* code hosts want one: the program */
        const struct process *p = &t->processes[x->processes.list[0]];
        const char *exe = p->image_count ? p->images[p->image_count - 1].exe : NULL;
        if (exe) {
            line = (struct line){.file = exe, .process = x->processes.list[0]};
            cJSON_AddItemToArray(first, location_of(t, &line, NULL));
        }
    }
    cJSON *child;
    unsigned id = 0;
    cJSON_ArrayForEach(child, all) json_uint(child, "id", id++);
    cJSON_AddItemToObject(result, "relatedLocations", all);
}

/* --- results and rules ------------------------------------------------------------------------ */

static cJSON *result_of(const struct judged *j, size_t i)
{
    const struct finding *x = j->findings->list[i];
    const struct verdict *v = &j->verdicts[i];
    cJSON *result = cJSON_CreateObject();
    char text[4200];
    json_string(result, "ruleId", finding_rules[x->rule].name);
    json_uint(result, "ruleIndex", x->rule);
    json_string(result, "kind", "fail");
    json_string(result, "level", level(x->severity));
    snprintf(text, sizeof text, "%s %s", x->title, x->explanation);
    put_message(result, text);
    put_locations(result, j->loaded->timeline, x);
    json_string(cJSON_AddObjectToObject(result, "partialFingerprints"), "forktrace/v1", x->fingerprint);
    if (j->baseline) json_string(result, "baselineState", v->known ? "unchanged" : "new");
    cJSON *suppressions = cJSON_AddArrayToObject(result, "suppressions");
    if (v->allowed) {
        cJSON *s = cJSON_CreateObject();
        json_string(s, "kind", v->allowed == ALLOWED_NAME ? "inSource" : "external");
        json_string(s, "status", "accepted");
        json_string(s, "justification", v->by);
        cJSON_AddItemToArray(suppressions, s);
    }
    cJSON *properties = cJSON_AddObjectToObject(result, "properties");
    json_string(properties, "subject", x->subject);
    json_bool(properties, "fails", v->fails);
    return result;
}

static cJSON *rule_of(enum rule_id id)
{
    const struct rule *r = &finding_rules[id];
    cJSON *rule = cJSON_CreateObject();
    char help[4200];
    json_string(rule, "id", r->name);
    put_text(rule, "shortDescription", r->name);
    put_text(rule, "fullDescription", r->summary);
    snprintf(help, sizeof help, "%s\n\nWhat to do: %s\n\nforktrace learn %s shows it.", r->summary, r->fix,
             r->name);
    put_text(rule, "help", help);
    json_string(cJSON_AddObjectToObject(rule, "defaultConfiguration"), "level", level(r->severity));
    return rule;
}

static void put_driver(cJSON *run)
{
    cJSON *driver = cJSON_AddObjectToObject(cJSON_AddObjectToObject(run, "tool"), "driver");
    json_string(driver, "name", "forktrace");
    json_string(driver, "semanticVersion", FORKTRACE_VERSION);
    cJSON *rules = cJSON_AddArrayToObject(driver, "rules");
    for (enum rule_id id = 0; id < RULE_COUNT; id++) cJSON_AddItemToArray(rules, rule_of(id));
}

static void put_root(cJSON *run)
{
    char here[PATH_MAX], uri[PATH_MAX + 16];
    if (!getcwd(here, sizeof here)) return;
    snprintf(uri, sizeof uri, "file://%s%s", here, here[1] ? "/" : "");
    json_string(cJSON_AddObjectToObject(cJSON_AddObjectToObject(run, "originalUriBaseIds"), "%SRCROOT%"),
                "uri", uri);
}

/* What the verdicts could not take into account. */
static void put_lost(cJSON *invocation, const struct timeline *t)
{
    char lost[512];
    if (!*tree_lost(lost, sizeof lost, t)) return;
    cJSON *notification = cJSON_CreateObject();
    json_string(notification, "level", "warning");
    put_text(notification, "message", lost);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(invocation, "toolExecutionNotifications"), notification);
}

bool export_sarif(FILE *out, const struct judged *j)
{
    cJSON *document = cJSON_CreateObject(), *run = cJSON_CreateObject(), *invocation = cJSON_CreateObject();
    json_string(document, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    json_string(document, "version", "2.1.0");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(document, "runs"), run);
    put_driver(run);
    json_bool(invocation, "executionSuccessful", true);
    json_uint(invocation, "exitCode", j->failed ? EXIT_FINDINGS : EXIT_CLEAN);
    put_lost(invocation, j->loaded->timeline);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(run, "invocations"), invocation);
    put_root(run);
    cJSON *results = cJSON_AddArrayToObject(run, "results");
    for (size_t i = 0; i < j->findings->count; i++) cJSON_AddItemToArray(results, result_of(j, i));
    return json_document(out, document);
}
