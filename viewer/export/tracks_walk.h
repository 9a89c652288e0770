/* tracks_walk.h: what tracks.c, tracks_lives.c and tracks_events.c share. */
#ifndef EXPORT_TRACKS_WALK_H
#define EXPORT_TRACKS_WALK_H

#include "tracks.h"
#include "viewer/timeline/map.h"

enum { OPEN_MOST = 7 }; /* waits in waits: in handlers of signals that came while it waited */

struct walk {
    const struct timeline *t;
    const struct tracks_format *format;
    void *context;
    size_t *ghosts; /* [process_count + 1]: how many there are in the processes before */
    struct {
        int64_t end[OPEN_MOST];
        uint32_t count;
    } * open;         /* [thread_count]: the slices a thread is in, besides its life */
    struct map taken; /* (SIGNAL, 0) -> the KILL that it was */
};

/* Puts a mark on the lane of a thread, or, of an unknown one, of the process; on that of a ghost of the
 * process, by its index; on that of a copy. */
void walk_place(const struct walk *w, struct mark *m, process_id p, thread_id thread);
void walk_place_ghost(const struct walk *w, struct mark *m, process_id p, size_t ghost);
void walk_place_copy(const struct walk *w, struct mark *m, copy_id copy);
bool walk_shows(const struct walk *w, copy_id copy);  /* it has a track */
bool walk_counts(const struct walk *w, copy_id copy); /* of numbers */

/* Until when a slice that begins then may last: to the end of the thread, or of the image it runs. */
int64_t walk_limit(const struct walk *w, thread_id thread, int64_t ns);
/* The slices as long as the lane; where the arrow from who made it ends (0: none). false: out of memory. */
bool walk_life_of_process(const struct walk *w, process_id p, uint64_t arrow);
bool walk_life_of_thread(const struct walk *w, thread_id thread, uint64_t arrow);
/* Of all those that no event made. */
bool walk_unborn(const struct walk *w);
/* The event that made it, if there is one that says so; NONE. */
event_id walk_fork_of(const struct walk *w, process_id p);
event_id walk_create_of(const struct walk *w, thread_id thread);

bool walk_copies(const struct walk *w);
bool walk_events(struct walk *w);

#endif
