/*
 * roles.c: what a process is to the person who runs it: "uwsgi worker 2".
 *
 * The program is the name of its image, or of the script an interpreter runs.
 * A process forked by one of the same program is its worker; workers are
 * numbered by birth, and the number of a dead one is given to the next.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* clang-format off */
static const struct rule {
    const char *program; /* NULL: everything else */
    const char *alone, *parent, *child; /* NULL: the program's name; child: a number follows */
} rules[] = {
    {"uwsgi",        NULL,               "uwsgi master",        "uwsgi worker"},
    {"gunicorn",     "gunicorn arbiter", "gunicorn arbiter",    "gunicorn worker"},
    {"celery",       NULL,               "celery main process", "celery pool worker"},
    {"apache2",      NULL,               "apache2 parent",      "apache2 child"},
    {"httpd",        NULL,               "httpd parent",        "httpd child"},
    {"nginx",        NULL,               "nginx master",        "nginx worker"},
    {"postgres",     NULL,               "postgres postmaster", "postgres backend"},
    {"redis-server", NULL,               NULL,                  "redis-server child"},
    {"php-fpm",      NULL,               "php-fpm master",      "php-fpm worker"},
    {NULL,           NULL,               NULL,                  NULL},
};
/* clang-format on */

#define TOLD_APART 64 /* numbers whose reuse is looked for */
struct numbers {
    uint32_t given;
    process_id holder[TOLD_APART];
};

struct kin { /* of one process */
    const char *program;
    process_id first_worker; /* forked by it, of the same program */
    uint32_t workers;
    bool is_worker;
    bool reloads, reloaded; /* starts itself anew in a child, as werkzeug's reloader does */
    struct numbers *numbers;
};

/* --- programs --------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path;
}

static bool is_interpreter(const char *name)
{
    static const char *const known[] = {"python", "perl", "ruby", "pypy"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i]);
        if (strncmp(name, known[i], length)) continue;
        const char *version = name + length;
        if (version[strspn(version, "0123456789.")] == 0) return true;
    }
    return false;
}

/* What `python -m flask`, `python -X dev app.py` and `/usr/bin/python3 /usr/bin/flask` run. */
static const char *script(const struct image *image)
{
    for (size_t i = 1; i < image->argc; i++) {
        const char *argument = image->argv[i];
        if (!strcmp(argument, "-c") || !strcmp(argument, "-")) return NULL;
        if (!strcmp(argument, "-m")) return i + 1 < image->argc ? image->argv[i + 1] : NULL;
        if (!strcmp(argument, "-X") || !strcmp(argument, "-W"))
            i++;
        else if (argument[0] != '-')
            return base_name(argument);
    }
    return NULL;
}

static const char *program_of(const struct image *image)
{
    const char *name = image->argc && image->argv[0][0] ? base_name(image->argv[0]) : base_name(image->exe);
    const char *exe = base_name(image->exe);
    if (!name) return NULL;
    if (name[0] == '-') name++; /* a login shell */
    const char *ran = is_interpreter(name) || (exe && is_interpreter(exe)) ? script(image) : NULL;
    if (ran && *ran) return ran;
    size_t title = strcspn(name, ": "); /* "nginx: master process ..." */
    return name[title] && exe ? exe : name;
}

static bool same(const char *a, const char *b) { return a && b && !strcmp(a, b); }

/* The same command line, but for the interpreter's own name; werkzeug's reloader makes the script's path
 * absolute. */
static bool same_command(const struct image *a, const struct image *b)
{
    if (a->argc != b->argc || a->argc < 2) return false;
    for (size_t i = 1; i < a->argc; i++)
        if (strcmp(base_name(a->argv[i]), base_name(b->argv[i]))) return false;
    return true;
}

static const struct image *last_image(const struct process *p)
{
    return p->image_count ? &p->images[p->image_count - 1] : NULL;
}

/* --- kinship ---------------------------------------------------------------------------------- */

static void find_worker(struct build *b, struct kin *kin, process_id p)
{
    const struct process *process = &b->t->processes[p];
    process_id parent = process->parent;
    const struct image *image = last_image(process);
    if (image) kin[p].program = program_of(image);
    if (parent == NONE || !same(kin[p].program, kin[parent].program)) return;
    if ((b->processes[p].copied || b->processes[p].forked) && process->image_count == 1) {
        kin[p].is_worker = true;
        if (!kin[parent].workers++) kin[parent].first_worker = p;
    } else if (same_command(image, last_image(&b->t->processes[parent]))) {
        kin[p].reloaded = kin[parent].reloads = true;
    }
}

/* It forked itself into the background and left. */
static bool is_launcher(const struct timeline *t, const struct kin *kin, process_id p)
{
    const struct process *process = &t->processes[p];
    if (kin[p].workers != 1 || process->how != END_EXIT || process->end == NEVER) return false;
    process_id heir = kin[p].first_worker;
    process_id grandchild = kin[heir].first_worker;
    if (grandchild != NONE) return process->end <= t->processes[grandchild].start;
    event_id made = t->processes[heir].fork;
    const struct event *fork = made == NONE ? NULL : EVENT_AT(t, made);
    return fork && fork->record && FT_GET(fork, fork->record).api == FT_FORK_daemon;
}

/*
 * A server's worker that has ended gives its number to the next one: that is how the server counts. Any
 * other child is told apart for as long as it is in the process table.
 */
static bool gives_number(const struct timeline *t, process_id holder, process_id p, bool server)
{
    const struct process *old = &t->processes[holder];
    int64_t start = t->processes[p].start;
    if (old->end == NEVER || old->end > start) return false;
    return server || (old->reap != NONE && t->events[old->reap].ns <= start);
}

static uint32_t number_of(struct build *b, struct kin *parent, process_id p, uint32_t first, bool server)
{
    if (!parent->numbers) parent->numbers = build_alloc(b, sizeof *parent->numbers);
    struct numbers *n = parent->numbers;
    uint32_t known = n->given < TOLD_APART ? n->given : TOLD_APART;
    for (uint32_t i = 0; i < known; i++) {
        if (!gives_number(b->t, n->holder[i], p, server)) continue;
        n->holder[i] = p;
        return first + i;
    }
    if (n->given < TOLD_APART) n->holder[n->given] = p;
    return first + n->given++;
}

static bool has_argument(const struct image *image, const char *text)
{
    for (size_t i = 1; image && i < image->argc; i++)
        if (strstr(image->argv[i], text)) return true;
    return false;
}

/* uWSGI without a master is its own first worker; a configuration file may ask for one out of our sight. */
static bool is_first_worker(const struct process *p, const char *program)
{
    static const char *const master_or_file[] = {"--master", "-M",   "master=", ".ini", ".yaml",
                                                 ".yml",     ".xml", ".json",   "--ini"};
    if (!same(program, "uwsgi")) return false;
    for (size_t i = 0; i < sizeof master_or_file / sizeof *master_or_file; i++)
        if (has_argument(last_image(p), master_or_file[i])) return false;
    return true;
}

static const struct rule *rule_of(const char *program)
{
    const struct rule *rule = rules;
    while (rule->program && strcmp(rule->program, program)) rule++;
    return rule;
}

static const char *reloader_role(struct build *b, const struct kin *kin)
{
    const char *program = kin->program;
    if (kin->reloaded) return build_format(b, "%s (reloaded)", program);
    return same(program, "flask") ? "werkzeug reloader" : build_format(b, "%s (reloader)", program);
}

static const char *worker_role(struct build *b, struct kin *kin, process_id p)
{
    process_id parent = b->t->processes[p].parent;
    const struct rule *rule = rule_of(kin[p].program);
    uint32_t first = is_first_worker(&b->t->processes[parent], kin[p].program) ? 2 : 1;
    uint32_t number = number_of(b, &kin[parent], p, first, rule->child);
    if (rule->child) return build_format(b, "%s %u", rule->child, number);
    return build_format(b, "%s child %u", kin[p].program, number);
}

static const char *role_of(struct build *b, struct kin *kin, process_id p)
{
    struct kin *k = &kin[p];
    const struct process *process = &b->t->processes[p];
    if (!k->program) return NULL;
    const struct rule *rule = rule_of(k->program);
    if (k->reloads || k->reloaded) return reloader_role(b, k);
    if (is_launcher(b->t, kin, p)) return build_format(b, "%s launcher", k->program);
    bool heir = k->is_worker && is_launcher(b->t, kin, process->parent);
    if (k->is_worker && !heir) return worker_role(b, kin, p);
    if (k->workers && is_first_worker(process, k->program)) return build_format(b, "%s worker 1", k->program);
    const char *role = k->workers ? rule->parent : rule->alone;
    return role ? role : k->program;
}

void roles_assign(struct build *b)
{
    struct timeline *t = b->t;
    struct kin *kin = calloc(t->process_count + 1, sizeof *kin);
    if (!kin) longjmp(b->no_memory, 1);
    for (process_id p = 0; p < t->process_count; p++) kin[p].first_worker = NONE;
    for (process_id p = 0; p < t->process_count; p++) find_worker(b, kin, p);
    for (process_id p = 0; p < t->process_count; p++) {
        t->processes[p].role = role_of(b, kin, p);
        t->processes[p].program = kin[p].program;
    }
    free(kin);
}
