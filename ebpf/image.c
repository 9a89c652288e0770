/*
 * image.c: see image.h. What the kernel said of the image counts first (its
 * rights, its environment); the rest is in the file that runs. A process that
 * is gone already leaves only the path it was called by.
 */
#define _GNU_SOURCE
#include "image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/target.h"
#include "trace/format.h"

#define LIBRARY "libforktrace.so"

/* The entry of LD_PRELOAD that is ours, into `path`; false: there is none. */
static bool find_library(const char *preload, char *path, size_t room)
{
    const char *at = preload + strcspn(preload, "=");
    if (*at) at++;
    for (size_t length; *(at += strspn(at, ": ")); at += length) {
        length = strcspn(at, ": ");
        if (length >= room || length < sizeof LIBRARY - 1) continue;
        if (memcmp(at + length - (sizeof LIBRARY - 1), LIBRARY, sizeof LIBRARY - 1)) continue;
        memcpy(path, at, length);
        path[length] = 0;
        return true;
    }
    return false;
}

/* Can it be opened from where the process's root directory is? */
static bool out_of_reach(uint32_t pid, const char *library)
{
    char root[64], path[PRELOAD_ROOM + 64];
    struct stat st;
    snprintf(root, sizeof root, "/proc/%u/root/", pid);
    if (*library != '/' || stat(root, &st)) return false; /* gone, or not ours to look at */
    snprintf(path, sizeof path, "/proc/%u/root%s", pid, library);
    return access(path, F_OK) != 0;
}

static uint32_t secure(const char *file)
{
    struct stat st;
    bool set_id = !stat(file, &st) && (st.st_mode & (S_ISUID | S_ISGID));
    return set_id || access(file, F_OK) ? FT_BLIND_SETUID : FT_BLIND_CAPABILITIES;
}

uint32_t image_look(const struct event_exec *e, char exe[IMAGE_PATH])
{
    char link[64], library[PRELOAD_ROOM];
    snprintf(link, sizeof link, "/proc/%u/exe", e->head.tid);
    ssize_t length = readlink(link, exe, IMAGE_PATH - 1);
    exe[length > 0 ? length : 0] = 0;
    const char *file = length > 0 ? link : e->path;
    if (e->secure) return secure(file);
    struct target target = {0};
    if (*file == '/') target_look(file, &target);
    /* our own rights, which the looking goes by, are not those of the process: of them the kernel has told */
    bool rights = target.why == FT_BLIND_SETUID || target.why == FT_BLIND_CAPABILITIES;
    if (target.kind == TARGET_ELF && target.why && !rights) return target.why;
    if (!e->env_known) return 0;
    if (!find_library(e->preload, library, sizeof library)) return FT_BLIND_ENVIRONMENT;
    return out_of_reach(e->head.tid, library) ? FT_BLIND_CHROOT : 0;
}

/* --- of a process that runs already ------------------------------------------------------------- */

static bool has_library(uint32_t pid)
{
    char path[64], line[4096 + 128];
    snprintf(path, sizeof path, "/proc/%u/maps", pid);
    FILE *f = fopen(path, "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) found = strstr(line, "/" LIBRARY);
    if (f) fclose(f);
    return found;
}

static size_t read_arguments(uint32_t pid, char *argv, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, argv, room);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

uint32_t image_found(uint32_t pid, char exe[IMAGE_PATH], char *argv, size_t *size)
{
    char link[64];
    struct target target;
    snprintf(link, sizeof link, "/proc/%u/exe", pid);
    ssize_t length = readlink(link, exe, IMAGE_PATH - 1);
    exe[length > 0 ? length : 0] = 0;
    *size = read_arguments(pid, argv, *size);
    target_look(link, &target);
    bool rights = target.why == FT_BLIND_SETUID || target.why == FT_BLIND_CAPABILITIES;
    if (target.why && !rights) return target.why;
    return has_library(pid) ? 0 : FT_BLIND_ENVIRONMENT;
}
