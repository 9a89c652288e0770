/*
 * junit.c: the result of `forktrace check` as JUnit XML: a test case for each
 * rule, which fails with all it found.
 */
#include "viewer/tree.h"
#include "viewer/verdict.h"
#include "xml.h"

static size_t count(const struct judged *j, enum rule_id rule, bool failing)
{
    size_t n = 0;
    for (size_t i = 0; i < j->findings->count; i++)
        n += j->findings->list[i]->rule == rule && j->verdicts[i].fails == failing;
    return n;
}

static void put_failure(FILE *out, const struct judged *j, enum rule_id rule)
{
    bool first = true;
    for (size_t i = 0; i < j->findings->count; i++) {
        const struct finding *x = j->findings->list[i];
        if (x->rule != rule || !j->verdicts[i].fails) continue;
        if (first) { /* readers show one message a test case: the worst, for it comes first */
            fputs("      <failure message=\"", out);
            xml_put(out, x->title);
            fprintf(out, "\" type=\"%s\">", severity_name(x->severity));
        }
        first = false;
        fprintf(out, "%s: ", severity_name(x->severity));
        xml_put(out, x->title);
        fputc('\n', out);
        xml_put(out, x->explanation);
        fputs("\nfix: ", out);
        xml_put(out, x->fix);
        fprintf(out, "\nfingerprint: ");
        xml_put(out, x->fingerprint);
        fputs("\n\n", out);
    }
    if (!first) fputs("</failure>\n", out);
}

/* What was found and does not count, so that nobody has to guess. */
static void put_others(FILE *out, const struct judged *j, enum rule_id rule)
{
    fputs("      <system-out>", out);
    for (size_t i = 0; i < j->findings->count; i++) {
        const struct finding *x = j->findings->list[i];
        const struct verdict *v = &j->verdicts[i];
        if (x->rule != rule || v->fails) continue;
        fprintf(out, "%s (", severity_name(x->severity));
        xml_put(out, v->allowed ? v->by : v->known ? "in the baseline" : "below --fail-on");
        fputs("): ", out);
        xml_put(out, x->title);
        fputc('\n', out);
    }
    fputs("</system-out>\n", out);
}

bool export_junit(FILE *out, const struct judged *j)
{
    size_t failures = 0;
    for (enum rule_id rule = 0; rule < RULE_COUNT; rule++) failures += count(j, rule, true) > 0;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
    fprintf(out, "<testsuites tests=\"%d\" failures=\"%zu\">\n", RULE_COUNT, failures);
    fputs("  <testsuite name=\"forktrace check ", out);
    xml_put(out, j->loaded->path);
    fprintf(out, "\" tests=\"%d\" failures=\"%zu\" errors=\"0\" skipped=\"0\">\n", RULE_COUNT, failures);
    for (enum rule_id rule = 0; rule < RULE_COUNT; rule++) {
        fprintf(out, "    <testcase classname=\"forktrace\" name=\"%s\">\n", finding_rules[rule].name);
        put_failure(out, j, rule);
        if (count(j, rule, false)) put_others(out, j, rule);
        fputs("    </testcase>\n", out);
    }
    char lost[512];
    if (*tree_lost(lost, sizeof lost, j->loaded->timeline)) {
        fputs("    <system-err>", out);
        xml_put(out, lost);
        fputs("</system-err>\n", out);
    }
    fputs("  </testsuite>\n</testsuites>\n", out);
    return true;
}
