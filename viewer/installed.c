/* installed.c: see installed.h. */
#define _GNU_SOURCE
#include "installed.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef FORKTRACE_PREFIX
#define FORKTRACE_PREFIX "/usr/local"
#endif

static bool own_directory(char *directory, size_t room)
{
    ssize_t n = readlink("/proc/self/exe", directory, room - 1);
    if (n <= 0) return false;
    directory[n] = 0;
    *strrchr(directory, '/') = 0;
    return true;
}

/* build/libforktrace.so beside build/forktrace; PREFIX/lib/forktrace/ from PREFIX/bin/. */
bool installed_library(char *library, size_t room)
{
    char self[PATH_MAX];
    if (!own_directory(self, sizeof self)) return false;
    static const char *const places[] = {"%s/libforktrace.so", "%s/../lib/forktrace/libforktrace.so",
                                         "%.0s" FORKTRACE_PREFIX "/lib/forktrace/libforktrace.so"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[PATH_MAX + 64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(path, sizeof path, places[i], self);
#pragma GCC diagnostic pop
        char *real = realpath(path, NULL);
        if (!real) continue;
        snprintf(library, room, "%s", real);
        free(real);
        return true;
    }
    return false;
}

bool installed_ebpf(char *program, size_t room)
{
    char self[PATH_MAX];
    if (!own_directory(self, sizeof self)) return false;
    int length = snprintf(program, room, "%s/forktrace-ebpf", self);
    return length > 0 && (size_t)length < room && !access(program, X_OK);
}
