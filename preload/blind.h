/*
 * blind.h: images the library will not be in, told before they begin: they
 * cannot tell themselves.
 *
 * Looking costs three or four system calls an exec. All of it is
 * async-signal-safe, works in a vfork child, keeps errno.
 */
#ifndef BLIND_H
#define BLIND_H

#include "trace/format.h"

/* What keeps the library out of the file at a path, found as execvp() does, or open on a descriptor; 0:
 * nothing is known, or we are not recording. The path need not be readable memory. */
enum ft_blind_why blind_at(const char *path);
enum ft_blind_why blind_in_path(const char *name);
enum ft_blind_why blind_at_fd(int fd);

/* Nothing is written if `why` or `task` is 0. `fork`: see struct ft_blind. */
void blind_record(ft_ref task, ft_ref fork, ft_ref path, enum ft_blind_why why);

/* Of the child a fork record is about, which may be NULL. */
void blind_child(const struct ft_fork *record, const char *path, enum ft_blind_why why);

#endif
