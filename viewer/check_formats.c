/*
 * check_formats.c: the result of `forktrace check` for people, and as JSON.
 */

#include "tree.h"
#include "export/json.h"
#include "report.h"
#include "text.h"
#include "verdict.h"

bool verdict_json(FILE *out, const struct judged *j)
{
    cJSON *document = json_trace(j->loaded), *array = cJSON_AddArrayToObject(document, "findings");
    json_uint(document, "failed", j->failed);
    for (size_t i = 0; i < j->findings->count; i++) {
        const struct verdict *v = &j->verdicts[i];
        cJSON *x = json_finding(j->findings, i);
        json_bool(x, "fails", v->fails);
        json_string(x, "allowed_by", v->allowed ? v->by : NULL);
        json_bool(x, "in_baseline", v->known);
        cJSON_AddItemToArray(array, x);
    }
    return json_document(out, document);
}

bool verdict_text(FILE *out, const struct judged *j)
{
    const struct findings *f = j->findings;
    for (size_t i = 0; i < f->count; i++) {
        if (!j->verdicts[i].fails) continue;
        report_finding(out, f->list[i], false);
        fputc('\n', out);
    }
    text_put(out, j->loaded->path);
    if (j->failed)
        fprintf(out, ": %zu finding%s", j->failed, j->failed == 1 ? "" : "s");
    else
        fprintf(out, ": nothing found%s", f->count ? " that counts" : "");
    if (j->allowed) fprintf(out, "; %zu allowed", j->allowed);
    if (j->known) fprintf(out, "; %zu in the baseline, too", j->known);
    fputc('\n', out);
    char lost[512];
    if (*tree_lost(lost, sizeof lost, j->loaded->timeline))
        fprintf(out, "This trace is not complete: %s.\n", lost);
    else if (!j->loaded->timeline->complete)
        fputs("This trace is not complete: forktrace report tells what is missing.\n", out);
    if (f->left_out) fprintf(out, "%zu more were left out: a rule reports at most 1000.\n", f->left_out);
    return true;
}
