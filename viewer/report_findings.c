/*
 * report_findings.c: verdicts as text: for `report`, where they come first, and
 * for `check`.
 */
#include <string.h>

#include "report.h"
#include "text.h"
#include "tree.h"

#define NOTES_SHOWN 5

void report_wrapped(FILE *out, const char *text, unsigned indent, unsigned width)
{
    unsigned column = indent;
    while (*text) {
        size_t n = strcspn(text, " ");
        char word[512];
        if (n >= sizeof word) n = sizeof word - 1;
        memcpy(word, text, n);
        word[n] = 0;
        unsigned columns = (unsigned)text_columns(word);
        if (column > indent && column + 1 + columns > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fputs(word, out);
        column += columns;
        text += n;
        text += *text == ' ';
    }
    fputc('\n', out);
}

unsigned report_width(FILE *out)
{
    unsigned width = tree_width(out);
    return width > 110 ? 110 : width < 40 ? 40 : width;
}

void report_finding(FILE *out, const struct finding *x, bool brief)
{
    static const enum ink inks[] = {INK_DIM, INK_GHOST, INK_BAD};
    unsigned width = report_width(out);
    fprintf(out, "%s%-7s%s ", text_ink(inks[x->severity]), severity_name(x->severity), text_ink(INK_PLAIN));
    report_wrapped(out, x->title, 8, width);
    if (!brief) {
        fprintf(out, "%8s", "");
        report_wrapped(out, x->explanation, 8, width);
        fprintf(out, "%8s%sfix:%s ", "", text_ink(INK_BOLD), text_ink(INK_PLAIN));
        report_wrapped(out, x->fix, 13, width);
    }
    fprintf(out, "%8s%s%s%s\n", "", text_ink(INK_DIM), finding_rules[x->rule].name, text_ink(INK_PLAIN));
}

void report_findings(FILE *out, const struct timeline *t)
{
    struct findings *f = findings_find(t);
    if (!f) {
        fputs("\nnot enough memory to look for what is wrong\n", out);
        return;
    }
    size_t notes = 0;
    for (size_t i = 0; i < f->count; i++) {
        bool note = f->list[i]->severity == SEVERITY_NOTE;
        if (note && ++notes > NOTES_SHOWN) continue;
        fputc('\n', out);
        report_finding(out, f->list[i], note);
    }
    if (notes > NOTES_SHOWN)
        fprintf(out, "\n%zu more notes: forktrace check --fail-on any FILE lists all\n", notes - NOTES_SHOWN);
    findings_free(f);
}
