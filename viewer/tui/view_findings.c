/* view_findings.c: the verdicts under the title, worst first, one line each; and the selected one in full. */
#include <string.h>

#include "facts.h"
#include "tui.h"

#define SEVERITY_COLUMNS 9
#define EVIDENCE_SHOWN   30

static enum style style_of(enum severity severity)
{
    return severity == SEVERITY_ERROR     ? STYLE_TROUBLE
           : severity == SEVERITY_WARNING ? STYLE_SIGNAL
                                          : STYLE_DIM;
}

int findings_lines(const struct tui *tui)
{
    int height = tui->grid.height,
        most = height < 20 ? height / 6 : height / 3; /* the details come before more of them */
    int count = (int)(finding_count(tui) < 500 ? finding_count(tui) : 500);
    if (height < 12) return 0;
    return count < 1 ? 1 : count < most ? count : most;
}

/* "no findings", and what nobody looked at. */
static void draw_none(struct tui *tui, struct area a)
{
    const struct timeline *t = tui->timeline;
    size_t hidden = 0;
    const char *reason = NULL;
    char text[400];
    for (size_t i = 0; i < t->process_count; i++) {
        if (t->processes[i].coverage == COVERAGE_FULL) continue;
        hidden++;
        if (!reason) reason = t->processes[i].coverage_reason;
    }
    if (hidden)
        snprintf(text, sizeof text, "no findings; %zu process%s not fully seen%s%s", hidden,
                 hidden == 1 ? "" : "es", reason ? ": " : "", reason ? reason : "");
    else
        snprintf(text, sizeof text, "no findings%s",
                 !tui->findings ? ": they could not be looked for"
                 : tui->live    ? " so far"
                 : t->complete  ? "; every process was seen whole"
                                : "; but some records are lost: `forktrace report` says which");
    size_t used = strlen(text), troubles = tui->trouble_count;
    if (troubles)
        snprintf(text + used, sizeof text - used, "; n: %zu moment%s of trouble", troubles,
                 troubles == 1 ? "" : "s");
    grid_text(&tui->grid, a.x + 1, a.y, a.width - 2, hidden || !t->complete ? STYLE_SIGNAL : STYLE_NORMAL,
              text);
}

static void draw_one(struct tui *tui, size_t i, struct area a)
{
    const struct finding *x = tui->findings->list[i];
    struct grid *g = &tui->grid;
    bool selected = i == tui->verdict;
    if (selected)
        grid_put(g, a.x, a.y, tui->on_finding ? U'▌' : U'▏', tui->on_finding ? '>' : '.', STYLE_TITLE);
    grid_text(g, a.x + 1, a.y, SEVERITY_COLUMNS - 1, style_of(x->severity), severity_name(x->severity));
    grid_text(g, a.x + SEVERITY_COLUMNS, a.y, a.width - SEVERITY_COLUMNS - 1,
              x->severity == SEVERITY_NOTE ? STYLE_DIM
              : selected                   ? STYLE_TITLE
                                           : STYLE_NORMAL,
              x->title);
    if (selected && tui->on_finding) grid_light(g, (struct area){a.x, a.y, a.width, 1}, LIT_ROW);
}

/* The finding on the first line: the selected one is always among those shown. */
static size_t topmost(const struct tui *tui, size_t lines)
{
    return tui->verdict < finding_count(tui) && tui->verdict >= lines ? tui->verdict - lines + 1 : 0;
}

void findings_click(struct tui *tui, int line, bool go)
{
    size_t i = topmost(tui, (size_t)findings_lines(tui)) + (size_t)line;
    if (i >= finding_count(tui)) return;
    place_keep(tui);
    verdict_go(tui, i);
    if (go) tui_key(tui, K_ENTER);
}

void findings_draw(struct tui *tui, struct area a)
{
    size_t count = finding_count(tui), lines = (size_t)a.height, top = topmost(tui, lines);
    if (!lines) return;
    if (!count) {
        draw_none(tui, a);
        return;
    }
    for (size_t i = 0; i < lines && top + i < count; i++)
        draw_one(tui, top + i, (struct area){a.x, a.y + (int)i, a.width, 1});
    if (top + lines >= count) return;
    char more[40];
    int wide = snprintf(more, sizeof more, " %zu more: n ", count - top - lines);
    grid_text(&tui->grid, a.x + a.width - wide, a.y + a.height - 1, wide, STYLE_DIM, more);
}

void findings_facts(const struct tui *tui, struct facts *f)
{
    const struct timeline *t = tui->timeline;
    const struct finding *x = tui->findings->list[tui->verdict];
    char line[300], time[40];
    facts_add(f, NULL, style_of(x->severity), "%s", x->title);
    if (x->explanation && *x->explanation) facts_add(f, NULL, STYLE_NORMAL, "%s", x->explanation);
    facts_add(f, "fix", STYLE_LIVE, "%s", x->fix);
    for (size_t i = 0; i < x->evidence.count && i < EVIDENCE_SHOWN; i++) {
        event_id event = x->evidence.list[i];
        if (event >= t->event_count) continue;
        fact_event_line(t, event, line, sizeof line);
        facts_add(f, i ? "" : "evidence", STYLE_NORMAL, "%s  %s, in %s",
                  time_text(t->events[event].ns, 1000, time, sizeof time), line,
                  process_name(t, EVENT_AT(t, event)->process));
    }
    if (x->evidence.count > EVIDENCE_SHOWN)
        facts_add(f, "", STYLE_DIM, "and %zu more events", x->evidence.count - EVIDENCE_SHOWN);
    facts_add(f, "rule", STYLE_DIM, "%s", finding_rules[x->rule].name);
}
