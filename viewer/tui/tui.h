/*
 * tui.h: what the views share: the state of the screen, and how they are
 * called. A view draws itself and may take actions; moving about (move.c) and
 * everything else works on the state, so that a script does what a person does.
 */
#ifndef TUI_H
#define TUI_H

#include "filter.h"
#include "grid.h"
#include "index.h"
#include "key.h"
#include "outside.h"
#include "rows.h"
#include "values.h"
#include "viewer/findings/findings.h"
#include "window.h"

struct tui;

struct view_ops {
    const char *name;
    /* Draw all of the area and nothing outside it; the area may be of any size, also 0. */
    void (*draw)(struct tui *tui, struct area area);
    /* Do an action. False: not mine, the next one gets it. */
    bool (*act)(struct tui *tui, enum action action);
};
extern const struct view_ops view_lanes, view_details, view_help;

/* Something that went wrong, with the moment it shows. */
struct trouble {
    int64_t ns;
    event_id event; /* or NONE: the end of the process */
    process_id process;
    thread_id thread;
    const char *what;
};

/* A place to come back to. */
struct place {
    int64_t now;
    event_id event;
    uint8_t kind; /* of the row: enum row_kind, and what it shows */
    process_id process;
    thread_id thread;
    global_id global; /* of a copy; else NONE */
    uint64_t finding; /* that the details told (finding_key), or 0 */
    struct window window;
};
#define PLACES 64

enum prompt_kind { PROMPT_NONE, PROMPT_SEARCH, PROMPT_TIME, PROMPT_FILTER, PROMPT_COUNT };

/* What was typed into each kind of prompt, the latest first. */
#define HISTORY 16
struct history {
    char line[HISTORY][128];
    size_t count;
};

/* Where everything is on the screen. */
struct layout {
    struct area title, findings, lanes, rule, details, bar;
};

/* A key in the bottom bar, for the mouse. */
struct button {
    int x, width;
    const struct action_info *info;
};

struct tui {
    /* what is looked at; not owned */
    const struct timeline *timeline;
    const char *file;
    bool live;        /* the run is still going on */
    const char *fate; /* what was done to its file: "cut off", ...; NULL */
    int64_t end;      /* of what is shown: the last record's time, or now */

    /* made from it */
    struct index index;
    struct values values;
    struct idle idle; /* in use when the window points at it */
    struct filter filter;
    struct rows rows;
    struct trouble *troubles; /* by time */
    size_t trouble_count;
    uint32_t lost_threads, lossy_forks;
    struct findings *findings; /* worst first; NULL: could not be looked for */

    /* where the reader is */
    struct grid grid;
    struct window window;
    size_t row, top;             /* the selected one, the topmost on the screen */
    size_t page;                 /* rows of lanes on the screen */
    int64_t now;                 /* the time cursor */
    event_id event;              /* selected, on the selected lane at `now`; or NONE */
    process_id chosen[FAMILIES]; /* for o */
    size_t chosen_count;
    size_t verdict;  /* where n and N are: a finding, after them all a trouble */
    bool on_finding; /* the details tell the finding `verdict`, until the reader moves */
    int64_t mark;    /* `selecting`: the other end of a stretch of time */
    bool selecting;
    bool fitted;     /* the window is the whole run, and grows with it */
    bool following;  /* the cursor stays at the end of a live run */
    bool on_details; /* the lane keys scroll the details */
    int more;        /* room for the details: steps more than by default */
    int scroll, scroll_most;
    const struct view_ops *over; /* a view over everything (help), or NULL */
    int over_scroll, over_most;
    struct place places[PLACES];
    size_t place, place_count; /* `place` is where we are between them */

    enum prompt_kind prompt;
    char typed[128]; /* UTF-8 */
    struct history history[PROMPT_COUNT];
    struct filter asked;      /* PROMPT_FILTER: what the filter was before (its words and families) ... */
    struct place asked_place; /* ... and where: for Esc */
    size_t recalled;          /* 0: the line is being typed; n: it is the n-th of the history */
    char search[128];
    bool filtering;        /* another filter is asked for: the screen says so first */
    struct seeking {       /* a search that goes on, a little between one frame and the next */
        int direction;     /* 0: there is none */
        size_t row, lanes; /* lanes first, by their names: from where, so many looked at */
        size_t from, step; /* then events */
    } seeking;
    char message[160]; /* in place of the bottom bar, until the next key */
    bool replaying, playing;
    int speed; /* of the replay: a power of two */
    struct request request;
    struct button buttons[24];
    size_t button_count;
    bool redraw; /* asked for: the terminal may show garbage */
    bool quit;
};

/* Start on a timeline. False: out of memory. */
bool tui_open(struct tui *tui, const struct timeline *t, const char *file, int width, int height, bool ascii);
void tui_close(struct tui *tui);
/* The file has grown: another timeline of the same run. The reader stays where he is. */
bool tui_renew(struct tui *tui, const struct timeline *t, bool live);
/* Time goes by: the run has reached `end` (ns since its start). */
void tui_reach(struct tui *tui, int64_t end);
bool tui_resize(struct tui *tui, int width, int height);
void tui_key(struct tui *tui, char32_t key);
/* Draw everything into tui->grid. */
void tui_draw(struct tui *tui);
/* All keys of a script. False: *error points at a key that is none. */
bool tui_script(struct tui *tui, const char *script, const char **error);
void tui_say(struct tui *tui, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct layout tui_layout(const struct tui *tui);

/* replay.c */
bool replay_act(struct tui *tui, enum action action);
/* So many milliseconds have gone by. */
void replay_tick(struct tui *tui, int ms);

/* view_lanes.c: the part of its area that shows lanes over time; the tree is left of it. */
struct area view_lanes_area(struct tui *tui, struct area area);

/* move.c */
bool move_act(struct tui *tui, enum action action);
/* Go to a lane and time, and to an event of it (or NONE: whatever is there). Unfolds what hides it. */
void move_to(struct tui *tui, uint32_t row, int64_t ns, event_id event);
void move_to_event(struct tui *tui, event_id event);
/* Go to a lane at the same time; a live run is still followed. */
void move_stay(struct tui *tui, uint32_t row);
/* How many events there are up to the time cursor, those at it included. */
size_t events_until_now(const struct tui *tui);
/* The row an event is on; unfolds nothing. */
uint32_t row_of_event(const struct tui *tui, event_id event);
/* The row of a copy of a global; NONE if it has none now. */
uint32_t row_of_copy(const struct tui *tui, copy_id copy);
/* move_to_event, remembering where we were. */
void jump_to_event(struct tui *tui, event_id event);
void move_zoom(struct tui *tui, int numerator, int denominator);
/* Unfold what hides a process; `itself`: or a lane in it. */
void move_reveal(struct tui *tui, process_id p, thread_id thread, bool itself);

/* jump.c: remembers places, and jumps */
bool jump_act(struct tui *tui, enum action action);
void place_keep(struct tui *tui);
struct place place_here(const struct tui *tui);
/* The row of a place, or that of its process. */
uint32_t place_row(const struct tui *tui, const struct place *place);
/* Whether a row is the one of a place itself. */
bool place_is_row(const struct tui *tui, const struct place *place, uint32_t row);

/* shown.c */
bool shown_act(struct tui *tui, enum action action);

/* move.c */
/* The strongest event at the time cursor becomes the selected one. */
void move_select(struct tui *tui);
/* Keep row, window and cursor within what there is. */
void move_settle(struct tui *tui);
/* The thread whose lane the row is; NONE for ghosts and values, which do nothing. */
thread_id lane_of_row(const struct tui *tui, size_t row);

/* Filter by tui->filter's text and family, and lay out anew; the reader stays if his lane does. */
void move_filter(struct tui *tui);
/* While a filter is typed: show what it would leave, unless that takes too long. */
void filter_try(struct tui *tui);
/* It is not wanted. */
void filter_forget(struct tui *tui);
/* In a large run that is put off until this: the screen says first what takes a moment. */
void move_filter_now(struct tui *tui);
/* What a key began that takes longer than a frame: a little more of it. */
void tui_go_on(struct tui *tui, int ms);
bool tui_busy(const struct tui *tui);

/* search.c */
bool search_act(struct tui *tui, enum action action);
/* Begin to look for tui->search; what is near is found at once. */
void search_find(struct tui *tui, int direction);
/* Show where text that was drawn at x, y, in `width` columns, matches what is searched for. */
void search_light(struct tui *tui, int x, int y, int width, const char *text);
/* Look on for about so long. Until it has come to its end, any key ends the search. */
void search_go_on(struct tui *tui, int ms);

/* bars.c: the file and how it stands; the rule over the details; the keys, or what there is to say. */
void title_draw(struct tui *tui, struct area area);
void rule_draw(struct tui *tui, struct area area);
void bar_draw(struct tui *tui, struct area area);

/* prompt.c: a line to type into, in place of the bottom bar. */
void prompt_open(struct tui *tui, enum prompt_kind kind);
void prompt_key(struct tui *tui, char32_t key);
void prompt_draw(struct tui *tui, struct area area);

/* view_findings.c: the verdicts under the title. */
int findings_lines(const struct tui *tui);
void findings_draw(struct tui *tui, struct area area);
struct facts;
/* The selected finding in full. */
void findings_facts(const struct tui *tui, struct facts *f);
/* A click on a line of the strip; `go`: to its moment. */
void findings_click(struct tui *tui, int line, bool go);

/* view_details.c: what the details say, in facts_free's hands then. */
void details_facts(struct tui *tui, struct facts *f);
/* facts_moment.c: how everything stood at the time cursor. */
void facts_moment(struct tui *tui, struct facts *f);

/* trouble.c */
bool trouble_find(struct tui *tui);
/* A wait for a lock that nothing could have ended: nobody there owns it, or its owner waits so, too. */
bool wait_endless(const struct tui *tui, const struct event *e);
/* How many findings there are. */
size_t finding_count(const struct tui *tui);
/* What is left of the finding the details tell when the findings are looked for anew; 0: they tell none. */
uint64_t finding_key(const struct tui *tui);
/* Tell it again, if it is still there; 0: tell none. */
void finding_tell(struct tui *tui, uint64_t key);
/* Show verdict i, and go where it is about. */
void verdict_go(struct tui *tui, size_t i);
bool trouble_act(struct tui *tui, enum action action);

#endif
