/*
 * terminal.c: curses. Signals are blocked except while we wait for a key, so
 * nothing happens in the middle of drawing. A crash gives the terminal back
 * with plain write() and tcsetattr(), which a signal handler may call, before
 * the process dies of it.
 */
#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1
#include "terminal.h"

#include <curses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "key.h"
#include "programs.h"
#include "trace/reader.h"

static bool opened;
static struct termios before;
static char
    goodbye[256]; /* what puts the terminal back; prepared, because tigetstr is not for signal handlers */
static sigset_t waiting_mask, outside_mask;
static volatile sig_atomic_t ended_by, stopped, continued;

const char *terminal_unfit(void)
{
    const char *term = getenv("TERM");
    if (!isatty(STDOUT_FILENO))
        return "standard output is no terminal: use `forktrace report`, or --script '' for one screen";
    if (!isatty(STDIN_FILENO))
        return "standard input is no terminal, so there are no keys: use `forktrace report`";
    if (!term || !*term || !strcmp(term, "dumb") || !strcmp(term, "unknown"))
        return "this terminal (TERM) cannot show screens: use `forktrace report`";
    return NULL;
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_end(int signal) { ended_by = signal; }
static void on_stop(int signal) { stopped = 1; }
static void on_continue(int signal) { continued = 1; }

static void on_crash(int signal)
{
    if (opened) {
        ssize_t written = write(STDOUT_FILENO, goodbye, strlen(goodbye));
        (void)written;
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    raise(signal); /* SA_RESETHAND: now it is deadly, when the handler returns */
}

static const int crashes[] = {SIGSEGV, SIGFPE, SIGILL, SIGABRT};
static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

static void handle(int signal, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(signal, &action, NULL);
}

/* The trace was cut off while we look at it: no crash. */
static void on_bus(int signal, siginfo_t *info, void *context)
{
    if (ft_reader_mend(info->si_addr)) return;
    handle(signal, SIG_DFL, 0);
    on_crash(signal);
}

static void handle_all(void)
{
    static char stack[64 * 1024]; /* a stack overflow is a crash too */
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        handle(crashes[i], on_crash, (int)(SA_RESETHAND | SA_ONSTACK));
    struct sigaction bus = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGBUS, &bus, NULL);
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        handle(ends[i], on_end, 0);
        sigaddset(&blocked, ends[i]);
    }
    handle(SIGTSTP, on_stop, 0);
    handle(SIGCONT, on_continue, 0);
    sigaddset(&blocked, SIGTSTP);
    sigaddset(&blocked, SIGCONT);
    sigaddset(&blocked, SIGWINCH); /* curses has the handler */
    sigprocmask(SIG_BLOCK, &blocked, &outside_mask);
    waiting_mask = outside_mask;
    for (int s = 1; s < NSIG; s++)
        if (sigismember(&blocked, s) == 1) sigdelset(&waiting_mask, s);
}

/* As the shell expects of a program that is stopped. */
static void stop(void)
{
    sigset_t only;
    endwin();
    handle(SIGTSTP, SIG_DFL, 0);
    raise(SIGTSTP);
    sigemptyset(&only);
    sigaddset(&only, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &only, NULL); /* here we stop, and here we go on */
    sigprocmask(SIG_BLOCK, &only, NULL);
    handle(SIGTSTP, on_stop, 0);
    stopped = 0;
    continued = 1;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static short pair_of(unsigned style, bool shaded) { return (short)(1 + style + (shaded ? STYLE_COUNT : 0)); }

static void define_colours(void)
{
#define X(name, colour256, colour16, looks) {colour256, colour16},
    static const short colours[][2] = {STYLES(X)};
#undef X
    bool rich = COLORS >= 256;
    for (unsigned s = 0; s < STYLE_COUNT; s++) {
        short ink = colours[s][!rich];
        init_pair(pair_of(s, false), ink, -1);
        init_pair(pair_of(s, true), ink, rich ? 237 : -1);
    }
}

static void prepare_goodbye(void)
{
    const char *const names[] = {"sgr0", "cnorm", "rmkx", "rmcup"};
    *goodbye = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = tigetstr(names[i]);
        if (!text || text == (char *)-1 || strlen(goodbye) + strlen(text) + 1 > sizeof goodbye) continue;
        const char *delay = strstr(text, "$<"); /* padding is for curses */
        strncat(goodbye, text, delay ? (size_t)(delay - text) : strlen(text));
    }
}

bool terminal_open(bool colour)
{
    if (tcgetattr(STDIN_FILENO, &before)) return false;
    handle_all(); /* before curses, which takes what is still at its default */
    if (!newterm(NULL, stdout, stdin)) {
        sigprocmask(SIG_SETMASK, &outside_mask, NULL);
        return false;
    }
    opened = true;
    prepare_goodbye();
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    curs_set(0);
    if (colour && has_colors() && start_color() == OK && COLOR_PAIRS > pair_of(STYLE_COUNT - 1, true)) {
        use_default_colors();
        define_colours();
    }
    return true;
}

void terminal_close(void)
{
    if (!opened) return;
    endwin();
    opened = false;
    sigprocmask(SIG_SETMASK, &outside_mask, NULL);
}

/* --- showing ---------------------------------------------------------------------------------- */

void terminal_size(int *width, int *height) { getmaxyx(stdscr, *height, *width); }

static attr_t looks_of(const struct cell *cell)
{
#define X(name, colour256, colour16, looks) looks,
    static const uint8_t table[] = {STYLES(X)};
#undef X
    unsigned looks = table[cell->style];
    bool coloured = COLORS >= 256 && COLOR_PAIRS > 0; /* 256 colours have a grey of their own */
    attr_t attr = A_NORMAL;
    if (looks & LOOK_BOLD || cell->lit & LIT_MANY) attr |= A_BOLD;
    if (looks & LOOK_DIM && !coloured) attr |= A_DIM;
    if (looks & LOOK_UNDERLINE) attr |= A_UNDERLINE;
    if (cell->lit & (LIT_CURSOR | LIT_EVIDENCE)) attr |= A_REVERSE;
    if (cell->lit & LIT_ROW && !coloured) attr |= A_BOLD;
    return attr;
}

void terminal_show(const struct grid *g, bool anew)
{
    if (anew) clearok(curscr, TRUE);
    int width, height;
    terminal_size(&width, &height);
    for (int y = 0; y < g->height && y < height; y++) {
        for (int x = 0; x < g->width && x < width; x++) {
            const struct cell *cell = grid_at(g, x, y);
            wchar_t text[3] = {(wchar_t)cell->ch, (wchar_t)cell->mark, 0};
            cchar_t out;
            if (!cell->ch) continue; /* the character before covers it */
            bool shaded = cell->lit & (LIT_ROW | LIT_COLUMN);
            setcchar(&out, text, looks_of(cell),
                     COLOR_PAIRS > pair_of(STYLE_COUNT, true) ? pair_of(cell->style, shaded) : 0, NULL);
            mvadd_wch(y, x, &out);
        }
    }
    refresh();
}

/* --- keys ------------------------------------------------------------------------------------- */

static char32_t key_of(wint_t code, bool function)
{
    /* clang-format off */
    static const struct { int curses; char32_t key; } table[] = {
        {KEY_UP, K_UP}, {KEY_DOWN, K_DOWN}, {KEY_LEFT, K_LEFT}, {KEY_RIGHT, K_RIGHT},
        {KEY_PPAGE, K_PAGE_UP}, {KEY_NPAGE, K_PAGE_DOWN}, {KEY_HOME, K_HOME}, {KEY_END, K_END},
        {KEY_SLEFT, K_SHIFT_LEFT}, {KEY_SRIGHT, K_SHIFT_RIGHT}, {KEY_ENTER, K_ENTER}, {KEY_BACKSPACE, K_BACKSPACE},
        {KEY_F(1), K_F1},
    };
    /* clang-format on */
    if (!function) {
        switch (code) {
        case '\r':
        case '\n': return K_ENTER;
        case '\t': return K_TAB;
        case 27: return K_ESC;
        case 127:
        case 8: return K_BACKSPACE;
        case 12: return K_REDRAW;
        default: return code;
        }
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].curses == (int)code) return table[i].key;
    return K_LAST;
}

static enum terminal_event read_key(char32_t *key)
{
    wint_t code;
    int result = get_wch(&code);
    if (result == ERR) return TERMINAL_TIMEOUT;
    if (result == KEY_CODE_YES && code == KEY_RESIZE) return TERMINAL_RESIZED;
    if (result == KEY_CODE_YES && code == KEY_MOUSE) return TERMINAL_MOUSE;
    *key = key_of(code, result == KEY_CODE_YES);
    return TERMINAL_KEY;
}

enum terminal_event terminal_wait(int timeout_ms, char32_t *key, int *signal)
{
    enum terminal_event event = read_key(key); /* curses may hold some already */
    if (event != TERMINAL_TIMEOUT) return event;
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec time = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    int ready = ppoll(&in, 1, timeout_ms < 0 ? NULL : &time, &waiting_mask);
    *signal = ended_by;
    ended_by = 0;
    if (*signal) return TERMINAL_ENDED;
    if (stopped) stop();
    if (continued) {
        continued = 0;
        return TERMINAL_AGAIN;
    }
    event = read_key(key);
    if (event == TERMINAL_TIMEOUT && ready > 0 && in.revents & (POLLHUP | POLLERR | POLLNVAL))
        return TERMINAL_ENDED;
    return event;
}

/* --- beyond the screen ------------------------------------------------------------------------ */

void terminal_mouse(bool take)
{
    mouseinterval(0); /* a press counts at once; two of them are put together below */
    mousemask(take ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
}

bool terminal_click(int *x, int *y, enum click *click)
{
    static struct timespec last;
    static int last_x = -1, last_y = -1;
    struct timespec now;
    MEVENT event;
    if (getmouse(&event) != OK) return false;
    *x = event.x, *y = event.y;
    *click = event.bstate & BUTTON4_PRESSED ? WHEEL_UP : event.bstate & BUTTON5_PRESSED ? WHEEL_DOWN : CLICK;
    if (*click != CLICK) return true;
    if (!(event.bstate & BUTTON1_PRESSED)) return false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = (now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000;
    if (ms < 400 && *x == last_x && *y == last_y) *click = CLICK_TWICE;
    last = now, last_x = *click == CLICK_TWICE ? -1 : *x, last_y = *y;
    return true;
}

bool terminal_copy(const char *text)
{
    if (program_tmux_copy(text, &outside_mask)) return true;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);
    if (length > 70000) length = 70000; /* terminals drop longer ones */
    fputs("\033]52;c;", stdout);
    for (size_t i = 0; i < length; i += 3) {
        unsigned bits = (unsigned char)text[i] << 16;
        size_t left = length - i;
        if (left > 1) bits |= (unsigned)(unsigned char)text[i + 1] << 8;
        if (left > 2) bits |= (unsigned char)text[i + 2];
        fputc(digits[bits >> 18], stdout);
        fputc(digits[bits >> 12 & 63], stdout);
        fputc(left > 1 ? digits[bits >> 6 & 63] : '=', stdout);
        fputc(left > 2 ? digits[bits & 63] : '=', stdout);
    }
    fputs("\a", stdout);
    fflush(stdout);
    return false;
}

bool terminal_run(const char *command, unsigned line, const char *path)
{
    endwin();
    bool ran = program_edit(command, line, path, &outside_mask);
    continued = 1; /* draw anew */
    ended_by = ended_by == SIGINT ? 0 : ended_by;
    return ran;
}
