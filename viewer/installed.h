/*
 * installed.h: where the other parts of forktrace are: beside the running
 * program (a build directory), or where `make install` put them.
 */
#ifndef INSTALLED_H
#define INSTALLED_H

#include <stdbool.h>
#include <stddef.h>

/* libforktrace.so, as a path without links. */
bool installed_library(char *path, size_t room);
/* forktrace-ebpf. Beside forktrace, and nowhere else: what runs with privileges is not searched for. */
bool installed_ebpf(char *path, size_t room);

#endif
