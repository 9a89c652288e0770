/*
 * show.c: the difference for people: the answer, then what proves it, then what
 * is the same, so that what is not named did not happen.
 */
#include <string.h>

#include "diff.h"
#include "viewer/report.h"
#include "viewer/tree.h"

#define SHOWN 40 /* facts of a section */
#define NAMED 12 /* of those that are the same */

static const char *s(size_t n) { return n == 1 ? "" : "s"; }

/* --- the two runs ------------------------------------------------------------------------------- */

/* The command line, cut where the line ends. */
static void command(FILE *out, const struct process *p, unsigned width)
{
    struct say line = {0};
    const struct image *i = p->image_count ? &p->images[p->image_count - 1] : NULL;
    char word[512];
    for (size_t a = 0; i && a < i->argc; a++) {
        text_escape(word, sizeof word, i->argv[a], strlen(i->argv[a]));
        say(&line, "%s%s", a ? " " : "", word);
    }
    if (line.used) fprintf(out, "%3s%s", "", text_ink(INK_DIM));
    if (line.used) report_wrapped(out, line.text, 6, width);
    if (line.used) fputs(text_ink(INK_PLAIN), out);
}

static void header(FILE *out, const struct run *r, unsigned width)
{
    const struct timeline *t = r->t;
    size_t threads = 0;
    for (thread_id i = 0; i < t->thread_count; i++) threads += !t->threads[i].is_main;
    fprintf(out, "%s%s%s  ", text_ink(INK_BOLD), r->letter, text_ink(INK_PLAIN));
    text_put(out, r->path);
    fprintf(out, ": %zu process%s, %zu thread%s beside the main ones%s\n", t->process_count,
            t->process_count == 1 ? "" : "es", threads, s(threads), t->complete ? "" : "; not complete");
    if (t->process_count) command(out, &t->processes[0], width);
}

/* What it could not see: once for each reason. */
static void coverage(FILE *out, const struct run *r, unsigned width)
{
    char reason[512], before[512] = "";
    struct say line = {0};
    for (process_id p = 0; p < r->t->process_count; p++) {
        const struct process *process = &r->t->processes[p];
        bool covered = process->coverage == COVERAGE_FULL && !process->coverage_reason;
        if (covered || !unseen_in(r, part_of(r, p), SECTION_THREADS, reason) || !strcmp(reason, before))
            continue;
        if (line.used > sizeof line.text / 2) {
            say(&line, "; and more: forktrace report %s tells", r->letter);
            break;
        }
        say(&line, "%s%s", line.used ? "; " : "", reason);
        memcpy(before, reason, sizeof before);
    }
    if (*r->lost) say(&line, "%s%s", line.used ? "; " : "", r->lost);
    if (!line.used) return;
    fprintf(out, "%sNot seen in %s:%s ", text_ink(INK_BAD), r->letter, text_ink(INK_PLAIN));
    report_wrapped(out, line.text, 3, width);
}

/* --- findings ----------------------------------------------------------------------------------- */

static void reason(FILE *out, const char *text, unsigned indent, unsigned width)
{
    fprintf(out, "%*s%s", (int)indent, "", text_ink(INK_DIM));
    report_wrapped(out, text, indent, width);
    fputs(text_ink(INK_PLAIN), out);
}

/* Those only one run has; `run` 2: that both have, but one of them worse. */
static void only(FILE *out, const struct diff *d, int run, unsigned width)
{
    size_t count = 0;
    char heading[64];
    snprintf(heading, sizeof heading, run == 2 ? "Findings of both, worse in one" : "Findings only in %s",
             run == 2 ? "" : d->runs[run].letter);
    for (size_t i = 0; i < d->finding_count; i++) {
        const struct shared_finding *f = &d->findings[i];
        bool both = f->of[0] && f->of[1];
        if (both ? run != 2 || f->of[0]->severity == f->of[1]->severity : run == 2 || !f->of[run]) continue;
        if (!count++) report_heading(out, heading);
        if (count > SHOWN) continue;
        report_finding(out, both ? f->of[f->of[1]->severity > f->of[0]->severity] : f->of[run], true);
        if (both)
            fprintf(out, "%8s%s in A, %s in B\n", "", severity_name(f->of[0]->severity),
                    severity_name(f->of[1]->severity));
        if (*f->reason) reason(out, f->reason, 8, width);
    }
    if (count > SHOWN) fprintf(out, "  ... and %zu more\n", count - SHOWN);
}

/* --- facts -------------------------------------------------------------------------------------- */

static void side(FILE *out, const struct diff *d, const struct fact *f, int run, unsigned width)
{
    fprintf(out, "    %s%s%s  ", text_ink(INK_BOLD), d->runs[run].letter, text_ink(INK_PLAIN));
    report_wrapped(out, f->says[run] ? f->says[run] : "-", 7, width);
    if (f->unseen == run) {
        char text[600];
        snprintf(text, sizeof text, "not seen here: %s", f->reason);
        reason(out, text, 7, width);
    }
}

static void differing(FILE *out, const struct diff *d, enum section section, unsigned width)
{
    size_t count = 0;
    bool always = section == SECTION_PROCESSES; /* it says, too, what is compared with what */
    for (int counts = 1; counts >= 0; counts--)
        for (size_t i = 0; i < d->fact_count; i++) {
            const struct fact *f = &d->facts[i];
            if (f->section != section || f->counts != counts || (f->same && !always)) continue;
            if (!count++) report_heading(out, section_words[section].heading);
            if (count > SHOWN) continue;
            fprintf(out, "  %s%s%s%s\n", text_ink(counts ? INK_BOLD : INK_DIM), f->subject,
                    f->same          ? ": the same"
                    : counts         ? ""
                    : f->unseen >= 0 ? ": one run could not see it"
                                     : ": does not count",
                    text_ink(INK_PLAIN));
            side(out, d, f, 0, width), side(out, d, f, 1, width);
        }
    if (count > SHOWN) fprintf(out, "  ... and %zu more: --format json has all\n", count - SHOWN);
}

static size_t same(FILE *out, const struct diff *d, unsigned width)
{
    size_t all = 0;
    for (enum section section = 0; section < SECTION_COUNT; section++) {
        struct say line = {0};
        size_t count = 0;
        for (size_t i = 0; i < d->fact_count; i++) {
            if (d->facts[i].section != section || !d->facts[i].same) continue;
            if (count++ < NAMED) say(&line, "%s%s", line.used ? ", " : "", d->facts[i].subject);
        }
        if (count > NAMED) say(&line, " and %zu more", count - NAMED);
        if (count && !all) report_heading(out, "The same in both");
        all += count;
        if (!count) continue;
        fprintf(out, "  %s: ", section_words[section].heading);
        report_wrapped(out, line.text, 6, width);
    }
    size_t findings = 0;
    for (size_t i = 0; i < d->finding_count; i++) {
        const struct shared_finding *f = &d->findings[i];
        if (!f->of[0] || !f->of[1] || f->of[0]->severity != f->of[1]->severity) continue;
        if (!findings++) report_heading(out, "Findings of both");
        if (findings <= SHOWN) report_finding(out, f->of[1], true);
    }
    if (findings > SHOWN) fprintf(out, "  ... and %zu more\n", findings - SHOWN);
    return all + findings;
}

bool diff_text(FILE *out, const struct diff *d)
{
    unsigned width = report_width(out);
    for (int run = 0; run < 2; run++) header(out, &d->runs[run], width);
    fprintf(out, "\n%s", text_ink(INK_BOLD));
    report_wrapped(out, d->answer.text, 0, width);
    fputs(text_ink(INK_PLAIN), out);
    if (d->fix) fprintf(out, "%sfix:%s ", text_ink(INK_BOLD), text_ink(INK_PLAIN));
    if (d->fix) report_wrapped(out, d->fix, 5, width);
    for (int run = 0; run < 2; run++) coverage(out, &d->runs[run], width);
    for (int run = 0; run <= 2; run++) only(out, d, run, width);
    for (enum section section = 0; section < SECTION_COUNT; section++) differing(out, d, section, width);
    size_t alike = same(out, d, width);
    fprintf(out, "\n%zu difference%s that matter%s; %zu thing%s the same in both.\n", d->differences,
            s(d->differences), d->differences == 1 ? "s" : "", alike, s(alike));
    return true;
}
