/*
 * stores.h: writes to C globals by processes that the library is not in: four
 * places of 8 bytes in each image by the processor's breakpoints, which its
 * threads and forked children inherit; what has no place there gets uprobes
 * behind the stores that name it.
 *
 * The process is not stopped for that: what it writes in its first
 * milliseconds is not seen.
 */
#ifndef FT_EBPF_STORES_H
#define FT_EBPF_STORES_H

#include "record.h"
#include "write.h"

struct bpf_program;
struct probes;
struct stores;

/* `list`: WATCHes with ';' between them; those for Python are left out. NULL: nothing to watch, or no memory.
 */
struct stores *stores_open(const char *list, struct bpf_program *stored, struct bpf_program *store_done,
                           struct probes *probes, int places);
void stores_close(struct stores *s);

/* An image the library is not in: put the watches on. s may be NULL. */
void stores_look_at(struct stores *s, struct output *o, uint64_t image, uint32_t pid);
/* Libraries are loaded later: look again at images where something was not found. Ten times a second. */
void stores_tick(struct stores *s, struct output *o);

void stores_event(struct output *o, const struct event_store *e);

#endif
