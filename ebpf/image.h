/*
 * image.h: what an image is that has just begun, and why the library is not in it.
 */
#ifndef FT_EBPF_IMAGE_H
#define FT_EBPF_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

#define IMAGE_PATH 4096

/*
 * Fills in the path of what runs ("": it is gone, or not ours to look at).
 * Returns enum ft_blind_why; 0: nothing known keeps the library out.
 */
uint32_t image_look(const struct event_exec *e, char exe[IMAGE_PATH]);

/* Of a process that runs already: is the library mapped in it? */
bool image_has_library(uint32_t pid);

#endif
