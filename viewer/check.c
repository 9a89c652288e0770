/*
 * check.c: `forktrace check`: verdicts for CI. Exit status 0 if nothing is
 * found that counts, 1 if something is, 2 if the trace cannot be used.
 */
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "export/json.h"
#include "findings/findings.h"
#include "report.h"
#include "text.h"

#define MOST_ALLOWED 256
enum { OPTION_FAIL_ON = 1, OPTION_ALLOW, OPTION_BASELINE, OPTION_FORMAT };
static const struct option options[] = {{"fail-on", required_argument, NULL, OPTION_FAIL_ON},
                                        {"allow", required_argument, NULL, OPTION_ALLOW},
                                        {"baseline", required_argument, NULL, OPTION_BASELINE},
                                        {"format", required_argument, NULL, OPTION_FORMAT},
                                        {0}};

static struct {
    bool rules[RULE_COUNT]; /* --fail-on RULE */
    bool by_rule;
    enum severity severity; /* --fail-on SEVERITY */
    struct {
        enum rule_id rule;
        const char *pattern;
    } allow[MOST_ALLOWED];
    size_t allowed;
    const char *baseline;
    bool json;
} want;

/* --- options ---------------------------------------------------------------------------------- */

static int no_rule(const char *option, size_t length, const char *name)
{
    return command_usage("check", "%s: there is no rule '%.*s'", option, (int)length, name);
}

static enum rule_id rule_named(const char *name, size_t length)
{
    char text[64] = "";
    if (length < sizeof text) memcpy(text, name, length);
    return finding_rule(text);
}

static bool fail_on(const char *value)
{
    static const char *const names[] = {"any", "warning", "error"};
    for (int s = SEVERITY_NOTE; s <= SEVERITY_ERROR; s++)
        if (!strcmp(value, names[s])) return want.severity = (enum severity)s, want.by_rule = false, true;
    want.by_rule = true;
    for (const char *at = value;;) {
        size_t length = strcspn(at, ",");
        enum rule_id rule = rule_named(at, length);
        if (rule == RULE_COUNT) return no_rule("--fail-on", length, at), false;
        want.rules[rule] = true;
        if (!at[length]) return true;
        at += length + 1;
    }
}

static bool allow(const char *value)
{
    size_t length = strcspn(value, ":");
    enum rule_id rule = rule_named(value, length);
    if (rule == RULE_COUNT) return no_rule("--allow", length, value), false;
    if (!value[length])
        return command_usage("check", "--allow is RULE:PATTERN, for example %s:'*'", value), false;
    if (want.allowed == MOST_ALLOWED) return command_usage("check", "--allow: too many of them"), false;
    want.allow[want.allowed].rule = rule;
    want.allow[want.allowed++].pattern = value + length + 1;
    return true;
}

static bool option(int letter, const char *value)
{
    switch (letter) {
    case OPTION_FAIL_ON: return fail_on(value);
    case OPTION_ALLOW: return allow(value);
    case OPTION_BASELINE: want.baseline = value; return true;
    default:
        want.json = !strcmp(value, "json");
        if (want.json || !strcmp(value, "text")) return true;
        command_usage("check", "--format is text or json");
        return false;
    }
}

void check_help(FILE *out)
{
    fputs("\nRules (and how bad they usually are):\n", out);
    for (enum rule_id rule = 0; rule < RULE_COUNT; rule++) {
        const struct rule *r = &finding_rules[rule];
        fprintf(out, "  %-22s %s: %s\n", r->name, severity_name(r->severity), r->summary);
    }
}

/* --- verdict ---------------------------------------------------------------------------------- */

static bool is_allowed(const struct finding *x)
{
    for (size_t i = 0; i < want.allowed; i++)
        if (want.allow[i].rule == x->rule && !fnmatch(want.allow[i].pattern, x->subject, 0)) return true;
    return false;
}

static bool fails(const struct finding *x)
{
    return want.by_rule ? want.rules[x->rule] : x->severity >= want.severity;
}

/* What the old run had, too, at least as badly. */
static bool is_known(const struct findings *old, const struct finding *x)
{
    for (size_t i = 0; old && i < old->count; i++)
        if (!strcmp(old->list[i]->fingerprint, x->fingerprint) && old->list[i]->severity >= x->severity)
            return true;
    return false;
}

static int print_json(const struct loaded *l, const struct findings *f, const bool *counts, size_t bad)
{
    cJSON *document = json_trace(l), *array = cJSON_AddArrayToObject(document, "findings");
    json_uint(document, "failed", bad);
    for (size_t i = 0; i < f->count; i++) {
        cJSON *x = json_finding(f, i);
        json_bool(x, "fails", counts[i]);
        cJSON_AddItemToArray(array, x);
    }
    char *text = cJSON_Print(document);
    cJSON_Delete(document);
    if (!text) return command_error(NULL, "not enough memory: use --format text");
    puts(text);
    cJSON_free(text);
    return 0;
}

static void print_text(const struct loaded *l, const struct findings *f, const bool *counts, size_t bad)
{
    for (size_t i = 0; i < f->count; i++) {
        if (!counts[i]) continue;
        report_finding(stdout, f->list[i], false);
        putchar('\n');
    }
    text_put(stdout, l->path);
    if (bad)
        printf(": %zu finding%s\n", bad, bad == 1 ? "" : "s");
    else
        printf(": nothing found%s\n", f->count ? " that counts" : "");
    if (!l->timeline->complete) puts("This trace is not complete: forktrace report tells what is missing.");
    if (f->left_out) printf("%zu more were left out: a rule reports at most 1000.\n", f->left_out);
}

static int judge(const struct loaded *l, const struct findings *f, const struct findings *old)
{
    bool *counts = calloc(f->count + 1, sizeof *counts);
    if (!counts) return command_error(l->path, "not enough memory: use a machine with more");
    size_t bad = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct finding *x = f->list[i];
        bad += counts[i] = fails(x) && !is_allowed(x) && !is_known(old, x);
    }
    int error = 0;
    if (want.json)
        error = print_json(l, f, counts, bad);
    else
        print_text(l, f, counts, bad);
    free(counts);
    return error ? error : bad ? EXIT_FINDINGS : EXIT_CLEAN;
}

static int look(struct loaded *l, const char *path, bool partial, struct findings **f)
{
    int error = load(l, path, partial);
    if (error) return error;
    *f = findings_find(l->timeline);
    if (*f) return 0;
    unload(l);
    return command_error(path, "not enough memory for this trace: use a machine with more");
}

static void leave(struct loaded *l, struct findings *f)
{
    findings_free(f);
    unload(l);
}

int check_main(int argc, char **argv)
{
    struct reading reading;
    struct loaded l, before;
    struct findings *f, *old = NULL;
    want.severity = SEVERITY_WARNING;
    int error = command_reading(argc, argv, options, "", option, &reading);
    if (!error && want.baseline) error = look(&before, want.baseline, reading.partial, &old);
    if (error) return error;
    error = look(&l, reading.file, reading.partial, &f);
    if (!error) error = judge(&l, f, old), leave(&l, f);
    if (old) leave(&before, old);
    return error;
}
