/*
 * learn.c: `forktrace learn`: each rule as a lesson: a program with the pitfall,
 * what it prints, what the trace shows and says, and the program without it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "export/json.h"
#include "lesson.h"
#include "report.h"
#include "text.h"
#include "tree.h"
#include "tui/tui.h"

static struct {
    bool yes, all;
    const char *out;
    enum language language; /* LANGUAGE_COUNT: whichever can be run, C first */
} want = {.language = LANGUAGE_COUNT};

/* --- which ------------------------------------------------------------------------------------ */

static bool has_lesson(enum rule_id rule, enum language language)
{
    return lesson_source(rule, language, false) && lesson_source(rule, language, true);
}

/* The language to teach a rule in, or LANGUAGE_COUNT; `out` hears why it is not the first choice. */
static enum language choose(FILE *out, enum rule_id rule)
{
    for (enum language l = 0; l < LANGUAGE_COUNT; l++) {
        if (!has_lesson(rule, l) || (want.language != LANGUAGE_COUNT && want.language != l)) continue;
        const char *obstacle = lesson_obstacle(rule, l);
        if (!obstacle) return l;
        fprintf(out, "%s: %s, which the variant in %s needs.\n", finding_rules[rule].name, obstacle,
                lesson_languages[l]);
    }
    return LANGUAGE_COUNT;
}

static void list(void)
{
    puts("Lessons: forktrace learn LESSON\n");
    for (enum rule_id rule = 0; rule < RULE_COUNT; rule++) {
        char languages[32] = "";
        for (enum language l = 0; l < LANGUAGE_COUNT; l++)
            if (has_lesson(rule, l)) strcat(strcat(languages, *languages ? ", " : ""), lesson_languages[l]);
        printf("  %s%-22s%s %s\n", text_ink(*languages ? INK_BOLD : INK_DIM), finding_rules[rule].name,
               text_ink(INK_PLAIN), *languages ? languages : "no lesson yet");
    }
}

/* --- telling ---------------------------------------------------------------------------------- */

static void heading(FILE *out, const char *text)
{
    fprintf(out, "\n%s%s%s\n\n", text_ink(INK_BOLD), text, text_ink(INK_PLAIN));
}

enum { MOST_LINES = 128 };

struct lines {
    const char *start[MOST_LINES];
    size_t length[MOST_LINES], count;
};

static struct lines lines_of(const char *text)
{
    struct lines l = {0};
    for (; *text && l.count < MOST_LINES; text += l.length[l.count], text += *text == '\n', l.count++) {
        l.start[l.count] = text;
        l.length[l.count] = strcspn(text, "\n");
    }
    return l;
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
    return a->length[i] == b->length[k] && !memcmp(a->start[i], b->start[k], a->length[i]);
}

/* Which lines of a text are not those of another, in order: all but their longest common subsequence. */
static void mark_new(const struct lines *a, const struct lines *old, bool *marked)
{
    static uint8_t common[MOST_LINES + 1][MOST_LINES + 1]; /* of what follows line i, line k */
    memset(common, 0, sizeof common);
    for (size_t i = a->count; i--;)
        for (size_t k = old->count; k--;) {
            uint8_t skip = common[i + 1][k] > common[i][k + 1] ? common[i + 1][k] : common[i][k + 1];
            common[i][k] = same(a, i, old, k) ? (uint8_t)(common[i + 1][k + 1] + 1) : skip;
        }
    for (size_t i = 0, k = 0; i < a->count; i++) {
        while (k < old->count && !same(a, i, old, k) && common[i][k + 1] == common[i][k]) k++;
        marked[i] = k >= old->count || !same(a, i, old, k);
        k += !marked[i];
    }
}

/* Numbered; lines that another text has not are marked. */
static void put_source(FILE *out, const char *text, const char *other)
{
    struct lines l = lines_of(text), old = lines_of(other ? other : text);
    bool marked[MOST_LINES];
    mark_new(&l, &old, marked);
    for (size_t i = 0; i < l.count; i++) {
        bool shown = marked[i] && l.length[i];
        fprintf(out, "%s%3zu %c %.*s%s\n", text_ink(shown ? INK_BOLD : INK_PLAIN), i + 1, shown ? '+' : ' ',
                (int)l.length[i], l.start[i], text_ink(INK_PLAIN));
    }
}

static void put_output(FILE *out, const char *text)
{
    for (; *text; text += strcspn(text, "\n") + 1)
        fprintf(out, "    | %.*s\n", (int)strcspn(text, "\n"), text);
}

/* The lines of two texts beside each other. */
static void put_beside(FILE *out, const char *left, const char *right, int column)
{
    while (*left || *right) {
        size_t l = strcspn(left, "\n"), r = strcspn(right, "\n");
        char text[300];
        snprintf(text, sizeof text, "%.*s", (int)l, left);
        int pad = column - (int)text_columns(text);
        fprintf(out, "    | %.*s%*s| %.*s\n", (int)l, left, pad > 1 ? pad : 1, "", (int)r, right);
        left += l + (left[l] == '\n'), right += r + (right[r] == '\n');
    }
}

/* The lanes of the screen, as text. */
static void put_lanes(FILE *out, const struct lesson_run *run, int width)
{
    struct tui tui;
    bool ascii = strcmp(nl_langinfo(CODESET), "UTF-8");
    if (!tui_open(&tui, run->loaded.timeline, "", width, 40, ascii)) return;
    int height = (int)(tui.rows.count < 40 ? tui.rows.count : 40) + 1;
    if (tui_resize(&tui, width, height)) {
        grid_clear(&tui.grid);
        tui.top = 0;
        view_lanes.draw(&tui, (struct area){0, 0, width, height});
        grid_print(&tui.grid, out);
    }
    tui_close(&tui);
}

static void put_verdict(FILE *out, const struct lesson_run *run)
{
    const struct finding *x = lesson_finding(run);
    if (x)
        report_finding(out, x, false);
    else
        fprintf(out, "no finding of %s\n", finding_rules[run->rule].name);
}

static void wait_for_reader(const char *question)
{
    int c;
    printf("\n%s%s%s", text_ink(INK_BOLD), question, text_ink(INK_PLAIN));
    if (want.yes) {
        puts("");
        return;
    }
    fputs(" [Enter] ", stdout);
    fflush(stdout);
    while ((c = getchar()) != '\n' && c != EOF) continue;
}

static void tell_sick(FILE *out, const struct lesson_run *run, int width)
{
    heading(out, "It prints");
    put_output(out, run->output);
    heading(out, "What happened");
    put_lanes(out, run, width);
    heading(out, "forktrace says");
    put_verdict(out, run);
}

static void tell_fixed(FILE *out, const struct lesson_run *sick, const struct lesson_run *fixed, int width)
{
    const char *text = lesson_source(fixed->rule, fixed->language, true);
    heading(out, "Without the pitfall (+: other lines)");
    put_source(out, text, lesson_source(fixed->rule, fixed->language, false));
    heading(out, "What they print: as it was, and without the pitfall");
    put_beside(out, sick->output, fixed->output, width / 2 - 6);
    heading(out, "What happened");
    put_lanes(out, fixed, width);
    heading(out, "forktrace says");
    put_verdict(out, fixed);
}

static void put_title(FILE *out, enum rule_id rule)
{
    const struct rule *r = &finding_rules[rule];
    fprintf(out, "%s%s%s\n\n%s\n", text_ink(INK_BOLD), r->name, text_ink(INK_PLAIN), r->summary);
}

/* --- a lesson --------------------------------------------------------------------------------- */

static int verdict(const struct lesson_run *sick, const struct lesson_run *fixed)
{
    const char *name = finding_rules[sick->rule].name;
    if (!lesson_finding(sick))
        return command_error(name, "the trace does not show it here: forktrace report %s", sick->loaded.path),
               EXIT_FINDINGS;
    if (lesson_finding(fixed))
        return command_error(name, "found in the program without it, too: forktrace report %s",
                             fixed->loaded.path),
               EXIT_FINDINGS;
    return EXIT_CLEAN;
}

static int teach(enum rule_id rule, enum language language, const char *directory)
{
    struct lesson_run sick = {.rule = rule, .language = language}, fixed = sick;
    int width = (int)tree_width(stdout) > 110 ? 110 : (int)tree_width(stdout);
    fixed.fixed = true;
    put_title(stdout, rule);
    heading(stdout, "The program");
    put_source(stdout, lesson_source(rule, language, false), NULL);
    wait_for_reader("What will it print?");
    int error = lesson_run(&sick, directory);
    if (!error) {
        tell_sick(stdout, &sick, width);
        wait_for_reader("What must be changed?");
        error = lesson_run(&fixed, directory);
    }
    if (!error) tell_fixed(stdout, &sick, &fixed, width), error = verdict(&sick, &fixed);
    lesson_end(&sick), lesson_end(&fixed);
    return error;
}

/* --- a handout -------------------------------------------------------------------------------- */

static FILE *create(char *path, size_t size, const char *directory, const char *name, const char *suffix)
{
    snprintf(path, size, "%s/%s%s", directory, name, suffix);
    FILE *out = fopen(path, "we");
    if (!out) command_error(path, "cannot be written: %s", strerror(errno));
    return out;
}

static int close_written(FILE *out, const char *path)
{
    bool bad = ferror(out);
    return fclose(out) || bad ? command_error(path, "cannot be written: %s", strerror(errno)) : 0;
}

static int put_picture(const struct lesson_run *run, const char *directory, const char *suffix)
{
    char path[PATH_MAX];
    FILE *out = create(path, sizeof path, directory, finding_rules[run->rule].name, suffix);
    if (!out) return EXIT_UNUSABLE;
    bool drawn = export_svg(out, &run->loaded);
    int error = close_written(out, path);
    return !error && !drawn ? command_error(path, "not enough memory to draw it") : error;
}

static int put_text(const struct lesson_run *sick, const struct lesson_run *fixed, const char *directory)
{
    char path[PATH_MAX];
    FILE *out = create(path, sizeof path, directory, finding_rules[sick->rule].name, ".txt");
    if (!out) return EXIT_UNUSABLE;
    put_title(out, sick->rule);
    heading(out, "The program");
    put_source(out, lesson_source(sick->rule, sick->language, false), NULL);
    tell_sick(out, sick, 100);
    tell_fixed(out, sick, fixed, 100);
    return close_written(out, path);
}

/* Text, two pictures, sources, outputs and traces of a lesson. */
static int hand_out(enum rule_id rule, enum language language, const char *directory)
{
    struct lesson_run sick = {.rule = rule, .language = language}, fixed = sick;
    fixed.fixed = true;
    int error = lesson_run(&sick, directory);
    if (!error) error = lesson_run(&fixed, directory);
    if (!error) error = put_text(&sick, &fixed, directory);
    if (!error) error = put_picture(&sick, directory, ".svg");
    if (!error) error = put_picture(&fixed, directory, ".fixed.svg");
    if (!error) error = verdict(&sick, &fixed);
    printf("  %-22s %s, %s\n", finding_rules[rule].name, lesson_languages[language],
           error ? "not as it should be" : "done");
    fflush(stdout);
    lesson_end(&sick), lesson_end(&fixed);
    return error;
}

static int hand_out_all(const char *directory)
{
    int worst = 0;
    if (mkdir(directory, 0755) && errno != EEXIST)
        return command_error(directory, "cannot be made: %s", strerror(errno));
    printf("A text, two pictures, the programs and their traces for each lesson, in %s:\n", directory);
    for (enum rule_id rule = 0; rule < RULE_COUNT && worst != EXIT_UNUSABLE; rule++) {
        enum language language = choose(stdout, rule);
        int error = language == LANGUAGE_COUNT ? 0 : hand_out(rule, language, directory);
        if (error > worst) worst = error;
    }
    return worst;
}

/* --- the command line ------------------------------------------------------------------------- */

static bool language_named(const char *name)
{
    for (want.language = 0; want.language < LANGUAGE_COUNT; want.language++)
        if (!strcasecmp(name, lesson_languages[want.language])) return true;
    return command_usage("learn", "--language is c or python"), false;
}

/* In a directory of its own, which goes when the reader has seen it all. */
static int in_scratch(enum rule_id rule, enum language language)
{
    char directory[] = "/tmp/forktrace-learn-XXXXXX", command[64];
    if (!mkdtemp(directory)) return command_error(directory, "cannot be made: %s", strerror(errno));
    int error = teach(rule, language, directory);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (!error && system(command)) command_error(directory, "could not be removed");
    return error;
}

static int one(const char *name)
{
    enum rule_id rule = finding_rule(name);
    if (rule == RULE_COUNT) return command_usage("learn", "there is no lesson '%s'", name);
    enum language language = choose(stdout, rule);
    if (language == LANGUAGE_COUNT)
        return command_error(name, "no lesson that can be run here: forktrace learn lists what there is");
    if (!want.out) return in_scratch(rule, language);
    if (mkdir(want.out, 0755) && errno != EEXIST)
        return command_error(want.out, "cannot be made: %s", strerror(errno));
    return hand_out(rule, language, want.out);
}

int learn_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"yes", no_argument, NULL, 'y'},         {"all", no_argument, NULL, 'a'},
        {"out", required_argument, NULL, 'o'},   {"language", required_argument, NULL, 'l'},
        {"color", required_argument, NULL, 'c'}, {0}};
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, ":yao:l:", options, NULL)) != -1;) {
        switch (letter) {
        case 'y': want.yes = true; break;
        case 'a': want.all = true; break;
        case 'o': want.out = optarg; break;
        case 'l':
            if (!language_named(optarg)) return EXIT_UNUSABLE;
            break;
        case 'c':
            if (!text_set_color(optarg)) return command_usage("learn", "--color is auto, always or never");
            break;
        case ':': return command_usage("learn", "%s: it needs a value", argv[optind - 1]);
        default: return command_usage("learn", "%s: no such option", argv[optind - 1]);
        }
    }
    if (want.all && !want.out) return command_usage("learn", "--all: where to? --out DIR");
    if (want.all) return hand_out_all(want.out);
    if (optind == argc) return list(), EXIT_CLEAN;
    if (optind + 1 < argc) return command_usage("learn", "one LESSON at a time");
    return one(argv[optind]);
}
