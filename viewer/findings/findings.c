/*
 * findings.c: runs the rules, brings their findings into order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"

#define MOST 1000 /* findings a rule: a forged or monstrous trace shall not take for ever */

/* clang-format off */
const struct rule finding_rules[RULE_COUNT] = {
#define X(id, name, severity, summary, fix) [RULE_##id] = {name, SEVERITY_##severity, summary, fix},
    FINDING_RULES(X)
#undef X
};

static const struct {
    void (*find)(struct findings *);
    void (*tell)(const struct timeline *, struct finding *, struct say *, struct say *);
} code[RULE_COUNT] = {
#define X(id, name, severity, summary, fix) [RULE_##id] = {find_##id, tell_##id},
    FINDING_RULES(X)
#undef X
};
/* clang-format on */

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {"note", "warning", "error"};
    return names[severity];
}

enum rule_id finding_rule(const char *name)
{
    enum rule_id rule = 0;
    while (rule < RULE_COUNT && strcmp(finding_rules[rule].name, name)) rule++;
    return rule;
}

/* --- collecting ------------------------------------------------------------------------------- */

static uint64_t hashed(uint64_t h, const char *text, size_t length) /* FNV-1a */
{
    for (size_t i = 0; i < length; i++) h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
    return h;
}

/* How much of a subject differs between two builds of the same program: "0x40", and ":12" of "(app.py:12)".
 */
static size_t of_this_build(const char *text)
{
    if (text[0] == '0' && text[1] == 'x') return 2 + strspn(text + 2, "0123456789abcdef");
    if (text[0] != ':') return 0;
    size_t digits = strspn(text + 1, "0123456789");
    return digits && text[1 + digits] == ')' ? 1 + digits : 0;
}

static void fingerprint(struct finding *x)
{
    const char *rule = finding_rules[x->rule].name;
    uint64_t h = hashed(0xcbf29ce484222325u, rule, strlen(rule));
    for (const char *c = x->subject; *c; c++) {
        c += of_this_build(c);
        if (!*c) break;
        h = hashed(h, c, 1);
    }
    snprintf(x->fingerprint, sizeof x->fingerprint, "%s:%016" PRIx64, rule, h);
}

static struct finding *scratch(struct findings *f)
{
    static struct finding nobody;
    nobody = (struct finding){.subject = ""};
    return &nobody;
}

/* A rule's findings are the last ones of the list while it looks. */
struct finding *finding_of(struct findings *f, enum rule_id rule, const char *subject)
{
    size_t i = f->count;
    for (; i-- && f->list[i]->rule == rule;)
        if (!strcmp(f->list[i]->subject, subject)) return f->list[i];
    if (f->count - (i + 1) >= MOST) {
        f->left_out++;
        return scratch(f);
    }
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 16;
        struct finding **list = realloc(f->list, room * sizeof *list);
        if (!list) return f->failed = true, scratch(f);
        f->list = list, f->room = room;
    }
    struct finding *x = calloc(1, sizeof *x);
    char *copy = x ? strdup(subject) : NULL;
    if (!copy) return free(x), f->failed = true, scratch(f);
    *x = (struct finding){.rule = rule,
                          .severity = finding_rules[rule].severity,
                          .subject = copy,
                          .ns = INT64_MAX,
                          .fix = finding_rules[rule].fix};
    fingerprint(x);
    return f->list[f->count++] = x;
}

void finding_worse(struct finding *x, enum severity severity)
{
    if (severity > x->severity) x->severity = severity;
}

static void add(struct findings *f, struct finding *x, struct finding_ids *ids, uint32_t id)
{
    if (id == NONE || !x->fix) return; /* a scratch one has no fix */
    if (ids->count && ids->list[ids->count - 1] == id) return;
    if (ids->count == ids->room) {
        size_t room = ids->room ? 2 * ids->room : 8;
        uint32_t *list = realloc(ids->list, room * sizeof *list);
        if (!list) {
            f->failed = true;
            return;
        }
        ids->list = list, ids->room = room;
    }
    ids->list[ids->count++] = id;
}

void finding_process(struct findings *f, struct finding *x, process_id p) { add(f, x, &x->processes, p); }
void finding_thread(struct findings *f, struct finding *x, thread_id t) { add(f, x, &x->threads, t); }
void finding_global(struct findings *f, struct finding *x, global_id g) { add(f, x, &x->globals, g); }

void finding_event(struct findings *f, struct finding *x, event_id e)
{
    add(f, x, &x->evidence, e);
    if (e != NONE && f->timeline->events[e].ns < x->ns) x->ns = f->timeline->events[e].ns;
}

void finding_keep(struct findings *f, struct finding *x, const void *what, size_t size)
{
    if (!x->fix) return; /* a scratch one has none */
    if (!x->kept) x->kept = malloc(size);
    if (x->kept)
        memcpy(x->kept, what, size);
    else
        f->failed = true;
}

/* --- order and texts -------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void each_once(struct finding_ids *ids)
{
    if (!ids->count) return;
    qsort(ids->list, ids->count, sizeof *ids->list, by_id);
    size_t kept = 1;
    for (size_t i = 1; i < ids->count; i++)
        if (ids->list[i] != ids->list[kept - 1]) ids->list[kept++] = ids->list[i];
    ids->count = kept;
}

static void tell(struct findings *f, struct finding *x)
{
    struct say title = {0}, why = {0};
    each_once(&x->processes), each_once(&x->threads), each_once(&x->globals), each_once(&x->evidence);
    if (x->ns == INT64_MAX)
        x->ns = x->processes.count ? f->timeline->processes[x->processes.list[0]].start : 0;
    code[x->rule].tell(f->timeline, x, &title, &why);
    x->title = strdup(title.text);
    x->explanation = strdup(why.text);
    if (!x->title || !x->explanation) f->failed = true;
}

static int by_weight(const void *a, const void *b)
{
    const struct finding *x = *(struct finding *const *)a, *y = *(struct finding *const *)b;
    if (x->severity != y->severity) return x->severity > y->severity ? -1 : 1;
    if (x->rule != y->rule) return x->rule < y->rule ? -1 : 1;
    if (x->ns != y->ns) return x->ns < y->ns ? -1 : 1;
    return strcmp(x->subject, y->subject);
}

struct findings *findings_find(const struct timeline *t)
{
    struct findings *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->timeline = t;
    for (enum rule_id rule = 0; rule < RULE_COUNT; rule++) code[rule].find(f);
    for (size_t i = 0; i < f->count; i++) tell(f, f->list[i]);
    if (f->count) qsort(f->list, f->count, sizeof *f->list, by_weight);
    if (!f->failed) return f;
    findings_free(f);
    return NULL;
}

void findings_free(struct findings *f)
{
    if (!f) return;
    for (size_t i = 0; i < f->count; i++) {
        struct finding *x = f->list[i];
        free(x->subject), free(x->title), free(x->explanation), free(x->kept);
        free(x->processes.list), free(x->threads.list), free(x->globals.list), free(x->evidence.list);
        free(x);
    }
    free(f->list);
    free(f);
}
