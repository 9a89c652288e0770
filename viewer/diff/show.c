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

/* What runs: a shell that starts the server tells nobody anything. */
static const struct image *server_image(const struct run *r)
{
    const struct process *p = r->t->process_count ? &r->t->processes[r->server] : NULL;
    return p && p->image_count ? &p->images[p->image_count - 1] : NULL;
}

/* An argument, cut where nobody reads on. */
static void argument(struct say *s, const char *text)
{
    char word[512];
    bool cut = text_escape(word, sizeof word, text, strlen(text)) > 96;
    if (cut) text_escape(word, 97, text, strlen(text));
    say(s, "%s%s%s", s->used ? " " : "", word, cut ? "..." : "");
}

/* The command line. */
static void command(FILE *out, const struct image *i, unsigned width)
{
    struct say line = {0};
    for (size_t a = 0; i && a < i->argc && line.used < 600; a++) argument(&line, i->argv[a]);
    if (line.used >= 600) say(&line, " ...");
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
    command(out, server_image(r), width);
}

static bool has_argument(const struct image *i, const char *argument)
{
    for (size_t a = 0; i && a < i->argc; a++)
        if (!strcmp(i->argv[a], argument)) return true;
    return false;
}

/* Of one program started in two ways: what only one command line has. */
static void arguments(FILE *out, const struct diff *d, unsigned width)
{
    for (int run = 0; run < 2 && d->same_program; run++) {
        const struct image *mine = server_image(&d->runs[run]), *its = server_image(&d->runs[!run]);
        struct say line = {0};
        for (size_t a = 1; mine && a < mine->argc; a++) {
            if (has_argument(its, mine->argv[a])) continue;
            bool value = mine->argv[a][0] != '-' && mine->argv[a - 1][0] == '-';
            if (value && has_argument(its, mine->argv[a - 1])) argument(&line, mine->argv[a - 1]);
            argument(&line, mine->argv[a]);
        }
        if (line.used)
            fprintf(out, "   %sonly in %s:%s ", text_ink(INK_BOLD), d->runs[run].letter, text_ink(INK_PLAIN));
        if (line.used) report_wrapped(out, line.text, 6, width);
    }
}

static bool unseen(const struct run *r, process_id p, char *reason)
{
    for (int s = 0; s < SECTION_COUNT; s++)
        if (unseen_in(r, part_of(r, p), (enum section)s, reason)) return true;
    return false;
}

/* What it could not see: once for each reason. */
static void coverage(FILE *out, const struct run *r, unsigned width)
{
    char reason[512], before[512] = "";
    struct say line = {0};
    for (process_id p = 0; p < r->t->process_count; p++) {
        const struct process *process = &r->t->processes[p];
        bool covered = process->coverage == COVERAGE_FULL && !process->coverage_reason;
        if (covered || !unseen(r, p, reason) || !strcmp(reason, before)) continue;
        if (!line.used) say(&line, "Not seen in %s: ", r->letter);
        if (line.used > sizeof line.text / 2) {
            say(&line, "; and more: forktrace report tells");
            break;
        }
        say(&line, "%s%s", *before ? "; " : "", reason);
        memcpy(before, reason, sizeof before);
    }
    if (*r->lost && !line.used) say(&line, "Not seen in %s: %s", r->letter, r->lost);
    if (!line.used) return;
    fputs(text_ink(INK_BAD), out);
    report_wrapped(out, line.text, 3, width);
    fputs(text_ink(INK_PLAIN), out);
}

/* --- findings ----------------------------------------------------------------------------------- */

static void reason(FILE *out, const char *why, unsigned width)
{
    struct say text = {0};
    say(&text, "does not count: %s", why);
    fprintf(out, "%8s%s", "", text_ink(INK_DIM));
    report_wrapped(out, text.text, 8, width);
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
        if (*f->reason) reason(out, f->reason, width);
    }
    if (count > SHOWN) fprintf(out, "  ... and %zu more\n", count - SHOWN);
}

/* --- facts -------------------------------------------------------------------------------------- */

static void side(FILE *out, const struct diff *d, const struct fact *f, int run, unsigned width)
{
    const char *nothing = f->unseen == run ? "not seen" : section_words[f->section].absent;
    fprintf(out, "    %s%s%s  ", text_ink(INK_BOLD), d->runs[run].letter, text_ink(INK_PLAIN));
    report_wrapped(out, f->says[run] ? f->says[run] : nothing, 7, width);
}

/* On one line: what only one run has, and processes that are the same. */
static bool short_fact(FILE *out, const struct diff *d, const struct fact *f, unsigned width)
{
    struct say line = {0};
    int run = !f->says[0];
    if (f->unseen >= 0) return false;
    if (!f->says[0] || !f->says[1])
        say(&line, "%s, only in %s: %s%s", f->subject, d->runs[run].letter, f->says[run],
            f->counts ? "" : " (does not count)");
    else if (f->same && !strcmp(f->says[0], f->says[1]))
        say(&line, "in both: %s", f->says[0]);
    else
        return false;
    fprintf(out, "  %s", f->counts ? "" : text_ink(INK_DIM));
    report_wrapped(out, line.text, 7, width);
    fputs(f->counts ? "" : text_ink(INK_PLAIN), out);
    return true;
}

static void one_fact(FILE *out, const struct diff *d, const struct fact *f, unsigned width)
{
    struct say line = {0};
    if (short_fact(out, d, f, width)) return;
    say(&line, "%s", f->subject);
    if (f->unseen >= 0) /* all of the reason stands at the top */
        say(&line, ": not seen in %s: %.*s", d->runs[f->unseen].letter, (int)strcspn(f->reason, ";"),
            f->reason);
    else if (!f->counts && !f->same)
        say(&line, ": does not count");
    enum ink ink = f->counts || f->same ? INK_BOLD : INK_DIM;
    fprintf(out, "  %s", text_ink(ink));
    report_wrapped(out, line.text, 7, width);
    fputs(text_ink(INK_PLAIN), out);
    side(out, d, f, 0, width), side(out, d, f, 1, width);
}

/* Only one run has it, which is no news: a server's own handlers. */
static bool is_aside(const struct fact *f, enum section section, int run)
{
    return f->section == section && !f->same && !f->counts && f->unseen < 0 && f->says[run] && !f->says[!run];
}

#define ASIDE 3 /* more of them share a line */

static size_t asides(const struct diff *d, enum section section, int run)
{
    size_t count = 0;
    for (size_t i = 0; i < d->fact_count; i++) count += is_aside(&d->facts[i], section, run);
    return count > ASIDE ? count : 0;
}

static void aside(FILE *out, const struct diff *d, enum section section, int run, unsigned width)
{
    struct say line = {0};
    size_t count = 0;
    say(&line, "only in %s, which does not count:", d->runs[run].letter);
    for (size_t i = 0; i < d->fact_count; i++)
        if (is_aside(&d->facts[i], section, run) && count++ < SHOWN)
            say(&line, "%s %s", count > 1 ? "," : "", d->facts[i].subject);
    if (count > SHOWN) say(&line, " and %zu more", count - SHOWN);
    fprintf(out, "  %s", text_ink(INK_DIM));
    report_wrapped(out, line.text, 7, width);
    fputs(text_ink(INK_PLAIN), out);
}

static void differing(FILE *out, const struct diff *d, enum section section, unsigned width)
{
    size_t count = 0, left[2] = {asides(d, section, 0), asides(d, section, 1)};
    bool always = section == SECTION_PROCESSES; /* it says, too, what is compared with what */
    for (int counts = 1; counts >= 0; counts--)
        for (size_t i = 0; i < d->fact_count; i++) {
            const struct fact *f = &d->facts[i];
            if (f->section != section || f->counts != counts || (f->same && !always)) continue;
            if (left[!f->says[0]] && is_aside(f, section, !f->says[0])) continue;
            if (!count++) report_heading(out, section_words[section].heading);
            if (count <= SHOWN) one_fact(out, d, f, width);
        }
    if (count > SHOWN) fprintf(out, "  ... and %zu more: --format json has all\n", count - SHOWN);
    if (!count && (left[0] || left[1])) report_heading(out, section_words[section].heading);
    for (int run = 0; run < 2; run++)
        if (left[run]) aside(out, d, section, run, width);
}

static size_t same(FILE *out, const struct diff *d, unsigned width)
{
    size_t all = 0;
    for (enum section section = SECTION_PROCESSES + 1; section < SECTION_COUNT; section++) {
        struct say line = {0};
        size_t count = 0;
        for (size_t i = 0; i < d->fact_count; i++) {
            if (d->facts[i].section != section || !d->facts[i].same) continue;
            if (!count) say(&line, "%s: ", section_words[section].heading);
            if (count++ < NAMED) say(&line, "%s%s", count > 1 ? ", " : "", d->facts[i].subject);
        }
        if (count > NAMED) say(&line, " and %zu more", count - NAMED);
        if (count && !all) report_heading(out, "The same in both");
        all += count;
        if (!count) continue;
        fputs("  ", out);
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

static size_t uncounted(const struct diff *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->fact_count; i++) count += !d->facts[i].same && !d->facts[i].counts;
    for (size_t i = 0; i < d->finding_count; i++) {
        const struct shared_finding *f = &d->findings[i];
        bool alike = f->of[0] && f->of[1] && f->of[0]->severity == f->of[1]->severity;
        count += !alike && !f->counts;
    }
    return count;
}

/* The same is not the same as well. */
static void both_ill(FILE *out, const struct diff *d)
{
    size_t count[SEVERITY_ERROR + 1] = {0};
    for (size_t i = 0; i < d->finding_count; i++)
        if (d->findings[i].of[0] && d->findings[i].of[1]) count[d->findings[i].of[1]->severity]++;
    size_t errors = count[SEVERITY_ERROR], warnings = count[SEVERITY_WARNING];
    if (d->differences || (!errors && !warnings)) return;
    fprintf(out, "Both have %zu error%s and %zu warning%s: see below.\n", errors, s(errors), warnings,
            s(warnings));
}

bool diff_text(FILE *out, const struct diff *d)
{
    unsigned width = report_width(out);
    for (int run = 0; run < 2; run++) header(out, &d->runs[run], width);
    arguments(out, d, width);
    fprintf(out, "\n%s", text_ink(INK_BOLD));
    report_wrapped(out, d->answer.text, 0, width);
    fputs(text_ink(INK_PLAIN), out);
    both_ill(out, d);
    if (d->fix) fprintf(out, "%sfix:%s ", text_ink(INK_BOLD), text_ink(INK_PLAIN));
    if (d->fix) report_wrapped(out, d->fix, 5, width);
    for (int run = 0; run < 2; run++) coverage(out, &d->runs[run], width);
    for (int run = 0; run <= 2; run++) only(out, d, run, width);
    for (enum section section = 0; section < SECTION_COUNT; section++) differing(out, d, section, width);
    size_t alike = same(out, d, width);
    fprintf(out, "\n%zu difference%s that matter%s, %zu that %s not; %zu thing%s the same in both.\n",
            d->differences, s(d->differences), d->differences == 1 ? "s" : "", uncounted(d),
            uncounted(d) == 1 ? "does" : "do", alike, s(alike));
    return true;
}
