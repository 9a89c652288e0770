/*
 * view.c: `forktrace view`: a screen for a person, or the last screen of a
 * script as text. Follows the file while the run goes on.
 */
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "load.h"
#include "text.h"
#include "names.h"
#include "tui/picture.h"
#include "tui/terminal.h"
#include "tui/tui.h"

#define FRAME_MS      40  /* of a replay */
#define GO_ON_MS      10  /* with what takes longer than a frame, between two looks at the keys */
#define LOOK_AGAIN_MS 250 /* at most four times a second, and never more than a quarter of the time */

static struct {
    bool ascii, dump, svg;
    const char *script;
    int width, height;
} options;

enum { OPTION_ASCII = 2000, OPTION_SCRIPT, OPTION_SIZE, OPTION_DUMP, OPTION_SVG, OPTION_NO_SYMBOLS };
static const struct option own[] = {{"ascii", no_argument, NULL, OPTION_ASCII},
                                    {"script", required_argument, NULL, OPTION_SCRIPT},
                                    {"size", required_argument, NULL, OPTION_SIZE},
                                    {"dump", no_argument, NULL, OPTION_DUMP},
                                    {"svg", no_argument, NULL, OPTION_SVG},
                                    {"no-symbols", no_argument, NULL, OPTION_NO_SYMBOLS},
                                    {0}};

static bool take(int letter, const char *value)
{
    char rest;
    switch (letter) {
    case OPTION_ASCII: options.ascii = true; break;
    case OPTION_DUMP: options.dump = true; break;
    case OPTION_SVG: options.svg = true; break;
    case OPTION_NO_SYMBOLS: names_symbols = false; break;
    case OPTION_SCRIPT: options.script = value; break;
    case OPTION_SIZE:
        if (sscanf(value, "%dx%d%c", &options.width, &options.height, &rest) == 2 && options.width > 0 &&
            options.height > 0 && options.width <= 1000 && options.height <= 500)
            break;
        command_usage("view", "--size is COLUMNSxROWS, as in 80x24 (at most 1000x500)");
        return false;
    }
    return true;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bool running(const struct timeline *t)
{
    for (size_t i = 0; i < t->process_count; i++)
        if (t->processes[i].end == NEVER) return true;
    return false;
}

static int no_memory(const char *path)
{
    return command_error(path, "not enough memory to show this trace: use a machine with more");
}

/* --- a script ----------------------------------------------------------------------------------- */

static int run_script(struct loaded *l)
{
    struct tui tui;
    const char *error = "";
    setlocale(LC_CTYPE, "C.UTF-8"); /* the same widths everywhere */
    if (!tui_open(&tui, l->timeline, name_of(l->path), options.width, options.height, options.ascii))
        return no_memory(l->path);
    tui.live = running(l->timeline);
    bool fine = tui_script(&tui, options.script ? options.script : "", &error);
    if (fine) (options.svg ? picture_write : grid_print)(&tui.grid, stdout);
    tui_close(&tui);
    return fine ? 0 : command_usage("view", "--script: no such key: %.20s", error);
}

/* --- a person ----------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int count(void *context, const struct ft_head *record, ft_ref ref)
{
    (void)record, (void)ref;
    ++*(size_t *)context;
    return 0;
}

static int64_t reached(const struct timeline *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec - t->origin;
}

/* Of a file that is still being written: somebody did something to it. True: it has nothing more to give. */
static bool is_over(struct tui *tui, const struct loaded *l)
{
    static const struct {
        const char *word, *sentence;
    } fates[] = {
        [FT_FATE_REMOVED] = {"removed",
                             "the trace was removed: it is still followed; new programs cannot write to it"},
        [FT_FATE_REPLACED] = {"replaced",
                              "another file has the name of the trace now: the old one is followed"},
        [FT_FATE_CUT] = {"cut off",
                         "the trace was cut off while it was followed: this is what was read before"},
        [FT_FATE_EMPTIED] = {"emptied",
                             "the trace was emptied while it was followed: this is what was read before"},
        [FT_FATE_OVERWRITTEN] = {"overwritten",
                                 "another trace was written over it: this is what was read before"},
    };
    enum ft_fate fate = ft_reader_fate(&l->reader, l->path);
    const char *word = fates[fate].word;
    if (word && word != tui->fate) tui_say(tui, "%s", fates[fate].sentence);
    tui->fate = word;
    if (fate >= FT_FATE_CUT) tui->live = tui->following = false;
    return fate >= FT_FATE_CUT;
}

/*
 * Build anew if there is anything new, and now and then to see who has been
 * killed: the reader stays, the timeline is replaced.
 */
static bool look_again(struct tui *tui, struct loaded *l)
{
    static int idle;
    size_t fresh = 0;
    if (is_over(tui, l)) return true;
    ft_reader_new(&l->reader, count, &fresh);
    struct timeline *t =
        fresh || ++idle >= 4 ? timeline_build(&l->reader, load_alive, &l->reader, &names_files) : NULL;
    if (t) { /* else: go on with what there is */
        struct timeline *old = l->timeline;
        l->timeline = t;
        idle = 0;
        bool ok = tui_renew(tui, t, running(t));
        timeline_free(old);
        if (!ok) return false;
        if (!tui->live) tui_say(tui, "the run has ended");
    }
    tui_reach(tui, reached(l->timeline));
    return true;
}

static void resize(struct tui *tui)
{
    int width, height;
    terminal_size(&width, &height);
    tui_resize(tui, width, height);
}

/* What a key asked of whoever has the terminal. */
static void grant(struct tui *tui)
{
    static bool mouse;
    struct request *r = &tui->request;
    if (r->mouse != mouse) terminal_mouse(mouse = r->mouse);
    if (r->copy && terminal_copy(r->copy)) tui_say(tui, "copied to tmux's buffer and the clipboard");
    free(r->copy);
    r->copy = NULL;
    if (!r->line) return;
    const char *editor = getenv("VISUAL");
    if (!editor || !*editor) editor = getenv("EDITOR");
    if (!editor || !*editor) editor = "vi";
    if (!terminal_run(editor, r->line, r->edit)) tui_say(tui, "%.60s could not be run: set $EDITOR", editor);
    r->line = 0;
}

static void click(struct tui *tui)
{
    int x, y;
    enum click kind;
    *tui->message = 0;
    if (terminal_click(&x, &y, &kind)) outside_click(tui, x, y, kind);
}

/* How long to wait for a key: a replay moves, a live run grows. */
static int patience(const struct tui *tui, int64_t due)
{
    int64_t left = due - now_ms();
    if (tui_busy(tui)) return 0;
    if (tui->playing) return FRAME_MS;
    return !tui->live ? -1 : left > 0 ? (int)left : 0;
}

/* Returns the signal that ended it, or 0. */
static int interact(struct tui *tui, struct loaded *l)
{
    int64_t due = now_ms() + LOOK_AGAIN_MS;
    int ended_by = 0;
    int64_t ticked = now_ms();
    bool anew = false;
    while (!tui->quit) {
        tui_draw(tui);
        terminal_show(&tui->grid, anew || tui->redraw);
        anew = tui->redraw = false;
        char32_t key;
        enum terminal_event event = terminal_wait(patience(tui, due), &key, &ended_by);
        int64_t now = now_ms();
        replay_tick(tui, (int)(now - ticked < 1000 ? now - ticked : 1000));
        ticked = now;
        if (event == TERMINAL_KEY) tui_key(tui, key);
        if (event == TERMINAL_MOUSE) click(tui);
        grant(tui);
        if (event == TERMINAL_RESIZED) resize(tui);
        if (event == TERMINAL_AGAIN) resize(tui), anew = true;
        if (event == TERMINAL_ENDED && ended_by == SIGINT && (tui->prompt || tui_busy(tui)))
            tui_key(tui, K_ESC); /* ^C ends what one is at */
        else if (event == TERMINAL_ENDED)
            break;
        if (event != TERMINAL_KEY && event != TERMINAL_MOUSE)
            tui_go_on(tui, GO_ON_MS); /* what the key said, first */
        if (!tui->live || now_ms() < due) continue;
        int64_t started = now_ms();
        if (!look_again(tui, l)) break;
        int64_t took = now_ms() - started;
        due = now_ms() + (3 * took > LOOK_AGAIN_MS ? 3 * took : LOOK_AGAIN_MS);
    }
    return ended_by;
}

/* Who waits for us shall see what ended us. */
static void raise_by_default(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static int run_screen(struct loaded *l)
{
    struct tui tui;
    setlocale(LC_CTYPE, "");
    const char *term = getenv("TERM");
    bool console = term && !strcmp(term, "linux"); /* its fonts have 256 or 512 characters: few of ours */
    bool ascii = options.ascii || console || strcmp(nl_langinfo(CODESET), "UTF-8");
    if (!tui_open(&tui, l->timeline, name_of(l->path), 80, 24, ascii)) return no_memory(l->path);
    if (!terminal_open(*text_ink(INK_BOLD) != 0)) {
        tui_close(&tui);
        return command_error("view",
                             "this terminal (TERM) is not known here: try TERM=xterm, or `forktrace report`");
    }
    tui.live = tui.following = running(l->timeline);
    resize(&tui);
    tui_reach(&tui, reached(l->timeline));
    int ended_by = interact(&tui, l);
    terminal_close();
    tui_close(&tui);
    if (ended_by) raise_by_default(ended_by);
    return 0;
}

int view_main(int argc, char **argv)
{
    struct reading reading;
    struct loaded l;
    options.width = 80, options.height = 24;
    int status = command_reading(argc, argv, own, "", take, &reading);
    if (status) return status;
    bool headless = options.script || options.dump || options.svg;
    const char *unfit = headless ? NULL : terminal_unfit();
    if (unfit) return command_error("view", "%s", unfit);
    if ((status = load(&l, reading.file, reading.partial))) return status;
    status = headless ? run_script(&l) : run_screen(&l);
    unload(&l);
    return status;
}
