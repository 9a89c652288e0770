/*
 * tracks.h: a timeline as viewers of traces draw it: tracks, and on them slices,
 * instants, values, and arrows between them. What there is to draw is said once,
 * here; chrome.c and perfetto.c only say how it is written down.
 *
 * Nothing is collected: a format is told of one track or mark at a time, first all
 * tracks, then the marks, by time but for what lasts as long as its track. Slices
 * of a track nest: none ends after the one it began in.
 */
#ifndef EXPORT_TRACKS_H
#define EXPORT_TRACKS_H

#include "json.h"

enum track_kind { TRACK_PROCESS, TRACK_THREAD, TRACK_GHOST, TRACK_COPY, TRACK_FINDINGS };

/* A lane. Processes first have their own, then come those of their threads and ghosts. */
struct track {
    enum track_kind kind;
    uint64_t id; /* from 1 on, for all kinds; of processes 1 + p */
    process_id process;
    thread_id thread; /* TRACK_THREAD; TRACK_GHOST: the parent's */
    copy_id copy;     /* TRACK_COPY */
    bool counts;      /* TRACK_COPY: its values are numbers */
    const char *name; /* escaped */
};

enum mark_shape { MARK_SLICE, MARK_INSTANT, MARK_VALUE };
enum mark_about { ABOUT_NOTHING, ABOUT_PROCESS, ABOUT_THREAD, ABOUT_IMAGE, ABOUT_EVENT, ABOUT_FINDING };

struct mark {
    enum mark_shape shape;
    enum track_kind on;
    uint64_t track;
    process_id process;          /* findings: the first they are about */
    thread_id thread;            /* NONE: of the process as a whole */
    copy_id copy;                /* MARK_VALUE */
    int64_t ns, end;             /* end: of slices */
    const char *category, *name; /* escaped */
    struct value value;          /* MARK_VALUE */
    uint64_t begins, ends;       /* the arrow that begins, that ends here: its number; 0 none */
    const char *arrow;           /* what it is: "fork", "thread", "signal", "wait" */
    enum mark_about about;
    uint32_t id; /* process, thread, index of the image, event, finding */
};

struct tracks_format {
    bool (*track)(void *context, const struct track *track); /* false: out of memory, as below */
    bool (*mark)(void *context, const struct mark *mark);
};

/* All of it. false: out of memory. */
bool tracks_draw(const struct timeline *t, const struct findings *f, const struct tracks_format *format,
                 void *context);
/* What is known of a mark, with the keys of the JSON timeline, but no stacks; NULL: nothing more than its
 * name. The caller deletes it. */
cJSON *tracks_details(const struct timeline *t, const struct findings *f, const struct mark *m);
/* The event whose stack says where in the program a mark comes from; NONE. */
event_id tracks_origin(const struct timeline *t, const struct mark *m);

/* What other formats say alike. Escaped, in buffer: a text; what a thread's lane is called. */
const char *tracks_text(char *buffer, size_t size, const char *text);
const char *tracks_thread(const struct timeline *t, thread_id thread, char *buffer, size_t size);
/* The last part of an image's path, escaped. */
const char *tracks_image(const struct image *image, char *buffer, size_t size);
/* When a thread's lane ends: with it, its process, or the run; not before it begins. */
int64_t tracks_end(const struct timeline *t, thread_id thread);
/* LOCK_WAIT: the other thread that has what it waits for, or whose end it waits for; NONE. */
thread_id tracks_waited_for(const struct timeline *t, const struct event *e);

#endif
