/*
 * image.h: what an image is that has just begun, and why the library is not in it.
 */
#ifndef FT_EBPF_IMAGE_H
#define FT_EBPF_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define IMAGE_PATH 4096

/*
 * Fills in the path of what runs ("": it is gone, or not ours to look at).
 * Returns enum ft_blind_why; 0: nothing known keeps the library out.
 */
uint32_t image_look(const struct event_exec *e, char exe[IMAGE_PATH]);

/*
 * The same of a process that runs already, with its arguments: as many bytes as there is room for, `*size` of
 * them are filled in.
 */
uint32_t image_found(uint32_t pid, char exe[IMAGE_PATH], char *argv, size_t *size);

#endif
