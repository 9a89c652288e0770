/*
 * tree.h: the tree of processes as text: `ps` prints it alone, `report` as its
 * middle part; and the words it has for who somebody is, for all commands.
 */
#ifndef TREE_H
#define TREE_H

#include <stdio.h>

#include "timeline/timeline.h"

/* `brief`: one line a process and its ghosts; else also images, threads, and where each came from. */
void tree_print(FILE *out, const struct timeline *t, bool brief);

/* The columns of the terminal; of a pipe or file, as many as a line may reasonably have. */
unsigned tree_width(FILE *out);
/* Ghosts count where a child went on without exec. */
bool tree_ghosts_matter(const struct process *p);

/* --- words (tree_words.c) ---------------------------------------------------------------------- */

/* "uwsgi worker 1 (p1)", escaped; NONE: "?". Returns buffer. */
const char *tree_process(char *buffer, size_t size, const struct timeline *t, process_id p);
/* "ticker" (Python's name), else pthread_setname_np's, else its start routine, "main thread"; escaped. */
const char *tree_thread(char *buffer, size_t size, const struct timeline *t, thread_id thread);
/* Who sent a signal that was taken (SIGNAL): "gunicorn arbiter (p0)", "bash (pid 123)", "itself", "the
 * terminal", "the kernel";
 * "" unknown, or a fault of its own. Escaped. Returns buffer. */
const char *tree_sender(char *buffer, size_t size, const struct timeline *t, event_id taken);
/* ", started at ticker.py:18 in uwsgi master (p0)": who called Thread.start() or pthread_create() where, as
 * far as it is known; escaped. Returns buffer. */
const char *tree_started(char *buffer, size_t size, const struct timeline *t, thread_id thread);
/* "12 records lost: the kernel's ring buffer was full", each reason after "; "; "" if none is. Returns
 * buffer. */
const char *tree_lost(char *buffer, size_t size, const struct timeline *t);

#endif
