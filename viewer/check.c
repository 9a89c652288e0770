/*
 * check.c: `forktrace check`: verdicts for CI. Exit status 0 if nothing is
 * found that counts, 1 if something is, 2 if the trace cannot be used.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "verdict.h"

enum { OPTION_FAIL_ON = 1, OPTION_ALLOW, OPTION_BASELINE, OPTION_FORMAT };
static const struct option options[] = {{"fail-on", required_argument, NULL, OPTION_FAIL_ON},
                                        {"allow", required_argument, NULL, OPTION_ALLOW},
                                        {"baseline", required_argument, NULL, OPTION_BASELINE},
                                        {"format", required_argument, NULL, OPTION_FORMAT},
                                        {0}};

static const struct {
    const char *name;
    verdict_format *write;
} formats[] = {
    {"text", verdict_text}, {"json", verdict_json}, {"sarif", export_sarif}, {"junit", export_junit}};

static struct {
    bool rules[RULE_COUNT]; /* --fail-on RULE */
    bool by_rule;
    enum severity severity; /* --fail-on SEVERITY */
    const char *baseline;
    verdict_format *format;
} want = {.severity = SEVERITY_WARNING, .format = verdict_text};

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

static bool format(const char *value)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(formats[i].name, value)) return want.format = formats[i].write, true;
    return command_usage("check", "--format is text, json, sarif or junit"), false;
}

static bool option(int letter, const char *value)
{
    switch (letter) {
    case OPTION_FAIL_ON: return fail_on(value);
    case OPTION_ALLOW: return !allow_option(value);
    case OPTION_BASELINE: want.baseline = value; return true;
    default: return format(value);
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

static bool is_asked_for(const struct finding *x)
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

static int judge(const struct loaded *l, const struct findings *f, const struct findings *old)
{
    struct verdict *verdicts = calloc(f->count + 1, sizeof *verdicts);
    struct judged j = {.loaded = l, .findings = f, .verdicts = verdicts, .baseline = old};
    for (size_t i = 0; verdicts && i < f->count; i++) {
        struct verdict *v = &verdicts[i];
        v->allowed = allow_find(l->timeline, f->list[i], v->by, sizeof v->by);
        v->known = is_known(old, f->list[i]);
        v->fails = is_asked_for(f->list[i]) && !v->allowed && !v->known;
        j.failed += v->fails, j.allowed += v->allowed != ALLOWED_NOT, j.known += v->known;
    }
    bool done = verdicts && want.format(stdout, &j);
    free(verdicts);
    if (!done) return command_error(l->path, "not enough memory: use a machine with more");
    return j.failed ? EXIT_FINDINGS : EXIT_CLEAN;
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
    int error = command_reading(argc, argv, options, "", option, &reading);
    if (!error) error = allow_file();
    if (!error && want.baseline) error = look(&before, want.baseline, reading.partial, &old);
    if (error) return error;
    error = look(&l, reading.file, reading.partial, &f);
    if (!error) error = judge(&l, f, old), leave(&l, f);
    if (old) leave(&before, old);
    return error;
}
