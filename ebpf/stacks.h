/*
 * stacks.h: the stacks of calls (probes.h) as records: FT_STACK, and FT_OBJECT
 * for what the addresses lie in, once for all processes of an image.
 */
#ifndef FT_EBPF_STACKS_H
#define FT_EBPF_STACKS_H

#include "record.h"
#include "trace/writer.h"

/* An image the library is not in: what is mapped is looked at while it is there. `image`: member.image, or 0.
 */
void stacks_prepare(uint64_t image, uint32_t pid);
/* Of a call by `task`. */
struct ft_origin stacks_origin(struct ft_writer *w, const struct event_call *e, ft_ref task);
/* The function a call was given (a start routine, a handler): what it lies in is written down too. */
void stacks_name(struct ft_writer *w, const struct event_call *e, uint64_t address, ft_ref task);
/* The object an address of this image lies in is written down. */
void stacks_object(struct ft_writer *w, uint64_t image, uint32_t pid, uint64_t address, ft_ref task);
/* The stack of a call site whose events only name the site. */
void stacks_site(struct ft_writer *w, const struct ft_origin *origin, ft_ref task);
void stacks_close(void);

#endif
